"""Against rate limiters of every type, an overloaded server, and for longer."""
