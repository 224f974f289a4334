"""How far is a partition done without a gap? For brokers that know only "everything up to here"."""

from collections import deque


class ContiguousOffsets:
    """The offsets of one partition: which were started, and which of them have finished.

    What is committed may only ever be the end of a run of finished offsets with no unfinished
    one before it: after a crash the broker goes on from there, and would skip the others.
    """

    def __init__(self) -> None:
        self._started: deque[int] = deque()
        self._unfinished: set[int] = set()
        self._newest: int | None = None

    @property
    def pending(self) -> int:
        """Offsets from the first unfinished one on: what a crash now would repeat at most."""
        return len(self._started)

    def start(self, offset: int) -> None:
        """Add an offset; some may be skipped, but one that does not rise is a `ValueError`."""
        if self._newest is not None and offset <= self._newest:
            raise ValueError(f"offset {offset} does not come after {self._newest}")
        self._newest = offset
        self._started.append(offset)
        self._unfinished.add(offset)

    def finish(self, offset: int) -> int | None:
        """Finish an offset; return where the broker would now go on, if this has changed it.

        A `KeyError` if it was not started, or has been finished before.
        """
        self._unfinished.remove(offset)
        resume_at = None
        while self._started and self._started[0] not in self._unfinished:
            resume_at = self._started.popleft() + 1
        return resume_at
