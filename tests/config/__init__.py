"""How a client behaves: settings and their checks."""
