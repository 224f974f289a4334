"""Headers, tokens and failures of connections."""
