"""How are the server's dates read and written?

Known spellings: `DD-MM-YYYY HH:mm:ss`, `YYYY-MM-DD HH:mm:ss` (in old answers with one-digit months
and days), and ISO 8601 with or without an offset.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

DateParser = Callable[[str], datetime | None]

_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
_ZONE: Final = r"(?: ?(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>\d{2})(?::?(?P<minutes>[0-5]\d))?))?"
_SPELLINGS: Final = tuple(
    re.compile(f"{day}[Tt ]{_TIME}{_ZONE}", re.ASCII)
    for day in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})-(?P<month>\d{1,2})-(?P<year>\d{4})",
    )
)
_MAX_LENGTH: Final = 64


def make_date_parser(zone: tzinfo) -> DateParser:
    """A function that reads dates into a zone, which is also that of dates that name none.

    It returns None for a text in no known spelling, and for a moment that a datetime cannot hold.
    """
    from_iso = datetime.fromisoformat

    def read(text: str) -> datetime | None:
        return _normalise(_parse(text), zone)

    def read_utc(text: str) -> datetime | None:
        # The published spellings, rearranged for the parser in C: it takes ASCII digits only, and
        # a zone named in the text costs a third of replace(tzinfo=...).
        try:
            if len(text) == 19 and text[10::3] == " ::":  # noqa: PLR2004
                if text[2] == "-":
                    return from_iso(f"{text[6:10]}{text[2:6]}{text[:2]}{text[10:]}+00:00")
                if text[7] == "-":
                    return from_iso(f"{text}+00:00")
            elif len(text) == 20 and text[7::3] == "-T::Z":  # noqa: PLR2004
                return from_iso(text)
        except ValueError:
            pass
        return read(text)

    return read_utc if zone is UTC else read


def _parse(text: str) -> datetime | None:
    text = text.strip() if len(text) <= _MAX_LENGTH else ""
    for spelling in _SPELLINGS:
        match = spelling.fullmatch(text)
        if match:
            return _from_parts(match)
    return None


def _from_parts(match: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute = map(int, match.group("year", "month", "day", "hour", "minute"))
    second = int(match["second"] or 0)
    microsecond = int((match["part"] or "")[:6].ljust(6, "0"))
    try:
        return datetime(
            year, month, day, hour, minute, second, microsecond, tzinfo=_named_zone(match)
        )
    except ValueError:
        return None


def _named_zone(match: re.Match[str]) -> tzinfo | None:
    if not match["zone"]:
        return None
    if not match["sign"]:
        return UTC
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return timezone(-offset if match["sign"] == "-" else offset)


def _normalise(moment: datetime | None, zone: tzinfo) -> datetime | None:
    if moment is None:
        return None
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            moment.astimezone(UTC)  # raises where it could not be compared
            return moment
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return None


def format_day_first(moment: datetime) -> str:
    """A date as `sentDate` spells it, in its own zone; ISO 8601 where that would lose a part."""
    if moment.microsecond:
        return format_iso(moment)
    return f"{moment.day:02}-{moment.month:02}-{moment.year:04} {moment:%H:%M:%S}"


def format_iso(moment: datetime) -> str:
    """A date as `deliveredTime` spells it: ISO 8601 to the second, Z for UTC."""
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text
