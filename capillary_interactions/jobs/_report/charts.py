"""What do a job's charts look like? The only file that knows matplotlib."""

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from capillary_interactions.jobs._report.inline_svg import COLOURS, Caption, inline
from capillary_interactions.jobs._report.message_counts import Month
from capillary_interactions.jobs._report.throughput import Throughput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NO_EXTRA: Final = (
    "matplotlib is not installed; reports need the extra report: "
    "pip install 'capillary_interactions[report]'"
)
_POINTS: Final = 72.0
_TEXT: Final = 11.0
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": _TEXT,
}
# Of a drawing that is as wide as a telephone, and of one that is as wide as the page.
NARROW: Final = 400
WIDE: Final = 900
_BELOW: Final = 44
_LABELS: Final = 146
_LONGEST: Final = 18
_LEAST: Final = 0.02
_FAR: Final = 4.0
_MOST_LABELS: Final = 8
_YEAR: Final = 12
# From where on, by what, and its letter.
_UNITS: Final = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip


@frozen(kw_only=True)
class Bar:
    """A bar with words on both sides.

    Attributes:
        label: What it is; anybody's words.
        value: How long it is.
        told: What that means; our own words.
        role: The role of its colour.
    """

    label: str
    value: float
    told: str
    role: str = "bar"


def import_matplotlib() -> tuple[ModuleType, ModuleType]:
    """The two parts of the library that are needed.

    Raises:
        ImportError: It is not installed; the text says how to.
    """
    try:
        from matplotlib import figure, style  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise ImportError(_NO_EXTRA) from missing
    return figure, style


def month_name(number: int) -> str:
    """What a month is called, in short, whatever language the machine speaks."""
    return _NAMES[number - 1]


def bars(caption: Caption, shown: Sequence[Bar]) -> str:
    """A bar below the other, each with its words."""

    def draw(figure: "Figure") -> None:
        axes = _axes(figure, left=_LABELS, right=76)
        most = max(each.value for each in shown) or 1.0
        # What is there is seen, however little it is.
        lengths = [max(each.value, _LEAST * most * bool(each.value)) for each in shown]
        drawn = axes.barh(range(len(shown)), lengths, height=0.64)
        for bar, each in zip(drawn, shown, strict=True):
            bar.set_facecolor(COLOURS[each.role])
        axes.bar_label(drawn, [each.told for each in shown], padding=5, color=COLOURS["ink"])
        axes.set(xlim=(0, most), ylim=(len(shown) - 0.5, -0.5), xticks=[])
        axes.set_yticks(range(len(shown)), [f"@{place}" for place in range(len(shown))])
        axes.tick_params(axis="y", labelcolor=COLOURS["ink"])
        axes.spines["bottom"].set_visible(False)

    words = [_cut(each.label) for each in shown]
    return _drawn(draw, (NARROW, 26 * len(shown)), caption, words)  # fmt: skip


def months(caption: Caption, shown: Sequence[Month]) -> str:
    """A column for each month."""

    def draw(figure: "Figure") -> None:
        axes = _axes(figure, left=52, right=8, bottom=_BELOW, top=10)
        counts = [each.messages for each in shown]
        axes.bar(range(len(shown)), counts, width=0.78, color=COLOURS["bar"])
        apart = next(each for each in (1, 2, 3, 6, _YEAR) if len(shown) <= _MOST_LABELS * each)
        ticks = [place for place, each in enumerate(shown) if (each.month - 1) % apart == 0]
        axes.set(xlim=(min(-0.6, len(shown) / 2 - 4), max(len(shown) - 0.4, len(shown) / 2 + 3)))
        _mark(axes, ticks, [_month_label(shown, ticks, place) for place in ticks])
        _grid(axes, max(counts))

    return _drawn(draw, (NARROW, 210), caption)


def _month_label(shown: Sequence[Month], ticks: Sequence[int], place: int) -> str:
    month = shown[place]
    told = place != ticks[0] and shown[place - 1].year == month.year and month.month != 1
    return month_name(month.month) if told else f"{month_name(month.month)}\n{month.year}"


