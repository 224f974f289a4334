"""How is a date read quickly? By its hour, which is read with care once, and the time after it.

Kept are the hours and minutes that answers name, in published spellings: nothing of a customer.
"""

import re
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, tzinfo
from typing import Final

DateParser = Callable[[str], datetime | None]

# Nearly two years of hours, in about 3 MB.
MAX_HOURS: Final = 16 * 1024
# "DD-MM-YYYY HH:mm:ss", "YYYY-MM-DD HH:mm:ss" and "YYYY-MM-DDTHH:mm:ss", with or without Z.
_PUBLISHED: Final = re.compile(
    r"(?:\d\d-\d\d-\d{4} |\d{4}-\d\d-\d\d[ T])(?:[01]\d|2[0-3])"
    r":(?P<minute>[0-5]\d):(?P<second>[0-5]\d)Z?",
    re.ASCII,
)
# The length of such a text up to its hour.
TO_HOUR: Final = 13
_LAST: Final = timedelta(minutes=59, seconds=59)
_EDGES: Final = frozenset({MINYEAR, MAXYEAR})


class CachedDateParser:
    """Reads dates as another parser does, in 0.2 µs where that takes up to 2.

    Args:
        parse: Reads dates into the zone, and takes those that name none for its local time.
        zone: The zone. Where its offset changes, dates are left to `parse` each time.

    Attributes:
        hours: Those of texts that name no zone, by their first 13 characters.
        hours_z: Those of texts that end with Z, likewise.
        after: The time since the hour, by the other characters: 7,200 texts at most.
    """

    __slots__ = ("_parse", "after", "hours", "hours_z")

    def __init__(self, parse: DateParser, zone: tzinfo) -> None:
        self._parse = parse
        self.hours: dict[str, datetime] = {}
        self.hours_z = self.hours if zone is UTC else {}
        self.after: dict[str, timedelta] = {}

    def __call__(self, text: str) -> datetime | None:
        """The date in a text, or None."""
        hours = self.hours_z if text[-1:] == "Z" else self.hours
        try:
            return hours[text[:TO_HOUR]] + self.after[text[TO_HOUR:]]
        except KeyError:
            return self._parse_unknown(text, hours)

    def _parse_unknown(self, text: str, hours: dict[str, datetime]) -> datetime | None:
        moment, match = self._parse(text), _PUBLISHED.fullmatch(text)
        if moment is None or match is None or moment.year in _EDGES:
            return moment
        passed = timedelta(minutes=int(match["minute"]), seconds=int(match["second"]))
        hour = moment - passed
        if _has_one_offset(hour):
            if len(hours) >= MAX_HOURS:
                hours.clear()
            hours[text[:TO_HOUR]], self.after[text[TO_HOUR:]] = hour, passed
        return moment


def _has_one_offset(hour: datetime) -> bool:
    """Whether a zone has the same offset all through an hour, and each local time once."""
    ends = (hour, hour + _LAST)
    return len({end.replace(fold=fold).utcoffset() for end in ends for fold in (0, 1)}) == 1
