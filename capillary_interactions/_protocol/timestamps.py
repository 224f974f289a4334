"""How are times in headers read? Numbers, durations and dates, as seconds and as moments.

A moment is read by the clock that wrote it: the answer's own `Date`, where there is one, and not
by this machine's, which may be minutes or a year off.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from attrs import frozen

LONGEST: Final = 3600.0
"""Seconds that a server may ask to wait at most, if no setting allows more."""

_NUMBER: Final = re.compile(r"\d{1,18}(?:\.\d{1,18})?", re.ASCII)
# "6s", "6 seconds", "20ms", "6m0s", "1h2m3.5s": as Go and some gateways write durations.
_PART: Final = r"(\d{1,9}(?:\.\d{1,9})?)\s?(ms|s|sec|secs|seconds?|m|min|minutes?|h|hours?)"
_DURATION: Final = re.compile(rf"{_PART}(?:\s?{_PART})?(?:\s?{_PART})?", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# The three forms of RFC 9110, and the zones that mean the same everywhere: "IST" is three zones.
_HTTP_DATE: Final = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ){0,1}(?:"
    r"\d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d?:\d\d(?::\d\d)? ?(?:GMT|UTC|UT|Z|[+-]\d{4})"
    r"|[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d \d{4})",
    re.ASCII | re.IGNORECASE,
)
# What JavaScript makes of a Date that is written into a header as it is.
_SCRIPT_DATE: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d{4}) (\d\d:\d\d:\d\d) GMT([+-]\d{4})"
    r"(?: \([ -~]{0,60}\))?",
    re.ASCII,
)
_ISO_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
# Above any number of seconds to wait, below any moment since the epoch that matters.
_EPOCH: Final = 1e9
# Milliseconds, microseconds and nanoseconds since the epoch have more digits.
_FINER: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
# A number that would be a moment this long ago is none.
_MAX_PAST: Final = timedelta(days=3653)
_DAY: Final = 86400.0
_MAX_AGE: Final = 31 * _DAY


@frozen
class Clock:
    """What time it is, by the clock of the machine that wrote a header.

    Attributes:
        local: By this machine's clock.
        date: By the server's, by the answer's `Date` and `Age`, or None.
    """

    local: datetime
    date: datetime | None = None

    def until(self, moment: datetime) -> float:
        """Seconds until a moment; negative if it is past."""
        wait = (moment - (self.date or self.local)).total_seconds()
        if self.date is not None and abs(wait) > _DAY:
            # A proxy with a broken clock may have written the Date, and not the moment.
            by_local = (moment - self.local).total_seconds()
            return by_local if abs(by_local) <= _DAY else wait
        return wait


def clock(headers: Mapping[str, str], local: datetime) -> Clock:
    """The clock by which the moments in an answer's headers are to be read."""
    text = header(headers, "date")
    date = None if text is None else _http_date(text.strip())
    if date is None:
        return Clock(local)
    # From a cache, the answer is older than it came: its Date is when it was made.
    age = number(header(headers, "age"))
    if age is not None and age <= _MAX_AGE:
        date = _later(date, age)
    return Clock(local, date)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its lower-case name, in whatever case a transport keeps it; the first of many."""
    value: object = headers.get(name)
    if value is None:
        value = next((text for key, text in headers.items() if key.lower() == name), None)
    return header_text(value)


def header_text(value: object) -> str | None:
    """A header's text; a transport may hold numbers, too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def number(text: str | None) -> float | None:
    """Digits, with a fraction too, and nothing else.

    >>> number("2.5"), number("-1"), number("1e3")
    (2.5, None, None)
    """
    # What strip() takes for a space, such as \x1f, float() does not always.
    bare = "" if text is None else text.strip()
    return float(bare) if _NUMBER.fullmatch(bare) else None


def duration(text: str) -> float | None:
    """Seconds, from a number below any moment or from a number with its unit.

    >>> duration("6"), duration("6m0s"), duration("20ms")
    (6.0, 360.0, 0.02)
    """
    seconds = number(text)
    if seconds is not None:
        return seconds if seconds < _EPOCH else None
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    parts = zip(match.groups()[::2], match.groups()[1::2], strict=True)
    return sum(float(count) * _unit(unit) for count, unit in parts if count is not None)


def _unit(name: str) -> float:
    return _UNITS["ms" if name.lower() == "ms" else name[0].lower()]


def wait(text: str, now: Clock) -> float | None:
    """Seconds from now until a moment, negative if it is past; None for what is no moment."""
    bare = text.strip()[:100]
    seconds = number(bare)
    if seconds is not None:
        return _since_epoch(seconds, now) if seconds >= _EPOCH else None
    moment = _http_date(bare) or _script_date(bare)
    return _iso_wait(bare, now) if moment is None else now.until(moment)


def _since_epoch(seconds: float, now: Clock) -> float:
    scale = next((scale for minimum, scale in _FINER if seconds >= minimum), 1.0)
    try:
        moment = datetime.fromtimestamp(seconds / scale, UTC)
    except (ValueError, OverflowError, OSError):
        return math.inf
    # As a moment it is long past, so it is none but a very long time.
    long_past = moment < now.local - _MAX_PAST
    return seconds if long_past else now.until(moment)


def _http_date(text: str) -> datetime | None:
    if not _HTTP_DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(re.sub(r"(?i)(UTC?|Z)$", "GMT", text))
        return _aware(moment)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _script_date(text: str) -> datetime | None:
    match = _SCRIPT_DATE.fullmatch(text)
    if match is None:
        return None
    month, day, year, time, zone = match.groups()
    return _http_date(f"{day} {month} {year} {time} {zone}")


def _iso_wait(text: str, now: Clock) -> float | None:
    match = _ISO_DATE.fullmatch(text)
    if match is None:
        return None
    day, time, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}")
    except (ValueError, OverflowError):
        return None
    seconds = now.until(moment)
    # Without a zone it is UTC only if that makes sense: most others are an hour or more away.
    return seconds if zone or 0 <= seconds <= LONGEST else None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _later(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return moment
