"""One lookup and many lookups, on a clock that jumps."""
