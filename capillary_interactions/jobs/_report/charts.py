"""Draws the charts of a report. The only file that imports matplotlib."""

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from capillary_interactions.jobs._errors import ExportError
from capillary_interactions.jobs._report.inline_svg import COLOURS, Caption, inline
from capillary_interactions.jobs._report.message_counts import Month
from capillary_interactions.jobs._report.throughput import Throughput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOT_INSTALLED: Final = (
    "matplotlib is not installed; reports need the extra report: "
    "pip install 'capillary_interactions[report]'"
)
_POINTS_AN_INCH: Final = 72.0
_FONT_SIZE: Final = 11.0
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": _FONT_SIZE,
}
NARROW: Final = 400
"""The width of a drawing for a telephone."""
WIDE: Final = 900
"""The width of a drawing for a screen."""
_AXIS_HEIGHT: Final = 44
_LABEL_WIDTH: Final = 146
_MAX_LABEL: Final = 16
_MIN_BAR: Final = 0.02  # of the longest
_MAX_QUOTA: Final = 4.0  # times the highest rate
_MAX_TICKS: Final = 8
_MONTHS_A_YEAR: Final = 12
# From which number on, the divisor, and its letter.
_UNITS: Final = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip


@frozen(kw_only=True)
class Bar:
    """A bar with labels on both sides; `label` may be text of the server or the list."""

    label: str
    value: float
    value_label: str
    role: str = "bar"


def import_matplotlib() -> tuple[ModuleType, ModuleType]:
    """matplotlib.figure and matplotlib.style; raises ExportError if they are not installed."""
    try:
        from matplotlib import figure, style  # noqa: PLC0415 - an extra
    except ImportError:
        raise ExportError(_NOT_INSTALLED) from None
    return figure, style


def month_name(number: int) -> str:
    """The short name of a month, independent of the locale."""
    return _MONTHS[number - 1]


def bar_chart(caption: Caption, bars: Sequence[Bar]) -> str:
    """Horizontal bars."""

    def draw(figure: "Figure") -> None:
        axes = _axes(figure, left=_LABEL_WIDTH, right=76)
        longest = max(bar.value for bar in bars) or 1.0
        # Every value but zero is visible.
        lengths = [max(bar.value, _MIN_BAR * longest * bool(bar.value)) for bar in bars]
        patches = axes.barh(range(len(bars)), lengths, height=0.64)
        for patch, bar in zip(patches, bars, strict=True):
            patch.set_facecolor(COLOURS[bar.role])
        axes.bar_label(patches, [bar.value_label for bar in bars], padding=5, color=COLOURS["ink"])
        axes.set(xlim=(0, longest), ylim=(len(bars) - 0.5, -0.5), xticks=[])
        axes.set_yticks(range(len(bars)), [f"@{index}" for index in range(len(bars))])
        axes.tick_params(axis="y", labelcolor=COLOURS["ink"])
        axes.spines["bottom"].set_visible(False)

    labels = [_shortened(bar.label) for bar in bars]
    return _svg(draw, (NARROW, 26 * len(bars)), caption, labels)


def month_chart(caption: Caption, months: Sequence[Month]) -> str:
    """A column for each month."""

    def draw(figure: "Figure") -> None:
        count = len(months)
        axes = _axes(figure, left=52, right=8, bottom=_AXIS_HEIGHT, top=10)
        messages = [month.messages for month in months]
        axes.bar(range(count), messages, width=0.78, color=COLOURS["bar"])
        steps = (1, 2, 3, 6, _MONTHS_A_YEAR)
        step = next(step for step in steps if count <= _MAX_TICKS * step)
        ticks = [index for index, month in enumerate(months) if (month.month - 1) % step == 0]
        axes.set(xlim=(min(-0.6, count / 2 - 4), max(count - 0.4, count / 2 + 3)))
        _set_ticks(axes, ticks, [_month_label(months, ticks, index) for index in ticks])
        _set_scale(axes, max(messages))

    return _svg(draw, (NARROW, 210), caption)


