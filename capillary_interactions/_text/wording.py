"""Numbers, durations and endings as text for a person."""

from datetime import datetime
from typing import Final

_SECOND: Final = 1.0
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


def ending_label(name: str) -> str:
    return name.replace("_", " ")


def pluralise(number: int, noun: str) -> str:
    """A number and a noun.

    >>> pluralise(1, "retry"), pluralise(1000, "retry")
    ('1 retry', '1,000 retries')
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def format_duration(seconds: float) -> str:
    """A duration in its two largest units.

    >>> [format_duration(seconds) for seconds in (0.004, 4.26, 200, 4000, 200_000)]
    ['4 ms', '4.3 s', '3 min 20 s', '1 h 6 min', '2 d 7 h']
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


def zone_name(moment: datetime) -> str:
    """The name of the time zone that a date is in: Asia/Kolkata, UTC, UTC+05:30."""
    return getattr(moment.tzinfo, "key", None) or moment.tzname() or "local time"
