"""How is a value shown to a person? Without state, and without knowledge of requests."""
