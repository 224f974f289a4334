"""When was a job at work, and where does a moment stand on an axis without the breaks? Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from attrs import frozen

Span = tuple[float, float]

_MOST: Final = 40
_BREAK: Final = 0.03
_NICE: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
_MINUTE: Final = 60.0
_DAY: Final = 86_400.0


def nice_interval(seconds: float, multiple_of: float = 0.1) -> float:
    """The shortest time that people count in and that is at least so long."""
    # In tenths, as whole numbers: 0.3 is no multiple of 0.1 otherwise.
    unit = round(10 * multiple_of)
    fits = (each for each in _NICE if each >= seconds and round(10 * each) % unit == 0)
    return next(fits, multiple_of * (seconds // multiple_of + 1))


@frozen
class Tick:
    """A mark on the axis.

    Attributes:
        place: Where, in seconds at work.
        label: What stands there.
    """

    place: float
    label: str


class ActiveTime:
    """The time in which a job was at work, without long breaks between.

    Args:
        spans: From when to when, in any order; they may overlap.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = _joined(sorted(span for span in spans if span[0] < span[1]))
        lengths = [end - begin for begin, end in self.spans]
        self._offsets = list(accumulate(lengths, initial=0.0))
        self._begins = [begin for begin, _ in self.spans]

    @property
    def seconds(self) -> float:
        """How long it was at work."""
        return self._offsets[-1]

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where on the axis there is a break."""
        return tuple(self._offsets[1:-1])

    def place(self, moment: float) -> float:
        """Where on the axis a moment stands; one in a break stands at the break."""
        number = max(0, bisect_right(self._begins, moment) - 1)
        begin, end = self.spans[number]
        return self._offsets[number] + min(max(moment, begin), end) - begin

    def ticks(self, most: int) -> tuple[Tick, ...]:
        """Marks at full minutes, hours or days, and at breaks; about so many at most."""
        if not self.spans:
            return ()
        step = nice_interval(max(1.0, self.seconds / most), 1.0)
        breaks = frozenset(self._begins[1:])
        moments = set[float](breaks)
        for begin, end in self.spans:
            first = -(-begin // step) * step
            moments |= {first + step * n for n in range(int((end - first) // step) + 1)}
        apart = 0.8 * self.seconds / most
        moments = moments or {self._begins[0]}
        return _labelled(_spread(((self.place(each), each) for each in moments), apart, breaks),
                         step)  # fmt: skip


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans with all short gaps closed, and no more of them than can be shown."""
    held = _closed(spans, 0.0)
    gap = _BREAK * sum(end - begin for begin, end in held)
    held = _closed(held, gap)
    while len(held) > _MOST:
        gap = 2 * gap + 1
        held = _closed(held, gap)
    return tuple(held)


def _closed(spans: Sequence[Span], gap: float) -> list[Span]:
    held: list[Span] = []
    for begin, end in spans:
        if held and begin - held[-1][1] <= gap:
            held[-1] = (held[-1][0], max(held[-1][1], end))
        else:
            held.append((begin, end))
    return held


def _spread(
    places: Iterable[tuple[float, float]], apart: float, first: frozenset[float]
) -> list[tuple[float, float]]:
    """Those of some places that leave room for each other; breaks before all others."""
    kept: list[tuple[float, float]] = []
    for place, moment in sorted(places, key=lambda each: (each[1] not in first, each[1])):
        if all(abs(place - other) >= apart for other, _ in kept):
            kept.append((place, moment))
    return sorted(kept)


def _labelled(places: Iterable[tuple[float, float]], step: float) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
    day = None
    for place, moment in places:
        clock = utc(moment)
        time = "" if step >= _DAY else f"{clock:%H:%M:%S}" if step < _MINUTE else f"{clock:%H:%M}"
        date = "" if day == clock.date() else f"{clock.day} {clock:%b}"
        day = clock.date()
        ticks.append(Tick(place, "\n".join(filter(None, (time, date)))))
    return tuple(ticks)


def utc(moment: float) -> datetime:
    """A moment in seconds since 1970, as a date and time."""
    return datetime.fromtimestamp(moment, UTC)