def pace(caption: Caption, tempo: Throughput, *, width: int, per: float) -> str:
    """Requests over time, what they were for, and the quota.

    Args:
        caption: Of the drawing.
        tempo: The figures.
        width: Of the drawing.
        per: Seconds that a rate is told for.
    """

    def draw(figure: "Figure") -> None:
        axes = _axes(figure, left=52, right=12, bottom=_BELOW, top=16)
        edges = [0.0, *(tempo.stretches.place(each.slice.ends) for each in tempo.paces)]
        for role, counts in _layers(tempo).items():
            rates = [
                per * count / each.slice.seconds
                for count, each in zip(counts, tempo.paces, strict=True)
            ]
            axes.stairs(rates, edges, fill=True, color=COLOURS[role], linewidth=0)
        _grid(axes, per * _highest(tempo))
        if quota_in_sight(tempo):
            quotas = [per * each.quota for each in tempo.paces]
            line = axes.stairs(quotas, edges, baseline=None, color=COLOURS["quota"], linewidth=1.6)
            line.set_linestyle((0, (5, 3)))
        for place in tempo.stretches.breaks:
            axes.axvline(place, color=COLOURS["card"], linewidth=6)
            axes.axvline(place, color=COLOURS["muted"], linewidth=1.4, linestyle=(0, (1, 1.5)))
        ticks = tempo.stretches.ticks(width // 80)
        _mark(axes, [each.place for each in ticks], [each.label for each in ticks])
        axes.set_xlim(0, edges[-1])

    return _drawn(draw, (width, 240), caption)


def quota_in_sight(tempo: Throughput) -> bool:
    """Whether the quota can be drawn, for it is not far above everything else."""
    quota = max(each.quota for each in tempo.paces)
    return 0 < quota <= _FAR * max(each.rate for each in tempo.paces)


def _highest(tempo: Throughput) -> float:
    highest = max(max(each.rate, each.lookups) for each in tempo.paces)
    return max(highest, *(each.quota for each in tempo.paces)) if quota_in_sight(tempo) else highest


def _layers(tempo: Throughput) -> dict[str, list[int]]:
    """What is drawn one before the other, the largest first."""
    slices = [each.slice for each in tempo.paces]
    return {
        "further": [each.requests for each in slices],
        "lookups": [each.lookups for each in slices],
        "failed": [each.failed for each in slices],
    }


def _axes(figure: "Figure", *, left: int, right: int, bottom: int = 0, top: int = 0) -> "Axes":
    """Axes with so much room around them, whatever stands there."""
    width, height = (_POINTS * inches for inches in figure.get_size_inches())
    room = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    axes = figure.add_axes(room)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["muted"])
    axes.tick_params(length=0, pad=5, labelsize=_TEXT, labelcolor=COLOURS["muted"])
    return axes


def _mark(axes: "Axes", places: Sequence[float], labels: Sequence[str]) -> None:
    # Below the lowest number beside the axis; with room between lines, for a small drawing's
    # letters are larger.
    axes.tick_params(axis="x", pad=9)
    axes.set_xticks(places, labels, linespacing=1.5)


def _grid(axes: "Axes", most: float) -> None:
    axes.set_ylim(0, 1.06 * most or 1.0)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=1)
    axes.set_axisbelow(True)


def _short(value: float) -> str:
    """A number that fits beside an axis."""
    for least, unit, letter in _UNITS:
        if value >= least:
            return f"{value / unit:g}{letter}"
    return f"{value:,g}"


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _drawn(
    draw: "Callable[[Figure], None]",
    size: tuple[float, float],
    caption: Caption,
    words: Sequence[str] = (),
) -> str:
    figures, style = import_matplotlib()
    # Ours alone, whatever the user's own are; and equal drawings are equal files.
    with style.context(["default", {**_SETTINGS, "svg.hashsalt": caption.name}]):
        figure = figures.Figure(figsize=[each / _POINTS for each in size])
        draw(figure)
        file = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return inline(file.getvalue(), caption, words)
