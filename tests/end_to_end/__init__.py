"""Tests of the client over real sockets, against the sandbox and against servers gone wrong."""
