"""The contiguous finished offsets, against a model that looks at everything."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from capillary_interactions.integrations._consuming.contiguous_offsets import ContiguousOffsets


class Partition(RuleBasedStateMachine):
    """Messages begin in order, with gaps, and finish in any."""

    started = Bundle("started")

    def __init__(self) -> None:
        super().__init__()
        self.offsets = ContiguousOffsets()
        self.positions: list[int] = []
        self.finished: set[int] = set()
        self.committed: int | None = None

    @rule(target=started, gap=st.integers(1, 3))
    def start(self, gap: int) -> int:
        """The next message, at the next position or a later one."""
        position = (self.positions[-1] if self.positions else -1) + gap
        self.offsets.start(position)
        self.positions.append(position)
        return position

    @rule(position=consumes(started))
    def finish(self, position: int) -> None:
        """Any message that is under way."""
        resume_at = self.offsets.finish(position)
        self.finished.add(position)
        expected = self._expected()
        assert resume_at == (expected if expected != self.committed else None)
        self.committed = expected

    def _expected(self) -> int | None:
        expected = None
        for position in self.positions:
            if position not in self.finished:
                break
            expected = position + 1
        return expected

    @invariant()
    def skips_nothing(self) -> None:
        """Everything before what is committed has finished; the rest is counted."""
        committed = self.committed or 0
        assert all(position in self.finished for position in self.positions if position < committed)
        assert self.offsets.pending == sum(position >= committed for position in self.positions)


TestPartition = Partition.TestCase
TestPartition.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_refuses_a_position_that_does_not_rise() -> None:
    """A message that comes again has been started already."""
    offsets = ContiguousOffsets()
    offsets.start(5)
    with pytest.raises(ValueError, match="5"):
        offsets.start(5)


def test_refuses_to_finish_twice() -> None:
    """Or what was never started."""
    offsets = ContiguousOffsets()
    offsets.start(1)
    offsets.start(2)
    offsets.finish(2)
    for position in (2, 3):
        with pytest.raises(KeyError):
            offsets.finish(position)
