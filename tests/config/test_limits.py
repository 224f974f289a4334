"""Which limits are valid, and which are refused where they are made, by their name."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import (
    ConfigurationError,
    RateLimit,
    RetryPolicy,
    Timeouts,
)
from tests.tables import table

_NO_DURATION = [math.nan, math.inf, -math.inf, -1, -0.001, "1", None, True, [1], 1j]
_NO_COUNT = [0, -1, 1.0, "1", None, True, math.nan]


def test_has_the_documented_defaults() -> None:
    """The contract's figures."""
    rate, retry, timeouts = RateLimit(), RetryPolicy(), Timeouts()

    assert (rate.requests, rate.per, rate.burst) == (1000, 60.0, None)
    assert (retry.attempts, retry.wait_initial, retry.wait_max) == (5, 0.5, 30.0)
    assert (retry.throttled_initial, retry.budget, retry.retry_after_max) == (1.0, 500, 3600.0)
    assert (timeouts.total, timeouts.attempt, timeouts.connect) == (60.0, 20.0, 5.0)


@table(
    ("kind", "name", "wrong"),
    [
        (RateLimit, "rate.requests", _NO_COUNT),
        (RateLimit, "rate.per", [*_NO_DURATION, 0]),
        (RateLimit, "rate.burst", [0, -1, 1.5, "5", True, 1001]),
        (RetryPolicy, "retry.attempts", _NO_COUNT),
        (RetryPolicy, "retry.wait_initial", [*_NO_DURATION, 31]),
        (RetryPolicy, "retry.wait_max", _NO_DURATION),
        (RetryPolicy, "retry.throttled_initial", [*_NO_DURATION, 31]),
        (RetryPolicy, "retry.budget", [-1, 1.0, "1", None, True]),
        (RetryPolicy, "retry.retry_after_max", [*_NO_DURATION, 0]),
        (Timeouts, "timeouts.total", [*_NO_DURATION, 0]),
        (Timeouts, "timeouts.attempt", [*_NO_DURATION, 0]),
        (Timeouts, "timeouts.connect", [*_NO_DURATION, 0]),
    ],
)
def test_fails_at_construction_with_the_setting_s_name(
    kind: Callable[..., object], name: str, wrong: list[Any]
) -> None:
    """No wrong number is found out only when it is used."""
    for value in wrong:
        with pytest.raises(
            ConfigurationError, match=f"^{name}\\b.* must (be a (finite|whole) number|not exceed)"
        ):
            kind(**{name.partition(".")[2]: value})


def test_refuses_a_wait_over_the_longest() -> None:
    """The message names both settings that contradict each other."""
    with pytest.raises(ConfigurationError, match=r"^retry\.wait_initial .* retry\.wait_max"):
        RetryPolicy(wait_initial=2, wait_max=1)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False))
def test_takes_any_finite_duration(value: float) -> None:
    """Also one that is written as an integer, and zero where there may be no wait."""
    assert Timeouts(total=value).total == value
    assert Timeouts(total=5).total == 5.0
    assert RetryPolicy(wait_initial=0, wait_max=0, throttled_initial=0, budget=0).budget == 0


@table(("requests", "burst"), [(1, 1), (10, 10), (1000, 1)])
def test_takes_a_burst_up_to_the_quota(requests: int, burst: int) -> None:
    """A burst of the whole quota is allowed, and so is a quota of one."""
    assert RateLimit(requests, 1.0, burst).burst == burst


@table(
    ("text", "limit"),
    [
        ("1000/60", RateLimit(1000, 60.0)),
        (" 50 / 1 ", RateLimit(50, 1.0)),
        ("1/0.5", RateLimit(1, 0.5)),
    ],
)
def test_parses_a_rate(text: str, limit: RateLimit) -> None:
    """Requests, a slash, seconds."""
    assert RateLimit.parse(text) == limit


@given(st.integers(1, 10**9 - 1), st.sampled_from([0.25, 0.5, 1.0, 4.0, 60.0, 3600.0]))
def test_parses_what_it_formats(requests: int, per: float) -> None:
    """A rate's text means the rate."""
    limit = RateLimit(requests, per)

    assert RateLimit.parse(str(limit)) == limit


@table(
    "text",
    ["", "1000", "1000/", "/60", "-1/60", "1000/-60", "1e3/60", "1000/nan", "1000/inf",
     "\u0663/\u0661", "1000/60/2", "1_000/60", "9999999999/1", "0/60", "1000/0", "a/b"],
)  # fmt: skip
def test_refuses_a_rate_of_another_format(text: str) -> None:
    """The message begins with the setting, and shows the format."""
    with pytest.raises(ConfigurationError, match=r"^rate\b"):
        RateLimit.parse(text)
