"""What are lookups called in telemetry, and what is measured of them?

It never changes what a client does.
"""
