"""What is sent, and what does an answer mean?

It never touches a clock, a task or a socket: they come as arguments.
"""
