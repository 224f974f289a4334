"""When the next request of several processes may leave that share one quota."""
