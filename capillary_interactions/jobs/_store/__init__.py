"""What does a job remember?

It never runs in an event loop.
"""
