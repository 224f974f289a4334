"""Which time zone does a name, or a base URL, stand for?

An answer's dates without an offset are in the zone of its cluster: the vendor's older GET calls
return the server's time, +05:30 in India and Singapore and +00:00 in Europe.
"""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Final
from urllib.parse import urlsplit

from capillary_interactions._config.clusters import INDIAN_TIME, ZONES
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

# The zones of clusters, which must work where no database of time zones is installed. India has had
# the same offset since 1945.
_FIXED: Final[Mapping[str, tzinfo]] = {
    INDIAN_TIME: timezone(timedelta(hours=5, minutes=30), INDIAN_TIME),
}
_DIGIT: Final = re.compile(r"\d")
_CITY: Final = re.compile(r"[A-Za-z]{1,12}/[A-Za-z_-]{1,30}", re.ASCII)


def cluster_zone(base_url: str) -> tzinfo:
    """The time zone of a cluster's dates, by its URL; UTC for any other URL."""
    return named_zone(ZONES.get(urlsplit(base_url).hostname or "", "UTC"))


def named_zone(name: str) -> tzinfo:
    """The time zone of an IANA name, such as Asia/Kolkata.

    Raises:
        ConfigurationError: There is none of that name, or no database of time zones.
    """
    zone = UTC if name == "UTC" else _installed_zone(name) or _FIXED.get(name)
    if zone is None:
        raise ConfigurationError(_unknown(name))
    return zone


def _installed_zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - most clients need none

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _unknown(name: str) -> str:
    from zoneinfo import available_timezones  # noqa: PLC0415

    names = available_timezones()
    if not names:
        return "timezone: no time zones are installed on this computer: pip install tzdata"
    similar = _similar(name, names)
    shown = describe_value(name, like=_CITY, choices=similar)
    end = f"; did you mean {' or '.join(similar)}?" if similar else ", such as Asia/Kolkata"
    return f"timezone must be the name of an IANA time zone, not {shown}{end}"


def _similar(name: str, names: set[str]) -> list[str]:
    """At most two names that may be meant: in other capitals, the city alone, or misspelt."""
    import difflib  # noqa: PLC0415

    if _DIGIT.search(name):
        return []  # an offset, whose sign is reversed in the names that have one (Etc/GMT+5)
    by_key = {known.lower(): known for known in sorted(names)}
    key = name.strip().lower().replace(" ", "_")
    if key in by_key:
        return [by_key[key]]
    cities = [known for known in by_key.values() if known.lower().rpartition("/")[2] == key]
    close = difflib.get_close_matches(key[:64], by_key, n=2, cutoff=0.75)
    return cities[:2] or [by_key[match] for match in close]
