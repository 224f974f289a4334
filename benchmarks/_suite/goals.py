"""What the figures should be, and whether they are."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from benchmarks._suite.figures import BEFORE, Spread, markdown


@frozen(kw_only=True)
class Goal:
    """One figure, and its bound.

    Attributes:
        words: What it is.
        figure: Its name in the reports.
        least: It should be this or more; None where `most` is the bound.
        most: It should be this or less.
        unit: Of it.
    """

    words: str
    figure: str
    least: float | None = None
    most: float | None = None
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Whether a figure is as it should be."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)

    @property
    def bound(self) -> str:
        """As the table has it."""
        if self.least is not None:
            return f"at least {self.least:,g}{self.unit}"
        return f"at most {self.most:,g}{self.unit}"


_OF_BARE: Final = "of bare aiohttp's throughput by CPU time"
GOALS: Final = (
    Goal(words=f"`lookup`, {_OF_BARE}", figure="lookup", least=0.85),
    Goal(words=f"`stream`, {_OF_BARE}", figure="stream", least=0.85),
    Goal(words="`lookup` with uvloop, of bare without", figure="lookup, uvloop", least=0.95),
    Goal(words="`stream` with uvloop, of bare without", figure="stream, uvloop", least=0.95),
    Goal(
        words="faster than httpx + tenacity + pydantic",
        figure="times httpx + tenacity + pydantic",
        least=10,
        unit=" times",
    ),
    Goal(
        words="faster than aiohttp_retry + pydantic",
        figure="times aiohttp_retry + pydantic",
        least=1,
        unit=" times",
    ),
    Goal(words="`lookup`, TLS, gzip, 13 headers", figure="production lookup", least=0.8),
    Goal(words="`stream`, TLS, gzip, 13 headers", figure="production stream", least=0.8),
    Goal(
        words="reading the documented answer, parsing included",
        figure="documented: loads and read",
        most=4.5,
        unit=" times orjson.loads",
    ),
    Goal(words="added by a single lookup", figure="added by lookup", most=30, unit=" µs of CPU"),
    *(
        Goal(
            words=f"waking one of 10,000 waiters, {rate} a second",
            figure=f"wake at {rate}",
            most=1.5,
            unit=" times asyncio.sleep",
        )
        for rate in ("200", "2,000", "20,000")
    ),
    Goal(words="positions a waiter is from its turn", figure="displaced", most=0),
    Goal(
        words="instant stream, empty answers",
        figure="instant, empty",
        least=25_000,
        unit=" a second",
    ),
    Goal(
        words="instant stream, documented answer",
        figure="instant, documented",
        least=12_000,
        unit=" a second",
    ),
    Goal(words="memory grown over a long stream", figure="MiB grown", most=1, unit=" MiB"),
    Goal(
        words="import",
        figure="the library",
        most=1.25,
        unit=" times aiohttp + attrs + cattrs",
    ),
    *(
        Goal(words=f"{start}, where click and rich take 0.27 s", figure=start, most=0.4, unit=" s")
        for start in ("--version", "--help", "completion of a command")
    ),
    Goal(
        words="FastAPI route with a lookup",
        figure="route",
        most=1.3,
        unit=" times that with aiohttp",
    ),
)


def table(figures: Mapping[str, Spread]) -> str:
    """The goals whose figures were measured: before, now, and whether they are met."""
    return markdown(("goal", "", "before", "now", "met"), _rows(figures))


def _rows(figures: Mapping[str, Spread]) -> Iterator[tuple[object, ...]]:
    for goal in GOALS:
        if goal.figure in figures:
            now = figures[goal.figure]
            before = figures.get(goal.figure + BEFORE, "-")
            met = "met" if goal.is_met(now.median) else "missed"
            yield goal.words, goal.bound, before, now, met
