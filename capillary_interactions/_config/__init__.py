"""How does a client behave? Reads nothing but `os.environ`."""
