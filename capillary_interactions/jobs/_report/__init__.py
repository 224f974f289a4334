"""What does a job look like?

Only `Job` imports it.
"""
