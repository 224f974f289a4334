"""What happens to a message between reading and settling?

It never knows a broker.
"""
