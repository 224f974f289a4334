"""Random scenes of cancellation: whatever is cancelled and closed when, the same things hold."""

from benchmarks._cancellation_scenes import play
from tests.tables import table


@table("first", range(0, 24, 8))
def test_leaves_nothing_whatever_is_cancelled_when(first: int) -> None:
    """Places, turns, tasks and shared calls are free again, quota and deadlines were kept."""
    wrong = {seed: played.wrong for seed in range(first, first + 8) if (played := play(seed)).wrong}
    assert wrong == {}
