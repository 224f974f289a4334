"""Code that is never run: what mypy says of it is the test."""
