"""A job survives SIGKILL: a few rounds; `python -m benchmarks.kills` does many."""

import random
import secrets
from pathlib import Path

from benchmarks.kills import run_chains


def test_survives_being_killed_at_any_moment(tmp_path: Path) -> None:
    """Complete, equal to an undisturbed job, and no customer with an outcome looked up again."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")  # noqa: T201 - to play a failure again
    kills = run_chains(tmp_path, kills=2, customers=120, rng=random.Random(seed))
    assert kills.total() == 2
