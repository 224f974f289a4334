"""How often does Python look for garbage while a command runs? Less often than by default.

Each lookup under way is some hundred objects, and all of them are there for good reason. Python
looks through them whenever 700 more have come than gone, which with tens of lookups under way is
again and again, and finds next to nothing. `python -m benchmarks.million` shows what that costs,
with `--as-library` and without.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = 50_000


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Let the garbage collector begin at 50,000 young objects, unless it is off or later.

    It is a setting of the process, so it is the program's to make and not the library's, and it
    is as it was after the block.
    """
    before = gc.get_threshold()
    if 0 < before[0] < _YOUNG:
        gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
