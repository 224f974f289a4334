"""A list, looked up part by part by the workers of an engine, in a folder that all of them see.

What is decided is in that folder: no worker and no driver knows anything that is lost with it.
"""
