"""In which time zone are dates without an offset?"""

import pickle
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import attrs
import pytest

from capillary_interactions import ClientConfig, Cluster, ConfigurationError
from capillary_interactions._config.time_zones import named_zone
from tests.examples import AUTH
from tests.tables import table

_KOLKATA = ZoneInfo("Asia/Kolkata")


@table(
    ("base_url", "zone"),
    [
        ("eu", UTC),
        ("us", UTC),
        ("china", UTC),
        (Cluster.NIGHTLY, UTC),
        ("https://host.example", UTC),
        ("asia", _KOLKATA),
        ("APAC", _KOLKATA),
        ("apac2", _KOLKATA),
        ("in", _KOLKATA),
        (Cluster.SOUTHEAST_ASIA, _KOLKATA),
        ("https://apac.api.capillarytech.com/", _KOLKATA),
    ],
)
def test_follows_the_cluster(base_url: str, zone: tzinfo) -> None:
    """By its name, and by the URL that is the same server."""
    config = ClientConfig(base_url, AUTH)
    copy = pickle.loads(pickle.dumps(config))  # noqa: S301 - our own

    assert config.timezone is zone
    assert (copy, hash(copy)) == (config, hash(config))
    assert config == ClientConfig(base_url, AUTH, timezone=None)
    assert config == ClientConfig(base_url, AUTH, timezone=zone)


def test_counts_what_is_given() -> None:
    """Before the cluster's; a copy with another cluster takes its zone where it is given None."""
    config = ClientConfig("asia", AUTH, timezone=UTC)

    assert config.timezone is UTC
    assert config != ClientConfig("asia", AUTH)
    assert attrs.evolve(config, base_url="apac2").timezone is UTC
    assert attrs.evolve(config, timezone=None).timezone is _KOLKATA


@table(
    ("name", "suggestion"),
    [
        ("asia/kolkata", "not 'asia/kolkata'; did you mean Asia/Kolkata?"),
        ("Kolkata", "did you mean Asia/Kolkata?"),
        ("new york", "did you mean America/New_York?"),
        ("Asia/Kolkatta", "did you mean Asia/Kolkata?"),
        ("Asia", "such as Asia/Kolkata"),
        ("+05:30", "such as Asia/Kolkata"),
        # Etc/GMT+5 is five hours behind UTC.
        ("GMT+5", "such as Asia/Kolkata"),
        ("GMT+5:30", "such as Asia/Kolkata"),
        ("../../etc/passwd", "such as Asia/Kolkata"),
        ("", "such as Asia/Kolkata"),
        ("\0", "such as Asia/Kolkata"),
        ("\udc80", "such as Asia/Kolkata"),
        ("919738522695", "not a string of 12 characters, such as Asia/Kolkata"),
        ("hush" * 5000, "not a string of 20000 characters, such as Asia/Kolkata"),
    ],
)
def test_suggests_a_name(name: str, suggestion: str) -> None:
    """For one that is unknown, of which no more is shown than can be a name."""
    with pytest.raises(ConfigurationError, match=r"^timezone must be") as refused:
        named_zone(name)

    assert str(refused.value).endswith(suggestion)


class _Uncached(ZoneInfo):
    """With a cache of its own, so that the database is read."""


def test_needs_no_database_for_the_zones_of_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows and in slim images there may be none; the error says what to install."""
    monkeypatch.setattr(zoneinfo, "ZoneInfo", _Uncached)
    for name in ("tzdata", "tzdata.zoneinfo.Asia", "tzdata.zoneinfo.Europe"):
        monkeypatch.setitem(sys.modules, name, None)
    paths = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    try:
        zone = ClientConfig("asia", AUTH).timezone
        assert zone.utcoffset(datetime(2024, 3, 5, tzinfo=UTC)) == timedelta(hours=5.5)
        assert (type(zone), str(zone)) == (timezone, "Asia/Kolkata")
        with pytest.raises(ConfigurationError, match="pip install tzdata"):
            named_zone("Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath(to=paths)
