"""How fast was a job, compared with its quota, and when was it slowest?"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

from attrs import frozen

from capillary_interactions.jobs._report.active_time import ActiveTime, nice_interval
from capillary_interactions.jobs._report.timeline import Slice, Timeline, joined
from capillary_interactions.jobs._store.queries import TimedRun

_MAX_SLICES: Final = 80
_MIN_REQUESTS: Final = 20  # in a slice
_MAX_SLOWEST: Final = 8
# The slowest slices are of the longest of these that is a fifth of the time at most.
_SLOWEST_SECONDS: Final = (60.0, 10.0, 1.0)
_MIN_SLOWEST: Final = 5


@frozen(kw_only=True)
class RateSlice:
    """A slice of running time, and the requests a second that the quota allowed then."""

    slice: Slice
    quota: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.slice.requests / self.slice.seconds

    @property
    def lookups(self) -> float:
        """Lookups a second."""
        return self.slice.lookups / self.slice.seconds


@frozen(kw_only=True)
class Throughput:
    """How fast a job was, slice by slice of its time.

    `slowest` are the slices in which a lookup took longest on average, slowest first.
    """

    active_time: ActiveTime
    slice_seconds: float
    slices: tuple[RateSlice, ...]
    slowest_seconds: float
    slowest: tuple[Slice, ...]


def throughput(timeline: Timeline, runs: Sequence[TimedRun]) -> Throughput:
    """The throughput of a job, by its lookups and its runs."""
    slices = timeline.slices()
    spans = [(part.start, part.end) for part in slices]
    active = ActiveTime(spans + [(run.began, run.ended) for run in runs])
    requests = sum(part.requests for part in slices)
    finest = active.seconds * max(1 / _MAX_SLICES, _MIN_REQUESTS / max(requests, 1))
    width = nice_interval(min(finest, active.seconds), timeline.slice_seconds)
    slowest_seconds = _slowest_seconds(active.seconds, timeline.slice_seconds)
    regular = _regular(slices, slowest_seconds)
    return Throughput(
        active_time=active,
        slice_seconds=width,
        slices=tuple(_rate_slices(slices, active, width, runs)),
        slowest_seconds=slowest_seconds,
        slowest=tuple(sorted(regular, key=lambda part: (-part.mean, part.start))[:_MAX_SLOWEST]),
    )


def _slowest_seconds(total: float, finest: float) -> float:
    for seconds in _SLOWEST_SECONDS:
        if seconds >= finest and total >= _MIN_SLOWEST * seconds:
            return seconds
    return max(1.0, finest)


def _regular(slices: Iterable[Slice], width: float) -> list[Slice]:
    """Slices of one width, at multiples of it."""
    return [
        joined(parts, number * width, (number + 1) * width)
        for number, parts in groupby(slices, lambda part: int(_middle(part) // width))
    ]


def _middle(part: Slice) -> float:
    # Its ends may be off by a rounding error.
    return (part.start + part.end) / 2


def _rate_slices(
    slices: Sequence[Slice], active: ActiveTime, width: float, runs: Sequence[TimedRun]
) -> Iterable[RateSlice]:
    cuts = [cut for span in active.spans for cut in _cuts(*span, width)]
    starts = [start for start, _ in cuts]
    parts = {
        number: tuple(group)
        for number, group in groupby(slices, lambda part: bisect_right(starts, _middle(part)) - 1)
    }
    for number, (start, end) in enumerate(cuts):
        yield RateSlice(slice=joined(parts.get(number, ()), start, end), quota=_quota(runs, end))


def _cuts(start: float, end: float, width: float) -> Iterable[tuple[float, float]]:
    """A span cut at multiples of a width; short rests at its ends are joined to a neighbour."""
    inner = [n * width for n in range(int(start // width) + 1, int(-(-end // width)))]
    inner = [cut for cut in inner if cut - start >= width / 2 and end - cut >= width / 2]
    return pairwise([start, *inner, end])


def _quota(runs: Sequence[TimedRun], moment: float) -> float:
    before = [run for run in runs if run.began <= moment]
    return (before or list(runs))[-1].figures.quota if runs else 0.0
