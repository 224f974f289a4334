"""How is a value shown to a person?

It never holds state, and knows nothing of requests.
"""
