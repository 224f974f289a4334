"""How does JSON become a value, and a value JSON?

It never knows HTTP, a status or a retry.
"""
