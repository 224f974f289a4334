"""How is every open row asked, once?

It never writes SQL or files.
"""
