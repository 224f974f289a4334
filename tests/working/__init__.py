"""The working parts, without sockets, on a clock that is moved and never waited for."""
