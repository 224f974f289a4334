"""The values of the public surface."""
