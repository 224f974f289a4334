"""How does a client behave? Reads nothing but `os.environ`, and the profile that is named."""
