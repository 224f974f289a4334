"""The tests; `python -m tests` runs them with every other check."""

import os
import sys

# Containers often forbid to write byte code. Here each worker and each program that a test starts
# would compile all that it imports: half of what the start of the program costs.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
