"""How do one and many lookups come to their end?

It never parses, encodes or classifies anything itself.
"""
