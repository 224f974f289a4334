"""What is said of a job at its end, or when somebody asks? Words for figures, pure."""

import os
import re
from collections.abc import Mapping
from shlex import quote as quoted
from typing import Final

from capillary_interactions._text.masking import mask
from capillary_interactions._text.wording import ending_label, format_duration, pluralise
from capillary_interactions.cli._summaries import endings
from capillary_interactions.jobs import Failure, JobStatus, Report, RunFigures
from capillary_interactions.jobs._status import unknown_hint

_PROGRAM: Final = "capillary-interactions"
_NEXT: Final[Mapping[str, str]] = {
    "rejected": "rejected: each row's reason says what to change in the list or the settings",
    "unreadable": (
        "unreadable: the API answers otherwise than this version understands; look for a newer "
        "version, and report the path"
    ),
    "unavailable": (
        "unavailable: these had no answer; `{program} jobs retry {job}`, then the same command "
        "again, asks once more"
    ),
}


def summary(report: Report, before: int, window: float = 0.0) -> tuple[str, ...]:
    """What is said when a run of a job is over, line by line.

    Args:
        report: The figures.
        before: Rows that had ended before the run.
        window: Seconds of the quota's window; of a shorter run no share of it is told.
    """
    run, rows = report.run, report.status.done - before
    rate = rows / run.seconds if run.seconds else 0.0
    pace = f"{pluralise(rows, 'row')} in {format_duration(run.seconds)} ({rate:.1f}/s)"
    whole = not before and report.complete
    told = endings(report.status.endings) or "none ended"
    return (
        *([f"{pace}: {told}"] if whole else [pace, _so_far(report.status)]),
        _sent(run),
        *_quota(run, window),
        *_rows_beside(report),
        *_failures(report.first_failures, report.last_failures),
    )


def next_steps(report: Report) -> tuple[str, ...]:
    """What to do about the rows that are not found or not found out."""
    job = quote(str(report.status.path))
    hint = unknown_hint(report.status.endings)
    steps = (
        text.format(program=_PROGRAM, job=job)
        for name, text in _NEXT.items()
        if report.status.endings[name]
    )
    return (*steps, *([] if hint is None else [hint]))


def way_on(job: str, out: str, *, whole: bool = False) -> str:
    """How to go on with a job that is not done, or whose results are not written."""
    if whole:
        return (
            f"all is done but {out}: the same command again writes it, and so does "
            f"`{_PROGRAM} jobs export {quote(job)} --out {quote(out)}`, in another place or format"
        )
    return (
        f"stopped early: the same command again goes on; {out} is written when all is done "
        f"(`{_PROGRAM} jobs export {quote(job)} --out {quote(out)}` writes what there is)"
    )


def state(report: Report) -> tuple[str, ...]:
    """What there is to know of a job when nobody runs it, or somebody does."""
    status, run = report.status, report.run
    lines = [
        f"{status.path}: {status.customers}, since {status.began:%Y-%m-%d %H:%M} UTC",
        _so_far(status),
        *_rows_beside(report),
    ]
    if run.seconds:
        asked = f"{pluralise(run.asked, 'lookup')} in {format_duration(run.seconds)}"
        lines.append(f"last run: {asked}, {_sent(run)}")
    if run.stopped:
        lines.append(f"it stopped: {run.stopped}")
    return (*lines, *_failures(report.first_failures, report.last_failures))


def _so_far(status: JobStatus) -> str:
    rows = f"{status.rows:,}" if status.whole else f"{status.rows:,} or more"
    told = endings(status.endings) or "none ended"
    return f"{status.done:,} of {rows} rows done: {told}"


def _sent(run: RunFigures) -> str:
    sent = f"{pluralise(run.requests, 'request')}, {pluralise(run.retries, 'retry')}"
    return f"{sent}, {run.throttled:,} throttled"


def _quota(run: RunFigures, window: float) -> list[str]:
    if not run.asked:
        return []
    waited, served = run.waited / run.asked, run.served / run.asked
    lookup = (
        f"a lookup waited {format_duration(waited)} for quota and took "
        f"{format_duration(served)} on average"
    )
    # The burst at its beginning is more than a short run's share of the quota ("536 %").
    if not run.quota or run.seconds < max(window, 1 / run.quota):
        return [lookup]
    lookup = lookup.replace("for quota", "for it")
    return [f"{100 * min(1.0, run.quota_used):.0f} % of the quota used; {lookup}"]


def _rows_beside(report: Report) -> list[str]:
    status, lines = report.status, []
    if status.blank:
        lines.append(f"{pluralise(status.blank, 'blank line')} skipped")
    if status.duplicates:
        lines.append(f"{pluralise(status.duplicates, 'row')} with the customer of an earlier row")
    if report.note:
        lines.append(report.note)
    return lines


def _failures(first: tuple[Failure, ...], last: tuple[Failure, ...]) -> list[str]:
    shown = [_failure(each) for each in first]
    if last:
        shown += ["  ...", *(_failure(each) for each in last)]
    return shown


def _failure(failure: Failure) -> str:
    who = f" ({mask(failure.identifier)})" if failure.identifier else ""
    return f"  row {failure.row:,}{who} {ending_label(failure.ending)}: {failure.reason}"


_PLAIN: Final = re.compile(r"[ -&(-\[\]-~]")


def quote(text: str) -> str:
    r"""A word for a shell; bash, zsh and fish 4 read the escapes of what is not printable.

    >>> quote("a b.job"), quote("a\x1bb.job")
    ("'a b.job'", "$'a\\x1bb.job'")
    """
    if text.isprintable():
        return quoted(text)
    return (
        "$'"
        + "".join(
            c if _PLAIN.fullmatch(c) else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c))
            for c in text
        )
        + "'"
    )
