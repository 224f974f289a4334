"""What has become of a list so far, and what should its owner do next? Figures and words, pure."""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

_WORDS: Final[Mapping[str, str]] = {
    "found": "found",
    "not_found": "not found",
    "rejected": "rejected",
    "unreadable": "unreadable",
    "unavailable": "unavailable",
}
_NEXT: Final[Mapping[str, str]] = {
    "rejected": "rejected: each line's `reason` says what to change in the row or the settings",
    "unreadable": (
        "unreadable: the API answers otherwise than this version understands; look for a newer "
        "version, and report the `path`"
    ),
    "unavailable": "unavailable: these had no answer; ask for them again later",
}
_SECOND: Final = 1.0
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


@frozen(kw_only=True)
class Report:
    """What a run has come to.

    Attributes:
        endings: Rows by how they ended.
        read: Rows read, ended or not.
        written: Lines in the output.
        blanks: Blank lines skipped.
        seconds: How long it took.
        requests: Requests sent.
        retries: Of these, sent again.
        throttled: Of these, refused for their rate.
    """

    endings: Mapping[str, int] = field(factory=dict)
    read: int = 0
    written: int = 0
    blanks: int = 0
    seconds: float = 0.0
    requests: int = 0
    retries: int = 0
    throttled: int = 0

    @property
    def rows(self) -> int:
        """Rows that have ended."""
        return sum(self.endings.values())


def summary(report: Report, out: str) -> tuple[str, ...]:
    """What is said at the end, line by line.

    Args:
        report: The figures.
        out: What a person calls the output.
    """
    rate = report.rows / report.seconds if report.seconds else 0.0
    pace = f"{count(report.rows, 'row')} in {duration(report.seconds)} ({rate:.1f}/s)"
    sent = f"{count(report.requests, 'request')}, {count(report.retries, 'retry')}"
    lines = [
        f"{pace}: {endings(report.endings) or 'none ended'}",
        f"{sent}, {report.throttled:,} throttled",
    ]
    if report.blanks:
        lines.append(f"{count(report.blanks, 'blank line')} skipped")
    if report.read > report.rows:
        lines.append(f"{count(report.read - report.rows, 'row')} read but not ended")
    if report.written < report.rows:
        lines.append(f"only {count(report.written, 'line')} written to {out}")
    lines += [text for name, text in _NEXT.items() if report.endings.get(name)]
    return tuple(lines)


def endings(counts: Mapping[str, int]) -> str:
    """The endings that came, with their counts."""
    told = ((counts.get(name, 0), word) for name, word in _WORDS.items())
    return ", ".join(f"{number:,} {word}" for number, word in told if number)


def ending_word(name: str) -> str:
    """What a person calls an ending."""
    return _WORDS[name]


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "retry"), count(1000, "retry")
    ('1 retry', '1,000 retries')
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def duration(seconds: float) -> str:
    """A time in the two largest units that matter.

    >>> duration(0.004), duration(4.26), duration(200), duration(4000), duration(200_000)
    ('4 ms', '4.3 s', '3 min 20 s', '1 h 6 min', '2 d 7 h')
    """
    if seconds < _SECOND:
        return f"{1000 * seconds:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // 60)} min"
    return f"{int(seconds // _DAY)} d {int(seconds % _DAY // _HOUR)} h"


@frozen(kw_only=True)
class Moment:
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


def status(moment: Moment) -> str:
    """How far a run is, in one line."""
    parts = [f"{moment.done:,} rows" if moment.total is None else _share(moment.done, moment.total)]
    parts.append(f"{moment.rate:.1f}/s")
    if moment.total is not None and moment.rate > 0:
        parts.append(f"{duration(max(0, moment.total - moment.done) / moment.rate)} left")
    told = endings(moment.endings)
    return " | ".join([*parts, told] if told else parts)


def _share(done: int, total: int) -> str:
    return f"{done:,} of {total:,} rows ({100 * done // max(total, 1)} %)"
