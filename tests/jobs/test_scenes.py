"""A job keeps its promises however it is disturbed; see `benchmarks/job_scenes.py`, too."""

import asyncio
import secrets
from pathlib import Path

import pytest

from benchmarks._job_scenes import play

_FIXED = range(8)


@pytest.mark.parametrize("seed", [*_FIXED, None])
def test_keeps_its_promises(seed: int | None, tmp_path: Path) -> None:
    """Cancelled twice, closed, stopped: one outcome a row, none asked twice, nothing left."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    print(f"seed {chosen}")  # noqa: T201 - to play a failure again
    assert asyncio.run(play(chosen, tmp_path))
