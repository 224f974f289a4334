"""What does a report say about time: pace and quota, and when it was slowest? Pure."""

from collections.abc import Iterator
from typing import Final

from capillary_interactions._text.wording import format_duration, pluralise
from capillary_interactions.jobs._report.active_time import utc
from capillary_interactions.jobs._report.charts import (
    NARROW,
    WIDE,
    Bar,
    bars,
    pace,
    quota_in_sight,
)
from capillary_interactions.jobs._report.html import (
    Figure,
    details,
    legend,
    note,
    ranked_bars,
    section,
    stat_tiles,
    table,
)
from capillary_interactions.jobs._report.inline_svg import Caption
from capillary_interactions.jobs._report.summary import JobSummary
from capillary_interactions.jobs._report.throughput import RateSlice, Throughput
from capillary_interactions.jobs._report.timeline import Slice

_MINUTE: Final = 60.0
_GRAINS: Final = {_MINUTE: "minutes", 1.0: "seconds"}
_PLENTY: Final = 100.0
_PACE: Final = "Pace and quota over time"


def tempo_sections(overview: JobSummary) -> Iterator[str]:
    """The parts of the page that are about time."""
    tempo = overview.throughput
    if not any(each.slice.lookups for each in tempo.paces):
        yield section("pace", _PACE, note("No lookup has ended yet."))
        return
    yield _pace(overview)
    yield _slowest(tempo)


def _pace(overview: JobSummary) -> str:
    tempo = overview.throughput
    per, unit = (_MINUTE, "a minute") if tempo.width >= _MINUTE else (1.0, "a second")
    figures = _figures(overview, per, unit)
    told = "; ".join(f"{name.lower()}: {value}" for name, value in figures)
    drawn = "".join(
        pace(Caption(f"pace-{name}", f"Requests {unit}", told), tempo, width=width, per=per)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    )
    head = ("From (UTC)", "Seconds", "Requests", "Lookups", "Failed", f"Requests {unit}", "Quota")
    slices = table(f"Requests {unit}", head, [_slice(each, per) for each in tempo.paces])
    return section(
        "pace",
        _PACE,
        note(_explained(tempo, unit)),
        legend(_legend(tempo)),
        f"<figure>{drawn}</figure>",
        stat_tiles(figures),
        details(f"{pluralise(len(tempo.paces), 'slice')} in figures", slices),
    )


def _explained(tempo: Throughput, unit: str) -> str:
    text = f"Requests {unit} in slices of {_length(tempo.width)}, by when their lookup ended (UTC)."
    if tempo.stretches.breaks:
        text += " Times in which nobody ran the job are left out where a dotted line stands."
    return text


def _legend(tempo: Throughput) -> Iterator[tuple[str, str]]:
    yield "lookups", "lookups that ended"
    if any(each.slice.requests > each.slice.lookups for each in tempo.paces):
        yield "further", "further requests for them: retries and pages"
    if any(each.slice.failed for each in tempo.paces):
        yield "failed", "of the lookups, failed"
    if quota_in_sight(tempo):
        yield "quota", "quota"


def _figures(overview: JobSummary, per: float, unit: str) -> list[tuple[str, str]]:
    total, tempo = overview.total, overview.throughput
    rates = [per * each.rate for each in tempo.paces]
    asked = total.asked or 1
    return [
        (f"Quota {unit}", _rate(per * total.quota)),
        (f"Mean {unit}", _rate(per * total.rate)),
        ("Highest slice", _rate(max(rates))),
        ("Lowest slice", _rate(min(rates))),
        ("Wait per lookup", format_duration(total.waited / asked)),
        ("Answer per lookup", format_duration(total.served / asked)),
    ]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= _PLENTY or not rate else f"{rate:,.1f}"


def _slice(each: RateSlice, per: float) -> tuple[str | int | float, ...]:
    held = each.slice
    return (
        f"{utc(held.begins):%Y-%m-%d %H:%M:%S}",
        held.seconds,
        held.requests,
        held.lookups,
        held.failed,
        per * each.rate,
        per * each.quota,
    )


def _slowest(tempo: Throughput) -> str:
    title = f"The slowest {_GRAINS.get(tempo.grain) or f'slices of {_length(tempo.grain)}'}"
    clock = "%H:%M" if tempo.grain >= _MINUTE else "%H:%M:%S"

    def moment(each: Slice) -> str:
        begins = utc(each.begins)
        return f"{begins.day} {begins:%b} {begins.strftime(clock)}"

    shown = [
        Bar(label=moment(each), value=each.mean, told=format_duration(each.mean))
        for each in tempo.slowest
    ]
    rows = [
        (
            moment(each),
            Figure(format_duration(each.mean)),
            Figure(format_duration(each.longest)),
            each.lookups,
            each.failed,
        )
        for each in tempo.slowest
    ]
    told = ", ".join(f"{each.label}: {each.told}" for each in shown)
    head = ("From (UTC)", "Mean", "Longest", "Lookups", "Failed")
    return section(
        "slowest",
        title,
        note("Those in which a lookup took longest on average, without its wait for quota."),
        ranked_bars(bars(Caption("slowest", title, told), shown), table(title, head, rows)),
    )


def _length(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:g} s"
    return format_duration(seconds).removesuffix(" 0 s").removesuffix(" 0 min").removesuffix(" 0 h")
