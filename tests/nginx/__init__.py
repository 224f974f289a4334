"""Against a real nginx, which counts in its own way."""
