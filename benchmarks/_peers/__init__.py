"""Clients to compare with, each written as a user of its libraries would from their documentation.

Each asks for one customer's interactions and, unless its name says otherwise, reads the answer into
a model, retries, and authenticates; what else this client does (a quota kept in any window, a
retry budget, a shared cool-down, masking) the others do not.
"""
