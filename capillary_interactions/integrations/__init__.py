"""One file for each foreign system; each imports its library, and needs the extra of that name.

Nothing is imported here: import the module of the system in question.
"""
