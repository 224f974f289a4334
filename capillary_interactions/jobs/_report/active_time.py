"""The time in which a job was running, as an axis without the breaks between its runs."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from attrs import frozen

Span = tuple[float, float]

_MAX_SPANS: Final = 40
_MIN_BREAK: Final = 0.03  # of the time
_MIN_TICK_DISTANCE: Final = 0.8  # of the mean distance
_INTERVALS: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
_MINUTE: Final = 60.0
_DAY: Final = 86_400.0


def nice_interval(seconds: float, multiple_of: float = 0.1) -> float:
    """The shortest common interval (10 s, 15 min, 6 h) that is at least this long."""
    # In tenths, as integers: 0.3 is no multiple of 0.1 otherwise.
    unit = round(10 * multiple_of)
    for interval in _INTERVALS:
        if interval >= seconds and round(10 * interval) % unit == 0:
            return interval
    return multiple_of * (seconds // multiple_of + 1)


@frozen
class Tick:
    """A label on the axis; its position is in seconds of running time."""

    position: float
    label: str


class ActiveTime:
    """The time in which a job was running, from spans in any order that may overlap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = _joined(sorted(span for span in spans if span[0] < span[1]))
        lengths = [end - start for start, end in self.spans]
        self._offsets = list(accumulate(lengths, initial=0.0))
        self._starts = [start for start, _ in self.spans]

    @property
    def seconds(self) -> float:
        return self._offsets[-1]

    @property
    def breaks(self) -> tuple[float, ...]:
        """The positions of breaks on the axis."""
        return tuple(self._offsets[1:-1])

    def position(self, moment: float) -> float:
        """The position of a moment on the axis; one in a break is at the break."""
        index = max(0, bisect_right(self._starts, moment) - 1)
        start, end = self.spans[index]
        return self._offsets[index] + min(max(moment, start), end) - start

    def ticks(self, count: int) -> tuple[Tick, ...]:
        """About `count` ticks, at full minutes, hours or days, and at breaks."""
        if not self.spans:
            return ()
        step = nice_interval(max(1.0, self.seconds / count), 1.0)
        breaks = frozenset(self._starts[1:])
        moments = set[float](breaks)
        for start, end in self.spans:
            first = -(-start // step) * step
            moments |= {first + step * n for n in range(int((end - first) // step) + 1)}
        moments = moments or {self._starts[0]}
        # Breaks first, so that they are kept.
        ordered = sorted(moments, key=lambda moment: (moment not in breaks, moment))
        distance = _MIN_TICK_DISTANCE * self.seconds / count
        return _labelled(self._spread(ordered, distance), step)

    def _spread(self, moments: Iterable[float], distance: float) -> list[tuple[float, float]]:
        """The positions and moments that are far enough from all before."""
        kept: list[tuple[float, float]] = []
        for moment in moments:
            position = self.position(moment)
            if all(abs(position - other) >= distance for other, _ in kept):
                kept.append((position, moment))
        return sorted(kept)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans without short gaps, and no more of them than can be shown."""
    joined = _without_gaps(spans, 0.0)
    gap = _MIN_BREAK * sum(end - start for start, end in joined)
    joined = _without_gaps(joined, gap)
    while len(joined) > _MAX_SPANS:
        gap = 2 * gap + 1
        joined = _without_gaps(joined, gap)
    return tuple(joined)


def _without_gaps(spans: Sequence[Span], gap: float) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _labelled(positions: Iterable[tuple[float, float]], step: float) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
    day = None
    for position, moment in positions:
        clock = utc(moment)
        time = "" if step >= _DAY else f"{clock:%H:%M:%S}" if step < _MINUTE else f"{clock:%H:%M}"
        date = "" if day == clock.date() else f"{clock.day} {clock:%b}"
        day = clock.date()
        ticks.append(Tick(position, "\n".join(filter(None, (time, date)))))
    return tuple(ticks)


def utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
