"""How many lookups ended when? In slices of time whose number is bounded however long a job is."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

# In tenths of a second; each is a multiple of the one before, so that slices can be joined.
_WIDTHS: Final = (1, 5, 10, 50, 150, 600, 3_000, 9_000, 36_000, 216_000, 864_000, 6_048_000)
_TENTHS: Final = 10
_MAX_SLICES: Final = 50_000


@frozen(kw_only=True)
class Slice:
    """The lookups that ended in a slice of time.

    Attributes:
        start: In seconds since 1970.
        end: Likewise.
        lookups: How many ended.
        requests: How many were sent for them.
        failed: How many were rejected, unreadable or unavailable.
        served: The seconds that they took without their waits, added up.
        longest: The longest of these times.
    """

    start: float
    end: float
    lookups: int = 0
    requests: int = 0
    failed: int = 0
    served: float = 0.0
    longest: float = 0.0

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def mean(self) -> float:
        """Seconds that a lookup took, without its wait."""
        return self.served / self.lookups if self.lookups else 0.0


def joined(slices: Iterable[Slice], start: float, end: float) -> Slice:
    parts = tuple(slices)
    return Slice(
        start=start,
        end=end,
        lookups=sum(part.lookups for part in parts),
        requests=sum(part.requests for part in parts),
        failed=sum(part.failed for part in parts),
        served=sum(part.served for part in parts),
        longest=max((part.longest for part in parts), default=0.0),
    )


class Timeline:
    """Lookups by when they ended, to the tenth of a second first, and coarser as it grows."""

    def __init__(self, max_slices: int = _MAX_SLICES) -> None:
        self._max_slices = max_slices
        self._step = 0
        self._width = _WIDTHS[0]
        # By index: lookups, requests, failed, served, longest.
        self._sums: dict[int, list[float]] = {}

    @property
    def slice_seconds(self) -> float:
        return self._width / _TENTHS

    def add(self, at: float, *, requests: int, served: float, failed: bool) -> None:
        index = int(at * _TENTHS) // self._width
        sums = self._sums.get(index)
        if sums is None:
            if len(self._sums) >= self._max_slices:
                self._widen()
                self.add(at, requests=requests, served=served, failed=failed)
                return
            sums = self._sums[index] = [0, 0, 0, 0.0, 0.0]
        _add(sums, (1, requests, failed, served), served)

    def slices(self) -> tuple[Slice, ...]:
        """The slices in order, without those in which nothing ended."""
        return tuple(self._slice(index, sums) for index, sums in sorted(self._sums.items()))

    def _slice(self, index: int, sums: list[float]) -> Slice:
        lookups, requests, failed, served, longest = sums
        return Slice(
            start=index * self._width / _TENTHS,
            end=(index + 1) * self._width / _TENTHS,
            lookups=int(lookups),
            requests=int(requests),
            failed=int(failed),
            served=served,
            longest=longest,
        )

    def _widen(self) -> None:
        self._step += 1
        before = self._width
        # No job takes longer than the table, but any multiple would do.
        self._width = _WIDTHS[self._step] if self._step < len(_WIDTHS) else before * 10
        joined: dict[int, list[float]] = {}
        for index, (*counts, longest) in self._sums.items():
            sums = joined.setdefault(index * before // self._width, [0, 0, 0, 0.0, 0.0])
            _add(sums, counts, longest)
        self._sums = joined


def _add(sums: list[float], counts: Iterable[float], longest: float) -> None:
    for index, count in enumerate(counts):
        sums[index] += count
    sums[-1] = max(sums[-1], longest)
