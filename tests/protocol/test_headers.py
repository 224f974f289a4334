"""What Retry-After says about when to ask again, in every spelling that servers write."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from capillary_interactions._protocol.headers import Wait, asked_wait, retry_after
from tests.json.bodies import NOW
from tests.tables import table

MERGED = CIMultiDict([("Retry-After", "7"), ("Retry-After", "9")])
EPOCH = int(NOW.timestamp())
HEADER = st.text(max_size=60) | st.text(alphabet="0123456789.-+eENnaA, :GMTonWedJn", max_size=40)


@table(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("2", 2.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("0.25", 0.25),
        ("007", 7.0),
        ("999999999", 3600.0),
        ("1000000000000", 3600.0),
        ("9999999999", 3600.0),
        ("1" * 18, 3600.0),
        ("6, 6", 6.0),
        ("6,6", 6.0),
        ("6, 30", 6.0),
        ("6s", 6.0),
        ("6 s", 6.0),
        ("5 seconds", 5.0),
        ("6m0s", 360.0),
        ("1m30s", 90.0),
        ("20ms", 0.02),
        ("1.5s", 1.5),
        ("2h", 3600.0),
        ("2025-01-01T12:00:30Z", 30.0),
        ("2025-01-01t12:00:30.000z", 30.0),
        ("2025-01-01 12:00:30", 30.0),
        ("2025-01-01T17:30:30+05:30", 30.0),
        ("2025-01-01T17:30:30+0530", 30.0),
        ("2025-01-01T11:59:00Z", 0.0),
        ("2099-01-01T12:00:30Z", 3600.0),
        (f"{EPOCH + 30}", 30.0),
        (f"{EPOCH + 30}.5", 30.5),
        (f"{1000 * (EPOCH + 30)}", 30.0),
        (f"{1_000_000 * (EPOCH + 30)}", 30.0),
        (f"{EPOCH - 365 * 86400}", 0.0),
        (f"{EPOCH + 365 * 86400}", 3600.0),
        ("Wed Jan 01 2025 12:00:30 GMT+0000 (Coordinated Universal Time)", 30.0),
        ("Wed Jan 01 2025 17:30:30 GMT+0530 (India Standard Time)", 30.0),
        ("Wed, 01 Jan 2025 12:00:30 UTC", 30.0),
        ("Wed, 01 Jan 2025 12:00:30 GMT, Wed, 01 Jan 2025 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2099 12:00:30 GMT", 3600.0),
        ("Wed, 01 Jan 2025 12:00:30 GMT", 30.0),
        ("Wednesday, 01-Jan-25 12:00:30 GMT", 30.0),
        ("Wed Jan  1 12:00:30 2025", 30.0),
        ("Wed, 01 Jan 2025 14:00:30 +0200", 30.0),
        ("Wed, 01 Jan 2025 11:59:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_reads_either_form_of_retry_after(text: str, expected: float) -> None:
    """Seconds, a duration or a moment; a past one means now, none is over an hour away."""
    assert retry_after(text, NOW) == expected


@table(
    "text",
    [
        None,
        "",
        " ",
        "-1",
        "-0",
        "+5",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "1e3",
        "²",
        "\u0661\u0662",
        "5 fortnights",
        "5m5",
        "Wed, 01 Jan 2025 12:00:30 IST",
        "Wed, 01 Jan 2025 12:00:30 EST",
        "2025-01-01T17:30:30",
        "2025-01-01T07:00:30",
        "2025-01-01",
        "2025-13-01T12:00:30Z",
        "1,5",
        "1.",
        ".5",
        "1.2.3",
        "0x10",
        "1" * 19,
        "9" * 5000,
        "soon",
        "null",
        "Wed, 99 Jan 2025 12:00:30 GMT",
        "Wed, 01 Jan 2025 25:61:61 GMT",
        "Wed, 01 Jan 99999 12:00:30 GMT",
        "Wed, 01 Jan 2025 12:00:30 +999999999",
        "Wed, 01 Foo 2025 12:00:30 GMT",
        "Wed, " + "0" * 10_000,
    ],
)
def test_finds_no_time_in_what_is_neither(text: str | None) -> None:
    """A wrong hint is no hint."""
    assert retry_after(text, NOW) is None


@given(text=HEADER | st.none())
@example(text="Wed, 31 Dec 9999 23:59:59 -2359")
@example(text="Mon, 01 Jan 0001 00:00:00 +2359")
def test_gives_seconds_that_can_be_waited_or_none(text: str | None) -> None:
    """Never negative, never more than an hour, never an error."""
    seconds = retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(seconds=st.integers(-(10**9), 10**9))
def test_reads_every_date_that_the_standard_library_writes(seconds: int) -> None:
    """The wait is the time from now until then, an hour at most, and none if it has passed."""
    moment = NOW + timedelta(seconds=seconds)
    assert retry_after(format_datetime(moment, usegmt=True), NOW) == min(3600, max(0, seconds))


def _at(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@table("skew", [0, 600, -600, 86400 * 365, -86400 * 365, 86400 * 9999])
@table(
    "spelling",
    [_at, datetime.isoformat, lambda then: str(int(then.timestamp()))],
)
def test_reads_a_moment_by_the_clock_that_wrote_it(
    skew: int, spelling: Callable[[datetime], str]
) -> None:
    """A server's clock may be minutes or years off: its Date is too."""
    there = NOW + timedelta(seconds=skew)
    headers = {"date": _at(there), "retry-after": spelling(there + timedelta(seconds=30))}
    assert asked_wait(headers, NOW) == Wait(30.0)


@table(
    ("headers", "expected"),
    [
        ({"date": _at(NOW - timedelta(seconds=50)), "age": "50"}, 30.0),
        ({"date": _at(NOW - timedelta(seconds=50)), "age": "soon"}, 80.0),
        ({"date": "yesterday"}, 30.0),
        ({"date": "Wed, 01 Jan 2025 12:00:00 IST"}, 30.0),
        ({"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, 30.0),
        ({}, 30.0),
    ],
)
def test_knows_a_date_that_is_not_the_time(headers: dict[str, str], expected: float) -> None:
    """One from a cache is as old as its Age says; one of no use is not used."""
    then = _at(NOW + timedelta(seconds=30))
    assert asked_wait({**headers, "retry-after": then}, NOW) == Wait(expected)


@table("headers", [{"Retry-After": "7"}, {"RETRY-AFTER": 7}, {"retry-after": 7.0}, MERGED])
def test_finds_the_header_however_a_transport_keeps_it(headers: Any) -> None:
    """In any case, as a number too, and the first of several lines."""
    assert asked_wait(headers, NOW) == Wait(7.0)
    assert asked_wait({"retry-after": None}, NOW) == Wait()  # type: ignore[dict-item]


def test_tells_when_more_is_asked_than_is_believed() -> None:
    """A lookup that would have to wait longer is not tried again."""
    assert asked_wait({"retry-after": "3600"}, NOW) == Wait(3600.0)
    assert asked_wait({"retry-after": "3601"}, NOW) == Wait(3600.0, capped=True)
    assert asked_wait({"retry-after": "7200"}, NOW, longest=7200.0) == Wait(7200.0)
