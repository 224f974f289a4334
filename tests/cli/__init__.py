"""The command line, from its rules to whole runs of the program."""
