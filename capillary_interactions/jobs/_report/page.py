"""The report of a job as one HTML page: its sections and their order."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from string import Template
from typing import Final

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._text.masking import mask
from capillary_interactions._text.wording import ending_label, format_duration, pluralise
from capillary_interactions.jobs._report.charts import Bar, bar_chart
from capillary_interactions.jobs._report.html import (
    NO_VALUE,
    Cell,
    FormattedNumber,
    escaped,
    figure_with_table,
    note,
    section,
    share,
    stat_tiles,
    table,
)
from capillary_interactions.jobs._report.inline_svg import Caption
from capillary_interactions.jobs._report.page_messages import message_sections
from capillary_interactions.jobs._report.page_throughput import throughput_sections
from capillary_interactions.jobs._report.summary import JobSummary
from capillary_interactions.jobs._status import Failure, JobStatus, RunFigures
from capillary_interactions.jobs._store.schema import FAILED

_GAP: Final = ("…", *("\N{NO-BREAK SPACE}",) * 3)
# The initial burst of a run may take it a little above the mean.
_MAX_QUOTA_USED: Final = 1.02


def page(summary: JobSummary) -> str:
    status = summary.status
    sections = (
        _endings(status),
        *throughput_sections(summary),
        *message_sections(summary.messages, summary.zone),
        _failures(summary),
    )
    return _template().substitute(
        title=escaped(f"{_title(status)}: report"),
        header=_header(summary),
        sections="\n".join(filter(None, sections)),
        footer=escaped(
            f"A report of {status.path} as it was on {summary.at:%Y-%m-%d at %H:%M} UTC. "
            "It loads nothing and runs nothing; customers are masked."
        ),
    )


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("report.html").read_text("utf-8"))


def _header(summary: JobSummary) -> str:
    status, total = summary.status, summary.total
    figures = (
        ("Rows", f"{_rows(status):,}" if status.whole else f"{_rows(status):,} or more"),
        ("Done", f"{status.done:,}"),
        ("Requests", f"{total.requests:,}"),
        ("Retries", f"{total.retries:,}"),
        ("Time at work", format_duration(total.seconds)),
        ("Quota used", _quota_used(total)),
    )
    return (
        f"<h1>{escaped(_title(status))}</h1>"
        f"<p>{escaped(' · '.join(_facts(summary)))}</p>"
        f'<p class="state">{escaped(_state(summary))}</p>{stat_tiles(figures)}'
    )


def _rows(status: JobStatus) -> int:
    return status.rows - status.forgotten


def _quota_used(total: RunFigures) -> str:
    # A short run may consist of its burst, which is no measure of how the quota is used.
    if not total.requests or total.quota_used > _MAX_QUOTA_USED:
        return NO_VALUE
    return f"{100 * min(1.0, total.quota_used):.0f} %"


def _title(status: JobStatus) -> str:
    return PurePath(status.customers or status.path).name


def _facts(summary: JobSummary) -> Iterator[str]:
    status = summary.status
    if summary.runs:
        yield f"since {status.began:%Y-%m-%d %H:%M} UTC"
    yield pluralise(len(summary.runs), "run")
    if summary.total.throttled:
        yield f"{pluralise(summary.total.throttled, 'request')} throttled"
    if status.duplicates:
        yield f"{pluralise(status.duplicates, 'row')} with the customer of an earlier row"
    if summary.total.refreshed:
        yield f"{pluralise(summary.total.refreshed, 'answer')} refreshed"
    if status.forgotten:
        yield f"{pluralise(status.forgotten, 'row')} of customers who are forgotten"
    if status.blank:
        yield f"{pluralise(status.blank, 'blank line')} skipped"


def _state(summary: JobSummary) -> str:
    status, stopped = summary.status, summary.total.stopped
    if status.complete:
        return "Every row has ended"
    if status.open:
        left = f"{pluralise(status.open, 'row')} still open"
    elif status.stale:
        left = f"{pluralise(status.stale, 'customer')} still to be asked once more"
    else:
        left = "The list has not been read to its end"
    return f"{left}; the last run stopped: {stopped}" if stopped else left


def _endings(status: JobStatus) -> str:
    endings = [(ending_label(name), name, status.endings[name]) for name in ENDINGS]
    if status.open:
        endings.append(("still open", "open", status.open))
    bars = [
        Bar(label=label, value=number, value_label=f"{number:,}", role=role)
        for label, role, number in endings
    ]
    description = ", ".join(f"{number:,} {label}" for label, _, number in endings)
    rows = [(label, number, share(number, _rows(status))) for label, _, number in endings]
    title = "Rows by how they ended"
    return section(
        "endings",
        "How the rows ended",
        figure_with_table(
            bar_chart(Caption("endings", title, description), bars),
            table(title, ("Ending", "Rows", "Share"), rows),
            ranked=True,
        ),
    )


def _failures(summary: JobSummary) -> str:
    heading = "Rows that failed"
    failed = sum(summary.status.endings[name] for name in FAILED)
    if not failed:
        return section("failures", heading, note("None."))
    rows: list[tuple[Cell, ...]] = [_failure(failure) for failure in summary.first_failures]
    if summary.last_failures:
        rows += [_GAP, *map(_failure, summary.last_failures)]
    listed = len(summary.first_failures) + len(summary.last_failures)
    which = "all of them" if listed >= failed else "the first and the last"
    return section(
        "failures",
        heading,
        note(f"{failed:,}; here are {which}."),
        table(heading, ("Row", "Customer", "Ending", "Reason"), rows),
    )


def _failure(failure: Failure) -> tuple[Cell, ...]:
    customer = mask(failure.identifier) if failure.identifier else ""
    row = FormattedNumber(f"{failure.row:,}")
    return row, customer, ending_label(failure.ending), failure.reason
