"""Runs a module of this checkout on the library of any checkout, as everything here is measured.

Usage: python -P launch.py LIBRARY CORE MODULE [ARGUMENTS], where LIBRARY is the root of a checkout
and CORE the number of a CPU, or -1 for any.
"""

import importlib
import os
import runpy
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
# glibc maps every block of 128 KiB or more afresh until a larger one has been freed. asyncio reads
# into 256 KiB: without this, three system calls and a page fault a read come and go with what a
# program happened to free earlier, up to a fifth of what bare aiohttp costs.
_FREED: Final = 4 << 20


def main() -> None:
    """Set the process up, and become the module."""
    library, core, module = sys.argv[1:4]
    bytearray(_FREED)
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    # A checkout holds both packages: the library is that one's, the suite is this one's.
    sys.path.insert(0, library)
    importlib.import_module("capillary_interactions")
    sys.path[0] = str(_ROOT)
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
