"""Bulk jobs on disk."""
