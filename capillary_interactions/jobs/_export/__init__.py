"""How do results become a file, complete or not at all?

It never changes an outcome.
"""
