"""When may the next request leave?

It never knows requests, credentials or HTTP.
"""
