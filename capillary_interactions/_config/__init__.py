"""How does a client behave?

It never reads anything but `os.environ`.
"""
