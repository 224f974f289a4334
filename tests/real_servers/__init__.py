"""Against servers that count in every known way, and what a client learns from refusals."""
