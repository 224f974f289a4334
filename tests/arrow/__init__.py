"""What does an Arrow table of outcomes hold, and who can read it?"""
