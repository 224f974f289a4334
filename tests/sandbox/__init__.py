"""Tests of the sandbox, each over a real socket or as a law."""
