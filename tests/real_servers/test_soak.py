"""A client at its quota for some seconds, over a server that fails: nothing grows."""

import gc
import tracemalloc
from typing import Final

import pytest

from benchmarks.soak import soak

_RATE: Final = 100
_MIB: Final = 1024 * 1024


@pytest.mark.measures
async def test_grows_in_nothing_and_keeps_its_rate() -> None:
    """Memory, file descriptors and tasks of the last third are those of the second."""
    gc.collect()
    gc.freeze()  # else the collector traverses the objects of earlier tests at every sample
    tracemalloc.start(1)
    try:
        soaked = await soak(
            4.5,
            every=0.15,
            rate=(_RATE, 1.0),
            latency=(0.005, 0.02),
            faults=0.1,
            drop_keepalive=0.02,
        )
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert set(soaked.endings) <= {"found", "not_found"}
    assert soaked.samples[-1].retries >= 5
    for name, more in (("traced", _MIB // 4), ("rss", 4 * _MIB), ("files", 16), ("tasks", 8)):
        earlier, later = soaked.median(name)
        assert later <= earlier + more, name
    earlier_pace, later_pace = soaked.paces()
    assert later_pace <= 1.02 * _RATE
    assert later_pace >= 0.5 * earlier_pace
