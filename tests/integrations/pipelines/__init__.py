"""Data pipelines that load what the client finds."""
