"""Servers that the benchmarks measure against."""
