"""How does a request get there and back?

It never decides whether to try again.
"""
