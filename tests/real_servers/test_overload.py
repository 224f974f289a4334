"""A server that sheds load: what it still gives, and what is asked of it."""

import asyncio
from typing import Final

import pytest

from benchmarks._competitors import ours, with_tenacity
from benchmarks.goodput import SPEED, Figures, Phases, Rival, run
from benchmarks.servers.overloaded import shedding

_PHASES: Final = Phases(calm=0.5, overload=2.5, after=1.0)


async def _through(rival: Rival, status: int, hint: int | None) -> Figures:
    with shedding(SPEED, status, hint) as server:
        return await run(rival, server, _PHASES)


@pytest.mark.measures
async def test_is_spared_and_gives_more_for_it() -> None:
    """Fewer requests a lookup than tenacity sends, and more answers while it is overloaded."""
    mine, throttled, naive, naive_throttled = await asyncio.gather(
        _through(ours, 503, None),
        _through(ours, 429, 1),
        _through(with_tenacity, 503, None),
        _through(with_tenacity, 429, 1),
    )
    assert max(mine.amplification, throttled.amplification) <= 1.3
    assert mine.amplification < naive.amplification
    assert throttled.amplification < naive_throttled.amplification
    assert mine.useful > naive.useful
    assert throttled.useful > naive_throttled.useful
