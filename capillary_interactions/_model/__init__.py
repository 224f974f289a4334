"""What is asked, what is answered, and how can a lookup end?

It never knows JSON, URLs or the time.
"""
