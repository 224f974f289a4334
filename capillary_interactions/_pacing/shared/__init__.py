"""How do several processes share one quota?

It never decides what a process does with its slots, and never sees a credential: its callers name a
quota by a key.
"""
