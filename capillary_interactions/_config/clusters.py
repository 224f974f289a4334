"""Which clusters are there, by which names, and which other host is printed for a region?

Source: pages of docs.capillarytech.com, two older books and public code, which print different
lists. No live answer shows which of two hosts is the right one.
"""

import enum
from collections.abc import Mapping
from typing import Final


class Cluster(enum.StrEnum):
    """Capillary's clusters, by the address of their API.

    The vendor's pages print different lists of hosts, so there may be two for a region, and one of
    them may be retired. The URL to use is the one in your own account, as `base_url`; a member of
    this class is a shorter way to write a URL that is printed somewhere. `us` is printed for two
    hosts; `US` is the one that this library has always used.
    """

    EUROPE = "https://eu.api.capillarytech.com"
    US = "https://ushc.api.capillarytech.com"
    USHC = US
    NORTH_AMERICA = "https://north-america.api.capillarytech.com"
    ASIA = "https://apac.api.intouch.capillarytech.com"
    APAC = "https://apac.api.capillarytech.com"
    INDIA = "https://in.api.capillarytech.com"
    APAC2 = "https://apac2.api.capillarytech.com"
    SOUTHEAST_ASIA = "https://sea.api.capillarytech.com"
    CHINA = "https://api.capillarytech.cn.com"
    NIGHTLY = "https://nightly.api.capillarytech.com"


# In small letters, and with hyphens.
_NAMES: Final[Mapping[str, Cluster]] = {
    "eu": Cluster.EUROPE,
    "apac": Cluster.APAC,
    "asia": Cluster.ASIA,
    "in": Cluster.INDIA,
    "apac2": Cluster.APAC2,
    "sea": Cluster.SOUTHEAST_ASIA,
    "us": Cluster.US,
    "ushc": Cluster.USHC,
    "north-america": Cluster.NORTH_AMERICA,
    "china": Cluster.CHINA,
    "nightly": Cluster.NIGHTLY,
}
_LONG_NAMES: Final[Mapping[str, Cluster]] = {
    "europe": Cluster.EUROPE,
    "india": Cluster.INDIA,
    "southeast-asia": Cluster.SOUTHEAST_ASIA,
}
CLUSTER_NAMES: Final = ", ".join(_NAMES)

# The time zones of dates without an offset, where that is not UTC: the vendor's release notes say
# "in the cluster time zone", and a page on dates prints +05:30 for the servers of India and
# Singapore. Of the other regions, Europe excepted, no page says anything.
INDIAN_TIME: Final = "Asia/Kolkata"
ZONES: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "apac.api.intouch.capillarytech.com",
        "apac.api.capillarytech.com",
        "in.api.capillarytech.com",
        "apac2.api.capillarytech.com",
        "sea.api.capillarytech.com",
    ),
    INDIAN_TIME,
)

_EXAMPLES: Final = "examples and public code"
_OVERVIEW: Final = "the overview of August 2026"
# The hosts of a region, and where each is printed.
_REGIONS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "apac.api.capillarytech.com": "several pages and public code",
        "apac.api.intouch.capillarytech.com": _OVERVIEW,
        "in.api.capillarytech.com": _EXAMPLES,
    },
    {
        "apac2.api.capillarytech.com": "a page of June 2026 and older books",
        "sea.api.capillarytech.com": _OVERVIEW,
    },
    {
        "ushc.api.capillarytech.com": _OVERVIEW,
        "us.api.capillarytech.com": "a page of June 2026, older books and the OpenAPI description",
        "north-america.api.capillarytech.com": _EXAMPLES,
    },
)


def cluster_named(name: str) -> Cluster | None:
    """The cluster of a name, in small letters or capitals; None for anything else."""
    key = name.strip().lower().replace("_", "-")
    return _NAMES.get(key) or _LONG_NAMES.get(key)


def other_hosts(host: str) -> str:
    """Which other hosts are printed for the region of this one, and where; "" for none.

    The end of a sentence about a host name that does not resolve, or that refuses credentials.
    """
    region = next((hosts for hosts in _REGIONS if host in hosts), {})
    others = [f"{other} ({where})" for other, where in region.items() if other != host]
    if not others:
        return ""
    return (
        f"for this region Capillary's documents also name {' and '.join(others)}; "
        "base_url (--base-url) must be the URL in your own account"
    )
