"""The event loop of a command, on uvloop where that is installed, and its garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")
_GC_THRESHOLD: Final = 50_000


def run_async(coroutine: "Coroutine[Any, Any, _T]") -> _T:
    # Help and completion need neither.
    import asyncio  # noqa: PLC0415

    from capillary_interactions._client.loop_factory import loop_factory  # noqa: PLC0415

    with _relaxed_gc(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(coroutine)


@contextmanager
def _relaxed_gc() -> Iterator[None]:
    """Let the garbage collector run at 50,000 young objects, unless it is off or runs later.

    Each lookup in progress is some hundred live objects, and by default Python looks through them
    at every 700 new ones; `python -m benchmarks.million` measures it, with `--as-library` and
    without. It is a setting of the process, so it is the program's to make, not the library's.
    """
    before = gc.get_threshold()
    if 0 < before[0] < _GC_THRESHOLD:
        gc.set_threshold(_GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
