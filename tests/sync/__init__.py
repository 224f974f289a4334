"""The client without async, in threads, processes and other people's event loops."""
