"""What stands in a list, row by row?

It never touches SQLite or the client.
"""
