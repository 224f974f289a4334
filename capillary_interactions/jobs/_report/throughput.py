"""How fast did a job go, against what quota, and when was it slowest? Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

from attrs import frozen

from capillary_interactions.jobs._report.active_time import ActiveTime, nice_interval
from capillary_interactions.jobs._report.timeline import Slice, Timeline, joined
from capillary_interactions.jobs._store.queries import TimedRun

_SLICES: Final = 80
_REQUESTS: Final = 20
_SLOWEST: Final = 8
_MINUTE: Final = 60.0
# Of these, the longest that leaves a choice.
_GRAINS: Final = (_MINUTE, 10.0, 1.0)
_CHOICE: Final = 5


@frozen(kw_only=True)
class RateSlice:
    """A slice of time against the quota.

    Attributes:
        slice: The slice; only the part in which the job was at work.
        quota: Requests a second that the quota allowed then.
    """

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
    """How fast a job went.

    Attributes:
        stretches: When it was at work.
        width: Seconds that a slice of `paces` covers.
        paces: Slice by slice, in order.
        grain: Seconds that a slice of `slowest` covers.
        slowest: The slices in which a lookup took longest on average, slowest first.
    """

    stretches: ActiveTime
    width: float
    paces: tuple[RateSlice, ...]
    grain: float
    slowest: tuple[Slice, ...]


def throughput(timeline: Timeline, runs: Sequence[TimedRun]) -> Throughput:
    """How fast a job went, by its lookups and its runs."""
    slices = timeline.slices()
    stretches = ActiveTime(
        [(each.begins, each.ends) for each in slices] + [(run.began, run.ended) for run in runs]
    )
    requests = sum(each.requests for each in slices)
    finest = max(stretches.seconds / _SLICES, _REQUESTS * stretches.seconds / max(requests, 1))
    width = nice_interval(min(finest, stretches.seconds), timeline.width)
    grain = next(
        (each for each in _GRAINS if each >= timeline.width
         and stretches.seconds >= _CHOICE * each),
        max(1.0, timeline.width),
    )  # fmt: skip
    slowest = sorted(_regular(slices, grain), key=lambda each: (-each.mean, each.begins))
    return Throughput(
        stretches=stretches,
        width=width,
        paces=tuple(_paces(slices, stretches, width, runs)),
        grain=grain,
        slowest=tuple(slowest[:_SLOWEST]),
    )


def _regular(slices: Iterable[Slice], width: float) -> list[Slice]:
    """Slices of one width, at full multiples of it."""
    return [
        joined(held, number * width, (number + 1) * width)
        for number, held in groupby(slices, lambda each: int(_middle(each) // width))
    ]


def _middle(each: Slice) -> float:
    # What tells where it belongs: its ends may be a hair to either side.
    return (each.begins + each.ends) / 2


def _paces(
    slices: Sequence[Slice], stretches: ActiveTime, width: float, runs: Sequence[TimedRun]
) -> Iterable[RateSlice]:
    cuts = [cut for span in stretches.spans for cut in _cuts(*span, width)]
    begins = [first for first, _ in cuts]
    held = {
        number: tuple(those)
        for number, those in groupby(slices, lambda each: bisect_right(begins, _middle(each)) - 1)
    }
    for number, (first, last) in enumerate(cuts):
        yield RateSlice(slice=joined(held.get(number, ()), first, last), quota=_quota(runs, last))


def _cuts(begin: float, end: float, width: float) -> Iterable[tuple[float, float]]:
    """A stretch cut at full multiples of a width; what is left at its ends goes to a neighbour."""
    inner = [n * width for n in range(int(begin // width) + 1, int(-(-end // width)))]
    inner = [cut for cut in inner if cut - begin >= width / 2 and end - cut >= width / 2]
    edges = [begin, *inner, end]
    return pairwise(edges)


def _quota(runs: Sequence[TimedRun], moment: float) -> float:
    before = [run for run in runs if run.began <= moment]
    return (before or list(runs))[-1].figures.quota if runs else 0.0
