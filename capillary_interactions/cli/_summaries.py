"""Figures of a run or a job as lines of text, and what to do next; pure."""

import os
import re
from collections.abc import Mapping
from shlex import quote as shell_quote
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._text.masking import mask
from capillary_interactions._text.wording import ending_label, format_duration, pluralise
from capillary_interactions.jobs import next_steps

if TYPE_CHECKING:
    from capillary_interactions.engines import ClusterCounts
    from capillary_interactions.jobs import Failure, Forgotten, JobStatus, Report, RunFigures

_PROGRAM: Final = "capillary-interactions"
_REJECTED: Final = "rejected: each line's `reason` says what to change in the row or the settings"
_UNAVAILABLE: Final = "unavailable: these had no answer; "


@frozen(kw_only=True)
class ProgressState:
    """How far a run is."""

    done: int
    total: int | None
    endings: Mapping[str, int]


def status(state: ProgressState, rate: float) -> str:
    """How far a run is, in one line."""
    done, total = state.done, state.total
    share = "" if total is None else f" ({100 * done // max(total, 1)} %)"
    parts = [f"{done:,} rows" if total is None else f"{done:,} of {total:,} rows{share}"]
    parts.append(f"{rate:.1f}/s")
    if total is not None and rate > 0:
        parts.append(f"{format_duration(max(0, total - done) / rate)} left")
    return " | ".join([*parts, *filter(None, [format_endings(state.endings)])])


def format_endings(counts: Mapping[str, int]) -> str:
    labels = ((counts.get(name, 0), ending_label(name)) for name in ENDINGS)
    return ", ".join(f"{count:,} {label}" for count, label in labels if count)


@frozen(kw_only=True)
class StreamSummary:
    """The figures of a run without a job.

    Attributes:
        endings: Rows by how they ended.
        read: Rows read, ended or not.
        written: Lines in the output.
        blanks: Blank lines skipped.
        note: How many rows hold something else than a customer, or None.
        seconds: How long it took.
        requests: Requests sent.
        retries: Of these, sent again.
        throttled: Of these, refused for their rate.
        unanswered: Why the last row without an answer had none, or None.
        limit: After how many customers it stopped as it should, or None.
    """

    endings: Mapping[str, int] = field(factory=dict)
    read: int = 0
    written: int = 0
    blanks: int = 0
    note: str | None = None
    seconds: float = 0.0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    unanswered: str | None = None
    limit: int | None = None

    @property
    def rows(self) -> int:
        return sum(self.endings.values())


def stream_summary(figures: StreamSummary, out: str) -> tuple[str, ...]:
    """The end of a run without a job, line by line."""
    endings, missing = figures.endings, figures.read - figures.rows
    lines = [
        f"{_pace(figures.rows, figures.seconds)}: {format_endings(endings) or 'none ended'}",
        _requests(figures),
        *_skipped(figures.blanks, 0, figures.note),
    ]
    if missing > 0:
        lines.append(f"{pluralise(missing, 'row')} read but not ended")
    if figures.written < figures.rows:
        lines.append(f"only {pluralise(figures.written, 'line')} written to {out}")
    if figures.unanswered is not None:
        lines.append(f"the last row without an answer: {figures.unanswered}")
    if figures.limit is not None:
        lines.append(f"stopped after {pluralise(figures.limit, 'customer')} (--limit)")
    later = f"{_UNAVAILABLE}ask for them again later"
    return (*lines, *next_steps(endings, rejected=_REJECTED, unavailable=later))


def job_summary(
    report: "Report", done_before: int, window: float = 0.0, added: int = 0
) -> tuple[str, ...]:
    """The end of a run of a job, line by line.

    Args:
        report: The figures.
        done_before: Rows that had ended before the run.
        window: Seconds of the quota's window; the share used is shown of no shorter run.
        added: Rows at the end of the list that it did not have when it was read last.
    """
    run, status_ = report.run, report.status
    rows = status_.done - done_before
    refreshed_only = run.asked and not rows
    pace = _pace(run.asked, run.seconds, "lookup") if refreshed_only else _pace(rows, run.seconds)
    only_run = not done_before and report.complete
    endings = format_endings(status_.endings) or "none ended"
    return (
        *([f"{pace}: {endings}"] if only_run else [pace, _rows_done(status_)]),
        *([f"{pluralise(added, 'row')} added to the list since"] if added > 0 else []),
        *_refreshed(run, status_.stale),
        *_forgotten(status_.forgotten),
        _requests(run),
        *_quota(run, window),
        *_skipped(status_.blank, status_.duplicates, report.note),
        *_failures(report),
    )


def cluster_summary(counts: "ClusterCounts", seconds: float) -> tuple[str, ...]:
    """The end of a run by an engine, line by line."""
    pace, endings = _pace(counts.done - counts.done_before, seconds), format_endings(counts.endings)
    only_run = not counts.done_before and counts.done == counts.rows
    rows_done = f"{counts.done:,} of {counts.rows:,} rows done: {endings or 'none ended'}"
    again = f"{_UNAVAILABLE}the same command with --retry asks once more"
    return (
        *([f"{pace}: {endings}"] if only_run else [pace, rows_done]),
        _requests(counts),
        *_skipped(counts.blank, counts.duplicates, None),
        *next_steps(counts.endings, unavailable=again),
    )


