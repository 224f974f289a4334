"""Frameworks, brokers and telemetry."""
