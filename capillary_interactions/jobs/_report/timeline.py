"""How many lookups ended when? Slices of time that stay few however long a job takes. Pure."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

# Tenths of a second; each is a multiple of the one before, so that slices can be joined.
_WIDTHS: Final = (1, 5, 10, 50, 150, 600, 3_000, 9_000, 36_000, 216_000, 864_000, 6_048_000)
_TENTHS: Final = 10
_MOST: Final = 50_000


@frozen(kw_only=True)
class Slice:
    """What ended in a slice of time.

    Attributes:
        begins: In seconds since 1970.
        ends: Likewise.
        lookups: How many ended.
        requests: How many were sent for them.
        failed: How many were rejected, unreadable or unavailable.
        served: Seconds that they took, waiting left out, added up.
        longest: The most that one of them took.
    """

    begins: float
    ends: float
    lookups: int = 0
    requests: int = 0
    failed: int = 0
    served: float = 0.0
    longest: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ends - self.begins

    @property
    def mean(self) -> float:
        """Seconds that a lookup took, waiting left out."""
        return self.served / self.lookups if self.lookups else 0.0


def joined(slices: Iterable[Slice], begins: float, ends: float) -> Slice:
    """Several slices as one."""
    held = tuple(slices)
    return Slice(
        begins=begins,
        ends=ends,
        lookups=sum(each.lookups for each in held),
        requests=sum(each.requests for each in held),
        failed=sum(each.failed for each in held),
        served=sum(each.served for each in held),
        longest=max((each.longest for each in held), default=0.0),
    )


class Timeline:
    """Lookups by when they ended, at first to the tenth of a second, and coarser as it grows.

    Args:
        most: More slices than this are never kept.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._step = 0
        self._width = _WIDTHS[0]
        self._held: dict[int, list[float]] = {}

    @property
    def width(self) -> float:
        """How many seconds the slices cover that there are now."""
        return self._width / _TENTHS

    def add(self, at: float, *, requests: int, served: float, failed: bool) -> None:
        """Take a lookup."""
        place = int(at * _TENTHS) // self._width
        held = self._held.get(place)
        if held is None:
            if len(self._held) >= self._most:
                self._widen()
                self.add(at, requests=requests, served=served, failed=failed)
                return
            held = self._held[place] = [0, 0, 0, 0.0, 0.0]
        held[0] += 1
        held[1] += requests
        held[2] += failed
        held[3] += served
        held[4] = max(held[4], served)

    def slices(self) -> tuple[Slice, ...]:
        """What there is, in order; slices in which nothing ended are left out."""
        return tuple(self._slice(place, held) for place, held in sorted(self._held.items()))

    def _slice(self, place: int, held: list[float]) -> Slice:
        lookups, requests, failed, served, longest = held
        return Slice(
            begins=place * self._width / _TENTHS,
            ends=(place + 1) * self._width / _TENTHS,
            lookups=int(lookups),
            requests=int(requests),
            failed=int(failed),
            served=served,
            longest=longest,
        )

    def _widen(self) -> None:
        self._step += 1
        before = self._width
        # Beyond the table any multiple will do: no job takes that long.
        self._width = _WIDTHS[self._step] if self._step < len(_WIDTHS) else before * 10
        held: dict[int, list[float]] = {}
        for place, more in self._held.items():
            there = held.setdefault(place * before // self._width, [0, 0, 0, 0.0, 0.0])
            there[:4] = [mine + its for mine, its in zip(there[:4], more[:4], strict=True)]
            there[4] = max(there[4], more[4])
        self._held = held
