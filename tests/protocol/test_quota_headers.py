"""What headers say about what is left of the quota, in the spellings of real limiters."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from capillary_interactions._protocol.quota_headers import (
    QuotaPolicy,
    RemainingQuota,
    may_hold_policies,
    policies,
    slowing,
)
from tests.json.bodies import NOW
from tests.tables import table

EPOCH = int(NOW.timestamp())
TEXT = st.text(max_size=60) | st.text(alphabet='0123456789.-rtwq=;,"msh: GMT', max_size=80)


def _legacy(remaining: object, reset: object, **further: str) -> dict[str, Any]:
    return {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, **further}


def _quota(
    remaining: float,
    reset: float,
    limit: float | None = None,
    window: float | None = None,
    rounded: float = 1.0,
) -> QuotaPolicy:
    return QuotaPolicy(
        remaining=remaining, reset=reset, limit=limit, window=window, rounded=rounded
    )


@table(
    ("headers", "expected"),
    [
        (_legacy("12", "30"), [_quota(12, 30)]),
        (_legacy(12, 30), [_quota(12, 30)]),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "5"}, [_quota(0, 5)]),
        ({"x-rate-limit-remaining": "3", "x-rate-limit-reset": "1.5"}, [_quota(3, 1.5)]),
        (_legacy("12", str(EPOCH + 40)), [_quota(12, 40, rounded=2)]),
        (_legacy("12", str(1000 * (EPOCH + 40))), [_quota(12, 40, rounded=2)]),
        (_legacy("12", f"{EPOCH + 40}.5"), [_quota(12, 40.5, rounded=2)]),
        (_legacy("12", str(EPOCH - 40)), [_quota(12, 0, rounded=2)]),
        (_legacy("12", "2025-01-01T12:00:40Z"), [_quota(12, 40, rounded=2)]),
        (_legacy("12", "Wed, 01 Jan 2025 12:00:40 GMT"), [_quota(12, 40, rounded=2)]),
        (
            _legacy("12", "Wed Jan 01 2025 12:00:40 GMT+0000 (Coordinated Universal Time)"),
            [_quota(12, 40, rounded=2)],
        ),
        (_legacy("12", "6m0s"), [_quota(12, 360)]),
        (_legacy("12", "20ms"), [_quota(12, 0.02)]),
        (_legacy("12, 4000", "30, 3600"), [_quota(12, 30), _quota(4000, 3600)]),
        (
            _legacy("12", str(EPOCH + 40), **{"x-ratelimit-reset-after": "39.2"}),
            [_quota(12, 39.2)],
        ),
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            [_quota(59, 1, 60)],
        ),
        (
            # Envoy, and a draft of the IETF.
            _legacy("9", "1", **{"x-ratelimit-limit": '10, 10;w=1;name="a", 1000;w=3600'}),
            [_quota(9, 1, 10, 1)],
        ),
        (
            {
                "ratelimit-policy": "20;w=1",
                "ratelimit-limit": "20",
                "ratelimit-remaining": "19",
                "ratelimit-reset": "1",
            },
            [_quota(19, 1, 20, 1)],
        ),
        (
            {"ratelimit-policy": "20;w=1", "ratelimit": "limit=20, remaining=19, reset=1"},
            [_quota(19, 1, 20, 1)],
        ),
        (
            {"ratelimit": "limit=20, remaining=19, reset=1, limit=50, remaining=9, reset=60"},
            [_quota(19, 1, 20), _quota(9, 60, 50)],
        ),
        (
            {
                "ratelimit-policy": '"20-in-1sec"; q=20; w=1; pk=:NzY4Mzg0YTU=:',
                "ratelimit": '"20-in-1sec"; r=19; t=1',
            },
            [_quota(19, 1, 20, 1)],
        ),
        (
            {
                "ratelimit-policy": '"burst";q=20;w=1, "daily";q=5000;w=86400',
                "ratelimit": '"burst";r=0;t=1, "daily";r=4000;t=80000',
            },
            [_quota(0, 1, 20, 1), _quota(4000, 80000, 5000, 86400)],
        ),
        ({"ratelimit": '"default";r=50;t=5'}, [_quota(50, 5)]),
        ({"ratelimit": "default;r=50;t=5"}, [_quota(50, 5)]),
        ({"ratelimit": '"a, b";r=50;t=5'}, [_quota(50, 5)]),
        ({"RateLimit": '"default"; R=50; T=5'}, [_quota(50, 5)]),
    ],
)
def test_reads_what_is_left_of_every_quota(
    headers: dict[str, str], expected: list[QuotaPolicy]
) -> None:
    """In each known spelling; a moment is seconds from now, and may be rounded by two."""
    assert list(policies(headers, NOW)) == expected
    assert may_hold_policies(headers)


def test_sees_at_once_that_usual_headers_name_no_quota() -> None:
    """So that nearly all answers cost no more than a look at their headers' names."""
    assert not may_hold_policies(
        {"Content-Type": "application/json", "X-Cap-RequestID": "ratelimit"}
    )


def test_reads_every_line_of_a_header() -> None:
    """express-rate-limit sends one line a limiter."""
    headers = CIMultiDict(
        [
            ("RateLimit-Policy", '"minute"; q=1000; w=60'),
            ("RateLimit", '"minute"; r=999; t=60'),
            ("RateLimit-Policy", '"hour"; q=5000; w=3600'),
            ("RateLimit", '"hour"; r=3; t=900'),
        ]
    )
    assert policies(headers, NOW) == (_quota(999, 60, 1000, 60), _quota(3, 900, 5000, 3600))


