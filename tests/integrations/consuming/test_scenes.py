"""A consumer keeps its promises however it is disturbed: see `benchmarks/consumer_scenes.py`."""

import secrets

import pytest

from benchmarks._consumer_scenes import play
from capillary_interactions.testing import run_without_waiting

_FIXED = range(30)


@pytest.mark.parametrize("seed", [*_FIXED, None])
def test_keeps_its_promises(seed: int | None) -> None:
    """Stopped, cancelled twice, its client closed: each message is settled exactly once."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    print(f"seed {chosen}")  # noqa: T201 - to play a failure again
    assert run_without_waiting(play(chosen))
