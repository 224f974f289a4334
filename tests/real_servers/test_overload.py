"""A server that sheds load: the answers it still gives, and the requests it gets."""

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
async def test_gets_fewer_requests_and_gives_more_answers() -> None:
    """Fewer requests a lookup than tenacity sends, and more answers in the overload."""
    refused, throttled, rival = await asyncio.gather(
        _through(ours, 503, None), _through(ours, 429, 1), _through(with_tenacity, 503, None)
    )
    for figures in (refused, throttled):
        assert figures.amplification <= 1.3
        assert figures.amplification < rival.amplification
        assert figures.useful > rival.useful
