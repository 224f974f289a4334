"""What does the report of a job say, and in which order? Figures in, one HTML page out."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from string import Template
from typing import Final

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._text.masking import mask
from capillary_interactions._text.wording import ending_label, format_duration, pluralise
from capillary_interactions.jobs._report.charts import Bar, bars
from capillary_interactions.jobs._report.html import (
    NOT_TOLD,
    Cell,
    Figure,
    escaped,
    note,
    ranked_bars,
    section,
    share,
    stat_tiles,
    table,
)
from capillary_interactions.jobs._report.inline_svg import Caption
from capillary_interactions.jobs._report.page_messages import message_sections
from capillary_interactions.jobs._report.page_throughput import tempo_sections
from capillary_interactions.jobs._report.summary import JobSummary
from capillary_interactions.jobs._status import Failure, JobStatus, RunFigures
from capillary_interactions.jobs._store.schema import FAILED

_GAP: Final = ("\N{NO-BREAK SPACE}",) * 3
# A run of hours may begin with its burst and be a little above the mean.
_MAX_QUOTA_USED: Final = 1.02


def page(overview: JobSummary) -> str:
    """The report of a job."""
    status = overview.status
    sections = (
        _endings(status),
        *tempo_sections(overview),
        *message_sections(overview.messages, overview.zone),
        _failures(overview),
    )
    return _template().substitute(
        title=escaped(f"{_title(status)}: report"),
        header=_header(overview),
        sections="\n".join(filter(None, sections)),
        footer=escaped(
            f"A report of {status.path} as it was on {overview.at:%Y-%m-%d at %H:%M} UTC. "
            "It loads nothing and runs nothing; customers are masked."
        ),
    )


@cache
def _template() -> Template:
    # Beside this file, so that whoever knows HTML can read it as such.
    return Template(files(__package__).joinpath("report.html").read_text("utf-8"))


def _header(overview: JobSummary) -> str:
    status, total = overview.status, overview.total
    figures = (
        ("Rows", f"{status.rows:,}" if status.whole else f"{status.rows:,} or more"),
        ("Done", f"{status.done:,}"),
        ("Requests", f"{total.requests:,}"),
        ("Retries", f"{total.retries:,}"),
        ("Time at work", format_duration(total.seconds)),
        ("Quota used", _quota_used(total)),
    )
    return (
        f"<h1>{escaped(_title(status))}</h1>"
        f"<p>{escaped(' · '.join(_facts(overview)))}</p>"
        f'<p class="state">{escaped(_state(overview))}</p>{stat_tiles(figures)}'
    )


def _quota_used(total: RunFigures) -> str:
    # A burst is more than a short run's share of the quota, and no measure of how it is used.
    told = total.requests and total.quota_used <= _MAX_QUOTA_USED
    return f"{100 * min(1.0, total.quota_used):.0f} %" if told else NOT_TOLD


def _title(status: JobStatus) -> str:
    return PurePath(status.customers or status.path).name


def _facts(overview: JobSummary) -> Iterator[str]:
    status = overview.status
    if overview.runs:
        yield f"since {status.began:%Y-%m-%d %H:%M} UTC"
    yield pluralise(len(overview.runs), "run")
    if overview.total.throttled:
        yield f"{pluralise(overview.total.throttled, 'request')} throttled"
    if status.duplicates:
        yield f"{pluralise(status.duplicates, 'row')} with the customer of an earlier row"
    if status.blank:
        yield f"{pluralise(status.blank, 'blank line')} skipped"


def _state(overview: JobSummary) -> str:
    status, stopped = overview.status, overview.total.stopped
    if status.complete:
        return "Every row has ended"
    if status.open:
        left = f"{pluralise(status.open, 'row')} still open"
    else:
        left = "The list has not been read to its end"
    return f"{left}; the last run stopped: {stopped}" if stopped else left


def _endings(status: JobStatus) -> str:
    kinds = [(ending_label(name), name, status.endings[name]) for name in ENDINGS]
    if status.open:
        kinds.append(("still open", "open", status.open))
    shown = [
        Bar(label=word, value=number, told=f"{number:,}", role=role) for word, role, number in kinds
    ]
    told = ", ".join(f"{number:,} {word}" for word, _, number in kinds)
    rows = [(word, number, share(number, status.rows)) for word, _, number in kinds]
    return section(
        "endings",
        "How the rows ended",
        ranked_bars(
            bars(Caption("endings", "Rows by how they ended", told), shown),
            table("Rows by how they ended", ("Ending", "Rows", "Share"), rows),
        ),
    )


def _failures(overview: JobSummary) -> str:
    heading = "Rows that failed"
    failed = sum(overview.status.endings[name] for name in FAILED)
    if not failed:
        return section("failures", heading, note("None."))
    rows: list[tuple[Cell, ...]] = [_failure(each) for each in overview.first_failures]
    if overview.last_failures:
        rows.append(("…", *_GAP))
        rows += [_failure(each) for each in overview.last_failures]
    shown = table("Rows that failed", ("Row", "Customer", "Ending", "Reason"), rows)
    every = len(overview.first_failures) + len(overview.last_failures) >= failed
    which = "all of them" if every else "the first and the last"
    return section("failures", heading, note(f"{failed:,}; here are {which}."), shown)


def _failure(failure: Failure) -> tuple[Cell, ...]:
    who = mask(failure.identifier) if failure.identifier else ""
    return (Figure(f"{failure.row:,}"), who, ending_label(failure.ending), failure.reason)
