"""How far is a partition done without a gap? For brokers that know only "everything up to here"."""

from collections import deque


class ContiguousOffsets:
    """The positions of one partition: which were begun, and which of them have finished.

    What is committed may only ever be the end of a run of finished positions with no unfinished
    one before it: after a crash the broker goes on from there, and would skip the others.
    """

    def __init__(self) -> None:
        self._begun: deque[int] = deque()
        self._unfinished: set[int] = set()
        self._newest: int | None = None

    @property
    def ahead(self) -> int:
        """Positions from the first unfinished one on: what a crash now would repeat at most."""
        return len(self._begun)

    def begin(self, position: int) -> None:
        """A message at this position is taken on; positions may be skipped, but only rise.

        Raises:
            ValueError: It does not come after those before it.
        """
        if self._newest is not None and position <= self._newest:
            raise ValueError(f"position {position} does not come after {self._newest}")
        self._newest = position
        self._begun.append(position)
        self._unfinished.add(position)

    def finish(self, position: int) -> int | None:
        """A message is done.

        Returns:
            The position from which the broker would now have to go on, if this has changed it.

        Raises:
            KeyError: It was not begun, or has been finished before.
        """
        self._unfinished.remove(position)
        done = None
        while self._begun and self._begun[0] not in self._unfinished:
            done = self._begun.popleft() + 1
        return done
