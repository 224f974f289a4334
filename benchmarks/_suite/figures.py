"""From what turns took to medians, ratios of pairs, and tables."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import field, frozen


@frozen
class Spread:
    """A median and the quartiles around it.

    Attributes:
        median: Of all.
        low: A quarter is below it.
        high: A quarter is above it.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """As tables have it."""
        digits = 2 if self.median < 100 else 0
        median, low, high = (f"{one:,.{digits}f}" for one in (self.median, self.low, self.high))
        return f"{median} ({low} to {high})"


def spread(values: Sequence[float]) -> Spread:
    """The median of some values, and their quartiles."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


@frozen(kw_only=True)
class Series:
    """What one client took, turn by turn.

    Attributes:
        cpu: Seconds of CPU time for an item.
        wall: Seconds of wall time for an item.
    """

    cpu: list[float] = field(factory=list)
    wall: list[float] = field(factory=list)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Pair by pair, for a machine is not equally fast in every round."""
    return [one / other for one, other in zip(above, below, strict=True)]


def differences(more: Sequence[float], less: Sequence[float]) -> list[float]:
    """Pair by pair, too."""
    return [one - other for one, other in zip(more, less, strict=True)]


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; the first column is text, the others are figures."""
    lines = (heads, ("---", *["---:"] * (len(heads) - 1)), *rows)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


# The suffix of a figure's name where another checkout's library was measured.
BEFORE: Final = ", before"


@frozen(kw_only=True)
class Report:
    """What a group of measurements found.

    Attributes:
        title: Of the group.
        text: Its table, and what there is to say about it.
        figures: Those that goals are about, by their names.
    """

    title: str
    text: str
    figures: Mapping[str, Spread]
