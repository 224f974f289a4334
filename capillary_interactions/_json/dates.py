"""How are the server's dates read and written?

Known spellings: `DD-MM-YYYY HH:mm:ss`, `YYYY-MM-DD HH:mm:ss` (in old answers with one-digit months
and days), and ISO 8601 with or without an offset.
"""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from capillary_interactions._json.cached_dates import CachedDateParser

_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
_ZONE: Final = r"(?: ?(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>\d{2})(?::?(?P<minutes>[0-5]\d))?))?"
_SPELLINGS: Final = tuple(
    re.compile(f"{day}[Tt ]{_TIME}{_ZONE}", re.ASCII)
    for day in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})-(?P<month>\d{1,2})-(?P<year>\d{4})",
    )
)
# The separators of ISO 8601 to the second, with Z or an offset.
_ISO_FORMS: Final = frozenset({(20, "--T::Z"), (25, "--T::+:"), (25, "--T::-:")})
_MAX_LENGTH: Final = 64
_EDGES: Final = frozenset({MINYEAR, MAXYEAR})
# Of a zone's offset from UTC.
_MAX_OFFSET: Final = timedelta(hours=14)
_OFFSET_STEP: Final = timedelta(minutes=15)


class ZoneInDoubtError(Exception):
    """A date shows that an answer's dates may be in another zone than the reader's.

    Its offset is not the one that the zone has then, or its local time occurs twice in the zone.
    """


# One for all fields, so that the hours are remembered once.
@lru_cache(maxsize=16)
def make_date_parser(zone: tzinfo, *, doubting: bool = False) -> CachedDateParser:
    """A function that reads dates into a zone, which is also that of dates that name none.

    It returns None for a text in no known spelling, and for a moment that a datetime cannot hold.

    Args:
        zone: The zone.
        doubting: Whether the function raises `ZoneInDoubtError`.
    """

    def parse(text: str) -> datetime | None:
        moment = parse_date(text)
        if moment is None:
            return None
        normalised = in_zone(moment, zone)
        if doubting and normalised is not None and _is_doubtful(text, moment, normalised):
            raise ZoneInDoubtError
        return normalised

    return CachedDateParser(parse, zone)


def _is_doubtful(text: str, moment: datetime, normalised: datetime) -> bool:
    """Whether a date, as it is in a text and in the zone, puts the zone in doubt."""
    if moment.tzinfo is None:
        return normalised.utcoffset() != normalised.replace(fold=1).utcoffset()
    differs = normalised.utcoffset() != moment.utcoffset()
    return differs and shows_offset(text, moment)


def shows_offset(text: str, moment: datetime) -> bool:
    """Whether a text names an offset that a cluster may have; Z may be any server's habit."""
    offset = moment.utcoffset()
    return (
        offset is not None
        and text.rstrip()[-1] not in "Zz"
        and moment.year not in _EDGES
        and abs(offset) <= _MAX_OFFSET
        and not offset % _OFFSET_STEP
    )


def agrees(moment: datetime, zone: tzinfo) -> bool:
    """Whether a zone has, at that moment, the offset in which the moment is given."""
    return moment.astimezone(zone).utcoffset() == moment.utcoffset()


def parse_date(text: str) -> datetime | None:
    """The date in a text, without a zone where it names none."""
    return _parse_published(text) or parse_any_spelling(text)


def _parse_published(text: str) -> datetime | None:
    """The date in a text that is exactly as published, by the parser in C; else None."""
    size = len(text)
    try:
        if size == 19 and text[10::3] == " ::":  # noqa: PLR2004
            if text[2] == "-":
                return datetime.fromisoformat(f"{text[6:10]}{text[2:6]}{text[:2]}{text[10:]}")
            if text[7] == "-":
                return datetime.fromisoformat(text)
        elif (size, text[4::3]) in _ISO_FORMS:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None


def parse_any_spelling(text: str) -> datetime | None:
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


def in_zone(moment: datetime, zone: tzinfo) -> datetime | None:
    """A moment in a zone, which is that of one without any; None where it cannot be compared."""
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            if moment.year in _EDGES:
                moment.astimezone(UTC)  # raises where it could not be compared
            return moment
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return None


def format_day_first(moment: datetime) -> str:
    """A date as `sentDate` spells it, in its own zone; ISO 8601 where that would lose a part."""
    if moment.microsecond or _occurs_twice(moment):
        return format_iso(moment)
    return f"{moment.day:02}-{moment.month:02}-{moment.year:04} {moment:%H:%M:%S}"


def _occurs_twice(moment: datetime) -> bool:
    """Whether its zone has two moments with this local time."""
    other = moment.replace(fold=1 - moment.fold)
    return moment.tzinfo is not UTC and other.utcoffset() != moment.utcoffset()


def format_iso(moment: datetime) -> str:
    """A date as `deliveredTime` spells it: ISO 8601 to the second, Z for UTC."""
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text
