"""Tests of what the tools that people already run see of a client."""