def next_job_steps(report: "Report") -> tuple[str, ...]:
    """What to do about the rows that are neither found nor not found."""
    retry = f"`{_PROGRAM} jobs retry {quote(report.status.path)}`"
    again = f"{_UNAVAILABLE}{retry}, then the same command again, asks once more"
    return next_steps(report.status.endings, unavailable=again)


def how_to_continue(job: str, out: str, *, complete: bool = False, limit: int | None = None) -> str:
    """How to resume a job, or to write the results of one that is complete.

    Args:
        job: Its file.
        out: The result.
        complete: Whether every row has its outcome.
        limit: After how many customers the run stopped as it should, or None.
    """
    export = f"`{_PROGRAM} jobs export {quote(job)} --out {quote(out)}`"
    if complete:
        return (
            f"all is done but {out}: the same command again writes it, and so does {export}, in "
            "another place or format"
        )
    if limit is not None:
        return (
            f"stopped after {pluralise(limit, 'customer')} (--limit): the same command goes on "
            f"with the next ones, and without --limit with all; {out} is written when all is done "
            f"({export} writes what there is)"
        )
    return (
        f"stopped early: the same command again goes on; {out} is written when all is done "
        f"({export} writes what there is)"
    )


def job_state(report: "Report") -> tuple[str, ...]:
    """A job at any moment, line by line."""
    status_, run = report.status, report.run
    lines = [
        f"{status_.path}: {status_.customers}, since {status_.began:%Y-%m-%d %H:%M} UTC",
        _rows_done(status_),
        *_skipped(status_.blank, status_.duplicates, report.note),
    ]
    if run.seconds:
        asked = f"{pluralise(run.asked, 'lookup')} in {format_duration(run.seconds)}"
        lines.append(f"last run: {asked}, {_requests(run)}")
    lines.extend(_refreshed(run, status_.stale))
    lines.extend(_forgotten(status_.forgotten))
    if run.stopped:
        lines.append(f"it stopped: {run.stopped}")
    return (*lines, *_failures(report))


def forgotten_lines(forgotten: "Forgotten", name: str, value: str) -> tuple[str, ...]:
    """What was deleted of a customer, and what is left to do elsewhere."""
    rows = f"{name} {mask(value)}: {pluralise(forgotten.rows, 'row')} deleted for good"
    lines = [f"{rows}, and later runs of this job ask for this customer no more"]
    if forgotten.mentions:
        lines.append(
            f"rows and answers of other customers that mention this {name}, and are left as they "
            f"are: {forgotten.mentions:,}"
        )
    if forgotten.exports:
        written = ", ".join(map(str, forgotten.exports))
        lines.append(f"written before, and left as it is: {written}; export again, or remove it")
    return (*lines, "the list itself, copies and backups are left as they are")


def _pace(count: int, seconds: float, noun: str = "row") -> str:
    rate = count / seconds if seconds else 0.0
    return f"{pluralise(count, noun)} in {format_duration(seconds)} ({rate:.1f}/s)"


def _rows_done(status_: "JobStatus") -> str:
    count = status_.rows - status_.forgotten
    rows = f"{count:,}" if status_.whole else f"{count:,} or more"
    endings = format_endings(status_.endings) or "none ended"
    return f"{status_.done:,} of {rows} rows done: {endings}"


def _requests(figures: "RunFigures | StreamSummary | ClusterCounts") -> str:
    sent = f"{pluralise(figures.requests, 'request')}, {pluralise(figures.retries, 'retry')}"
    return f"{sent}, {figures.throttled:,} throttled"


def _refreshed(run: "RunFigures", stale: int) -> list[str]:
    lines = []
    if run.refreshed or run.kept:
        lines.append(f"{pluralise(run.refreshed, 'customer')} refreshed")
    if run.kept:
        lines.append(
            f"{pluralise(run.kept, 'customer')} had no newer answer: the earlier one stays"
        )
    if stale:
        lines.append(f"{pluralise(stale, 'customer')} still to be asked once more")
    return lines


def _forgotten(rows: int) -> list[str]:
    return [f"{pluralise(rows, 'row')} of customers who are forgotten"] if rows else []


def _quota(run: "RunFigures", window: float) -> list[str]:
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


def _skipped(blanks: int, duplicates: int, note: str | None) -> list[str]:
    lines = [f"{pluralise(blanks, 'blank line')} skipped"] if blanks else []
    if duplicates:
        lines.append(f"{pluralise(duplicates, 'row')} with the customer of an earlier row")
    return [*lines, *filter(None, [note])]


def _failures(report: "Report") -> list[str]:
    first, last = ([_failure(row) for row in rows] for rows in
                   (report.first_failures, report.last_failures))  # fmt: skip
    return [*first, "  ...", *last] if last else first


def _failure(failure: "Failure") -> str:
    customer = f" ({mask(failure.identifier)})" if failure.identifier else ""
    return f"  row {failure.row:,}{customer} {ending_label(failure.ending)}: {failure.reason}"


_PLAIN: Final = re.compile(r"[ -&(-\[\]-~]")


def quote(text: str) -> str:
    r"""A word for a shell; bash, zsh and fish 4 read the escapes of what is not printable.

    >>> quote("a b.job"), quote("a\x1bb.job")
    ("'a b.job'", "$'a\\x1bb.job'")
    """
    if text.isprintable():
        return shell_quote(text)
    escaped = (
        c if _PLAIN.fullmatch(c) else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(escaped)}'"
