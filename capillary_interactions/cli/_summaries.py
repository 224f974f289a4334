"""What has become of a list so far, and what should its owner do next? Figures and words, pure."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._text.wording import ending_label, format_duration, pluralise
from capillary_interactions.jobs._status import unknown_hint

_NEXT: Final[Mapping[str, str]] = {
    "rejected": "rejected: each line's `reason` says what to change in the row or the settings",
    "unreadable": (
        "unreadable: the API answers otherwise than this version understands; look for a newer "
        "version, and report the `path`"
    ),
    "unavailable": "unavailable: these had no answer; ask for them again later",
}


@frozen(kw_only=True)
class StreamSummary:
    """What a run has come to.

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

    @property
    def rows(self) -> int:
        """Rows that have ended."""
        return sum(self.endings.values())


def summary(report: StreamSummary, out: str) -> tuple[str, ...]:
    """What is said at the end, line by line.

    Args:
        report: The figures.
        out: What a person calls the output.
    """
    rate = report.rows / report.seconds if report.seconds else 0.0
    pace = f"{pluralise(report.rows, 'row')} in {format_duration(report.seconds)} ({rate:.1f}/s)"
    sent = f"{pluralise(report.requests, 'request')}, {pluralise(report.retries, 'retry')}"
    lines = [
        f"{pace}: {endings(report.endings) or 'none ended'}",
        f"{sent}, {report.throttled:,} throttled",
    ]
    if report.blanks:
        lines.append(f"{pluralise(report.blanks, 'blank line')} skipped")
    if report.note:
        lines.append(report.note)
    if report.read > report.rows:
        lines.append(f"{pluralise(report.read - report.rows, 'row')} read but not ended")
    if report.written < report.rows:
        lines.append(f"only {pluralise(report.written, 'line')} written to {out}")
    if report.unanswered is not None:
        lines.append(f"the last row without an answer: {report.unanswered}")
    lines += [text for name, text in _NEXT.items() if report.endings.get(name)]
    hint = unknown_hint(report.endings)
    lines += [] if hint is None else [hint]
    return tuple(lines)


def endings(counts: Mapping[str, int]) -> str:
    """The endings that came, with their counts."""
    told = ((counts.get(name, 0), ending_label(name)) for name in ENDINGS)
    return ", ".join(f"{number:,} {word}" for number, word in told if number)


@frozen(kw_only=True)
class ProgressState:
    """How far a run is.

    Attributes:
        done: Rows that have ended.
        total: Rows in all, or None if nobody knows.
        rate: Rows a second of late.
        endings: Rows by how they ended.
    """

    done: int
    total: int | None
    rate: float
    endings: Mapping[str, int]


def status(moment: ProgressState) -> str:
    """How far a run is, in one line."""
    parts = [f"{moment.done:,} rows" if moment.total is None else _share(moment.done, moment.total)]
    parts.append(f"{moment.rate:.1f}/s")
    if moment.total is not None and moment.rate > 0:
        parts.append(f"{format_duration(max(0, moment.total - moment.done) / moment.rate)} left")
    told = endings(moment.endings)
    return " | ".join([*parts, told] if told else parts)


def _share(done: int, total: int) -> str:
    return f"{done:,} of {total:,} rows ({100 * done // max(total, 1)} %)"
