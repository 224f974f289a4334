"""The pytest plugin: `capillary_sandbox`, a real server for one test."""
