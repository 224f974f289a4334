"""What headers say about when to ask again, and about what is left of the quota."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions._hints import quota_left, retry_after

from .bodies import NOW

HEADER = st.text(max_size=60) | st.text(alphabet="0123456789.-+eENnaA, :GMTonWedJn", max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("2", 2.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("0.25", 0.25),
        ("007", 7.0),
        ("1000000000000", 1e12),
        ("Wed, 01 Jan 2025 12:00:30 GMT", 30.0),
        ("Wednesday, 01-Jan-25 12:00:30 GMT", 30.0),
        ("Wed Jan  1 12:00:30 2025", 30.0),
        ("Wed, 01 Jan 2025 14:00:30 +0200", 30.0),
        ("Wed, 01 Jan 2025 11:59:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_reads_either_form_of_retry_after(text: str, expected: float) -> None:
    """Seconds, with a fraction too, or a date; one that is past means now."""
    assert retry_after(text, NOW) == expected


@pytest.mark.parametrize(
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
        "5s",
        "5 seconds",
        "1,5",
        "1.",
        ".5",
        "1.2.3",
        "0x10",
        "1" * 19,
        "9" * 5000,
        "soon",
        "null",
        "2025-01-01T12:00:30Z",
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
    """Never negative, never infinite, never an error."""
    seconds = retry_after(text, NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@given(seconds=st.integers(-(10**9), 10**9))
def test_reads_every_date_that_the_standard_library_writes(seconds: int) -> None:
    """The wait is the time from now until then, and none if it has passed."""
    moment = NOW + timedelta(seconds=seconds)
    assert retry_after(format_datetime(moment, usegmt=True), NOW) == max(0, seconds)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "30"}, (12.0, 30.0)),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "5"}, (0.0, 5.0)),
        ({"x-rate-limit-remaining": "3", "x-rate-limit-reset": "1.5"}, (3.0, 1.5)),
        ({"ratelimit": "limit=100, remaining=50, reset=5"}, (50.0, 5.0)),
        ({"ratelimit": '"default";r=50;t=5'}, (50.0, 5.0)),
        (
            {"x-ratelimit-remaining": "12", "x-ratelimit-reset": str(int(NOW.timestamp()) + 40)},
            (12.0, 40.0),
        ),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1000000001"}, (12.0, 0.0)),
    ],
)
def test_reads_what_is_left_of_the_quota(
    headers: dict[str, str], expected: tuple[float, float]
) -> None:
    """In each known spelling; a moment since the epoch is seconds from now."""
    assert quota_left(headers, NOW) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "12"},
        {"x-ratelimit-reset": "30"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "30"},
        {"x-ratelimit-remaining": "nan", "x-ratelimit-reset": "30"},
        {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "999999999"},
        {"x-ratelimit-remaining": "²", "x-ratelimit-reset": "30"},
        {"ratelimit": "limit=100"},
        {"ratelimit": "remaining=50"},
        {"ratelimit": "remaining=..., reset=5"},
        {"ratelimit": "r" * 100_000},
    ],
)
def test_knows_nothing_of_the_quota_from_half_of_it(headers: dict[str, str]) -> None:
    """Both numbers are needed, and sensible ones."""
    assert quota_left(headers, NOW) is None


@given(left=HEADER, reset=HEADER, drafted=HEADER)
@example(left="", reset="0\x1f", drafted="")
def test_never_fails_on_what_a_gateway_sends(left: str, reset: str, drafted: str) -> None:
    """Whatever the headers, two finite numbers or nothing."""
    now = datetime(2025, 1, 1, tzinfo=UTC)
    told = {"ratelimit-remaining": left, "ratelimit-reset": reset, "ratelimit": drafted}
    found = quota_left(told, now)
    assert found is None or all(math.isfinite(each) and each >= 0 for each in found)
