"""The sections of a report about time: rate and quota, and when the job was slowest."""

from collections.abc import Iterator
from typing import Final

from capillary_interactions._text.wording import format_duration, pluralise
from capillary_interactions.jobs._report.active_time import utc
from capillary_interactions.jobs._report.charts import (
    NARROW,
    WIDE,
    Bar,
    bar_chart,
    is_quota_shown,
    rate_chart,
)
from capillary_interactions.jobs._report.html import (
    FormattedNumber,
    details,
    figure_with_table,
    legend,
    note,
    section,
    stat_tiles,
    table,
)
from capillary_interactions.jobs._report.inline_svg import Caption
from capillary_interactions.jobs._report.summary import JobSummary
from capillary_interactions.jobs._report.throughput import RateSlice, Throughput
from capillary_interactions.jobs._report.timeline import Slice

_MINUTE: Final = 60.0
_UNITS: Final = {_MINUTE: "minutes", 1.0: "seconds"}
_MIN_ROUNDED: Final = 100.0
_HEADING: Final = "Pace and quota over time"


def throughput_sections(summary: JobSummary) -> Iterator[str]:
    if not any(part.slice.lookups for part in summary.throughput.slices):
        yield section("pace", _HEADING, note("No lookup has ended yet."))
        return
    yield _rates(summary)
    yield _slowest(summary.throughput)


def _rates(summary: JobSummary) -> str:
    throughput = summary.throughput
    is_slow = throughput.slice_seconds >= _MINUTE
    per, unit = (_MINUTE, "a minute") if is_slow else (1.0, "a second")
    title = f"Requests {unit}"
    figures = _figures(summary, per, unit)
    description = "; ".join(f"{name.lower()}: {value}" for name, value in figures)
    drawings = "".join(
        rate_chart(Caption(f"pace-{name}", title, description), throughput, width=width, per=per)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    )
    head = ("From (UTC)", "Seconds", "Requests", "Lookups", "Failed", title, "Quota")
    rows = table(title, head, [_row(part, per) for part in throughput.slices])
    return section(
        "pace",
        _HEADING,
        note(_explanation(throughput, title)),
        legend(_legend(throughput)),
        f"<figure>{drawings}</figure>",
        stat_tiles(figures),
        details(f"{pluralise(len(throughput.slices), 'slice')} in figures", rows),
    )


def _explanation(throughput: Throughput, title: str) -> str:
    length = _length(throughput.slice_seconds)
    text = f"{title} in slices of {length}, by when their lookup ended (UTC)."
    if throughput.active_time.breaks:
        text += " Times in which the job was not run are left out where a dotted line stands."
    return text


def _legend(throughput: Throughput) -> Iterator[tuple[str, str]]:
    slices = [part.slice for part in throughput.slices]
    yield "lookups", "lookups that ended"
    if any(part.requests > part.lookups for part in slices):
        yield "further", "further requests for them: retries and pages"
    if any(part.failed for part in slices):
        yield "failed", "of the lookups, failed"
    if is_quota_shown(throughput):
        yield "quota", "quota"


def _figures(summary: JobSummary, per: float, unit: str) -> list[tuple[str, str]]:
    total = summary.total
    rates = [per * part.rate for part in summary.throughput.slices]
    lookups = total.asked or 1
    return [
        (f"Quota {unit}", _rate(per * total.quota)),
        (f"Mean {unit}", _rate(per * total.rate)),
        ("Highest slice", _rate(max(rates))),
        ("Lowest slice", _rate(min(rates))),
        ("Wait per lookup", format_duration(total.waited / lookups)),
        ("Answer per lookup", format_duration(total.served / lookups)),
    ]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= _MIN_ROUNDED or not rate else f"{rate:,.1f}"


def _row(part: RateSlice, per: float) -> tuple[str | int | float, ...]:
    return (
        f"{utc(part.slice.start):%Y-%m-%d %H:%M:%S}",
        part.slice.seconds,
        part.slice.requests,
        part.slice.lookups,
        part.slice.failed,
        per * part.rate,
        per * part.quota,
    )


def _slowest(throughput: Throughput) -> str:
    seconds = throughput.slowest_seconds
    title = f"The slowest {_UNITS.get(seconds) or f'slices of {_length(seconds)}'}"
    clock = "%H:%M" if seconds >= _MINUTE else "%H:%M:%S"
    bars = [
        Bar(label=_moment(part, clock), value=part.mean, value_label=format_duration(part.mean))
        for part in throughput.slowest
    ]
    rows = [
        (
            bar.label,
            FormattedNumber(bar.value_label),
            FormattedNumber(format_duration(part.longest)),
            part.lookups,
            part.failed,
        )
        for bar, part in zip(bars, throughput.slowest, strict=True)
    ]
    description = ", ".join(f"{bar.label}: {bar.value_label}" for bar in bars)
    head = ("From (UTC)", "Mean", "Longest", "Lookups", "Failed")
    return section(
        "slowest",
        title,
        note("Those in which a lookup took longest on average, without its wait for quota."),
        figure_with_table(
            bar_chart(Caption("slowest", title, description), bars),
            table(title, head, rows),
            ranked=True,
        ),
    )


def _moment(part: Slice, clock: str) -> str:
    start = utc(part.start)
    return f"{start.day} {start:%b} {start.strftime(clock)}"


def _length(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:g} s"
    return format_duration(seconds).removesuffix(" 0 s").removesuffix(" 0 min").removesuffix(" 0 h")