@table("skew", [600, -600, 365 * 86400, -365 * 86400])
def test_reads_a_reset_by_the_clock_that_wrote_it(skew: int) -> None:
    """With a server's clock ten minutes or a year off, a window still ends when it ends."""
    there = NOW + timedelta(seconds=skew)
    headers = _legacy("12", str(EPOCH + skew + 40), date=format_datetime(there, usegmt=True))
    assert policies(headers, NOW) == (_quota(12, 40, rounded=2),)


@table(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "12"},
        {"x-ratelimit-reset": "30"},
        _legacy("-1", "30"),
        _legacy("nan", "30"),
        _legacy("12", "soon"),
        _legacy("12", "999999999"),
        _legacy("12", "9999999999999"),
        _legacy("12", "1000000001"),
        _legacy("12", "Wed, 01 Jan 2025 12:00:40 IST"),
        _legacy("12, 13", "30"),
        _legacy("²", "30"),
        _legacy(None, True),
        {"ratelimit": "limit=100"},
        {"ratelimit": "remaining=50"},
        {"ratelimit": "remaining=..., reset=5"},
        {"ratelimit": '"default";r=5'},
        {"ratelimit": '"default";r=5;t=2000-01-01'},
        {"ratelimit": "r" * 100_000},
        {"ratelimit": '"' * 100_000},
        {"ratelimit-policy": "20;w=1"},
    ],
)
def test_knows_nothing_of_the_quota_from_half_of_it(headers: dict[str, str]) -> None:
    """Both numbers are needed, and sensible ones; a reset in a year is none."""
    assert policies(headers, NOW) == ()


@given(left=TEXT, reset=TEXT, drafted=TEXT, policy=TEXT)
@example(left="", reset="0\x1f", drafted="", policy="")
def test_never_fails_on_what_a_gateway_sends(
    left: str, reset: str, drafted: str, policy: str
) -> None:
    """Whatever the headers, finite numbers or nothing, and a pace that is above nothing."""
    now = datetime(2025, 1, 1, tzinfo=UTC)
    quotas = policies(
        {
            "ratelimit-remaining": left,
            "ratelimit-reset": reset,
            "ratelimit": drafted,
            "ratelimit-policy": policy,
        },
        now,
    )
    assert all(quota.remaining >= 0 and 0 <= quota.reset <= 31 * 86400 for quota in quotas)
    left_over = slowing(quotas, 20.0)
    assert left_over is None or (left_over.remaining >= 0 < left_over.reset)


@table(
    ("quotas", "rate", "expected"),
    [
        # A window of a second, as full as it gets: what is left is all that is needed.
        ([_quota(3, 1, 20, 1)], 19.5, None),
        ([_quota(0, 1, 20, 1)], 19.5, None),
        ([_quota(0, 2, rounded=2)], 19.5, None),
        ([_quota(0, 3, 5, 10)], 0.49, None),
        # A moving window, in which little is left all the time.
        ([_quota(5, 2, 300, rounded=2)], 16.4, None),
        # A long quota, with most of it left, or a good deal.
        ([_quota(4999, 3600, 5000, 3600)], 16.4, None),
        ([_quota(47_999, 86_400, 48_000, 86_400)], 16.4, None),
        ([_quota(200, 3000, 5000, 3600)], 16.4, None),
        # And run low.
        ([_quota(150, 3000, 5000, 3600)], 16.4, RemainingQuota(remaining=150, reset=3000)),
        ([_quota(0, 3000, 5000, 3600)], 16.4, RemainingQuota(remaining=0, reset=3000)),
        ([_quota(10, 100)], 97.0, RemainingQuota(remaining=10, reset=100)),
        # A server that allows less than the setting.
        ([_quota(19, 1, 20, 1)], 39.0, RemainingQuota(remaining=180, reset=10)),
        ([_quota(0, 1, 20, 1)], 39.0, RemainingQuota(remaining=0, reset=1)),
        ([_quota(400, 50, 500, 60)], 16.4, None),
        # The tightest of several.
        (
            [_quota(0, 1, 20, 1), _quota(100, 3000, 5000, 86400), _quota(999, 60, 1000, 60)],
            16.4,
            RemainingQuota(remaining=100, reset=3000),
        ),
        # Others use it, too: a tenth of the window, and then one sees.
        ([_quota(0, 30, 1000, 60)], 16.4, RemainingQuota(remaining=0, reset=6)),
        ([_quota(0, 0)], 16.4, None),
        ([], 16.4, None),
    ],
)
def test_slows_down_only_where_little_is_left(
    quotas: list[QuotaPolicy], rate: float, expected: RemainingQuota | None
) -> None:
    """A client that keeps to the quota is not slowed by the headers that tell of it."""
    assert slowing(quotas, rate) == expected


def test_stays_slowed_until_the_reset_that_it_was_told_of() -> None:
    """The last second of a window is not the first of the next."""
    quotas = [_quota(0, 1, 5000)]
    assert slowing(quotas, 16.4) is None
    assert slowing(quotas, 16.4, slowed=True) == RemainingQuota(remaining=0, reset=1)