def _month_label(months: Sequence[Month], ticks: Sequence[int], index: int) -> str:
    month = months[index]
    same_year = index != ticks[0] and months[index - 1].year == month.year and month.month != 1
    name = month_name(month.month)
    return name if same_year else f"{name}\n{month.year}"


def rate_chart(caption: Caption, throughput: Throughput, *, width: int, per: float) -> str:
    """Requests over time, what they were for, and the quota; rates are per `per` seconds."""
    active, slices = throughput.active_time, throughput.slices

    def draw(figure: "Figure") -> None:
        axes = _axes(figure, left=52, right=12, bottom=_AXIS_HEIGHT, top=16)
        edges = [0.0, *(active.position(part.slice.end) for part in slices)]
        for role, counts in _layers(throughput).items():
            pairs = zip(counts, slices, strict=True)
            rates = [per * count / part.slice.seconds for count, part in pairs]
            axes.stairs(rates, edges, fill=True, color=COLOURS[role], linewidth=0)
        _set_scale(axes, per * _highest(throughput))
        if is_quota_shown(throughput):
            quotas = [per * part.quota for part in slices]
            line = axes.stairs(quotas, edges, baseline=None, color=COLOURS["quota"], linewidth=1.6)
            line.set_linestyle((0, (5, 3)))
        for position in active.breaks:
            axes.axvline(position, color=COLOURS["card"], linewidth=6)
            axes.axvline(position, color=COLOURS["muted"], linewidth=1.4, linestyle=(0, (1, 1.5)))
        ticks = active.ticks(width // 80)
        _set_ticks(axes, [tick.position for tick in ticks], [tick.label for tick in ticks])
        axes.set_xlim(0, edges[-1])

    return _svg(draw, (width, 240), caption)


def is_quota_shown(throughput: Throughput) -> bool:
    """Whether the quota is drawn; not if it is far above everything else."""
    quota = max(part.quota for part in throughput.slices)
    return 0 < quota <= _MAX_QUOTA * max(part.rate for part in throughput.slices)


def _highest(throughput: Throughput) -> float:
    highest = max(max(part.rate, part.lookups) for part in throughput.slices)
    if is_quota_shown(throughput):
        return max(highest, *(part.quota for part in throughput.slices))
    return highest


def _layers(throughput: Throughput) -> dict[str, list[int]]:
    """The counts of each role; drawn over each other, the largest first."""
    slices = [part.slice for part in throughput.slices]
    return {
        "further": [part.requests for part in slices],
        "lookups": [part.lookups for part in slices],
        "failed": [part.failed for part in slices],
    }


def _axes(figure: "Figure", *, left: int, right: int, bottom: int = 0, top: int = 0) -> "Axes":
    """Axes with fixed margins, whatever their labels are."""
    width, height = (_POINTS_AN_INCH * inches for inches in figure.get_size_inches())
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    axes = figure.add_axes(box)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["muted"])
    axes.tick_params(length=0, pad=5, labelsize=_FONT_SIZE, labelcolor=COLOURS["muted"])
    return axes


def _set_ticks(axes: "Axes", positions: Sequence[float], labels: Sequence[str]) -> None:
    # Below the lowest number of the other axis, and spaced for the larger letters of small screens.
    axes.tick_params(axis="x", pad=9)
    axes.set_xticks(positions, labels, linespacing=1.5)


def _set_scale(axes: "Axes", highest: float) -> None:
    axes.set_ylim(0, 1.06 * highest or 1.0)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=1)
    axes.set_axisbelow(True)


def _short(value: float) -> str:
    for minimum, divisor, letter in _UNITS:
        if value >= minimum:
            return f"{value / divisor:g}{letter}"
    return f"{value:,g}"


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 1]}…"


def _svg(
    draw: "Callable[[Figure], None]",
    size: tuple[float, float],
    caption: Caption,
    labels: Sequence[str] = (),
) -> str:
    figures, style = import_matplotlib()
    # Independent of the user's settings; and equal drawings are equal files.
    with style.context(["default", {**_SETTINGS, "svg.hashsalt": caption.name}]):
        figure = figures.Figure(figsize=[points / _POINTS_AN_INCH for points in size])
        draw(figure)
        file = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=no_metadata)
    return inline(file.getvalue(), caption, labels)
