"""Which figures can work, and which fail where they are made, by their name."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import (
    CapillaryError,
    ConfigurationError,
    RateLimit,
    RetryPolicy,
    Timeouts,
)
from capillary_interactions._config.validation import check_count, check_header_value, check_seconds
from tests.examples import sendable as sendable_texts

_NO_DURATION = [math.nan, math.inf, -math.inf, -1, -0.001, "1", None, True, [1], 1j]
_NO_COUNT = [0, -1, 1.0, "1", None, True, math.nan]


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False))
def test_takes_any_finite_duration(value: float) -> None:
    """What can be waited for comes back as it is."""
    assert check_seconds("wait", value) == value


def test_takes_whole_seconds_as_a_float() -> None:
    """Whole numbers are durations too."""
    assert (check_seconds("wait", 5), type(check_seconds("wait", 5))) == (5.0, float)


@pytest.mark.parametrize("value", [*_NO_DURATION, 0, 0.0])
def test_refuses_what_is_no_duration(value: object) -> None:
    """The message begins with the setting's name."""
    with pytest.raises(ConfigurationError, match=r"^wait must be a finite number, more than 0"):
        check_seconds("wait", value)


def test_takes_zero_where_it_makes_sense() -> None:
    """Zero is let through only where it is asked for; a negative never."""
    assert check_seconds("wait", 0, zero=True) == 0.0
    with pytest.raises(ConfigurationError, match=r"^wait must be a finite number, 0 or more"):
        check_seconds("wait", -1, zero=True)


@pytest.mark.parametrize("value", _NO_COUNT)
def test_refuses_what_is_no_count(value: object) -> None:
    """Neither a text, nor a fraction, nor a truth is a count."""
    with pytest.raises(ConfigurationError, match=r"^n must be a whole number of 1 or more"):
        check_count("n", value)


def test_takes_the_least_count_and_no_less() -> None:
    """The least is a count itself."""
    assert (check_count("n", 1), check_count("n", 0, minimum=0)) == (1, 0)
    with pytest.raises(ConfigurationError, match=r"^n must be a whole number of 3 or more"):
        check_count("n", 2, minimum=3)


@given(sendable_texts)
def test_takes_any_text_that_a_header_can_hold(text: str) -> None:
    """What a caller can send anywhere, a setting can hold."""
    assert check_header_value("x", text) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        None,
        5,
        b"hush",
        "hush\r\nX-Evil: 1",
        "hush\x00",
        "hush\x7f",
        "hush\ud800",
        "\udfffhush",
    ],
)
def test_refuses_what_no_header_can_hold_and_does_not_repeat_it(value: object) -> None:
    """A setting may be a secret, so only its name is in the message."""
    with pytest.raises(ConfigurationError, match=r"^key must ") as refused:
        check_header_value("key", value)

    assert "hush" not in str(refused.value)


def test_has_the_documented_defaults() -> None:
    """The contract's figures."""
    rate, retry, timeouts = RateLimit(), RetryPolicy(), Timeouts()

    assert (rate.requests, rate.per, rate.burst) == (1000, 60.0, None)
    assert (retry.attempts, retry.wait_initial, retry.wait_max) == (5, 0.5, 30.0)
    assert (retry.throttled_initial, retry.budget, retry.retry_after_max) == (1.0, 500, 3600.0)
    assert (timeouts.total, timeouts.attempt, timeouts.connect) == (60.0, 20.0, 5.0)


@pytest.mark.parametrize(
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
    """Each wrong figure is a ConfigurationError, which is also a ValueError."""
    for value in wrong:
        with pytest.raises(ConfigurationError, match=f"^{name}\\b") as refused:
            kind(**{name.partition(".")[2]: value})
        assert isinstance(refused.value, ValueError)
        assert isinstance(refused.value, CapillaryError)


def test_refuses_a_wait_over_the_longest() -> None:
    """Figures that contradict each other are told apart by both names."""
    with pytest.raises(ConfigurationError, match=r"^retry\.wait_initial .* retry\.wait_max"):
        RetryPolicy(wait_initial=2, wait_max=1)


@pytest.mark.parametrize(("requests", "burst"), [(1, 1), (10, 10), (1000, 1)])
def test_takes_a_burst_up_to_the_quota(requests: int, burst: int) -> None:
    """A burst of the whole quota is allowed, and so is a quota of one."""
    assert RateLimit(requests, 1.0, burst).burst == burst


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("1000/60", RateLimit(1000, 60.0)),
        (" 50 / 1 ", RateLimit(50, 1.0)),
        ("1/0.5", RateLimit(1, 0.5)),
    ],
)
def test_reads_a_rate(text: str, limit: RateLimit) -> None:
    """Requests, a slash, seconds."""
    assert RateLimit.parse(text) == limit


@given(st.integers(1, 10**9 - 1), st.sampled_from([0.25, 0.5, 1.0, 4.0, 60.0, 3600.0]))
def test_reads_what_it_writes(requests: int, per: float) -> None:
    """A rate's text means the rate."""
    limit = RateLimit(requests, per)

    assert RateLimit.parse(str(limit)) == limit


@pytest.mark.parametrize(
    "text",
    ["", "1000", "1000/", "/60", "-1/60", "1000/-60", "1e3/60", "1000/nan", "1000/inf",
     "\u0663/\u0661", "1000/60/2", "1_000/60", "9999999999/1", "0/60", "1000/0", "a/b"],
)  # fmt: skip
def test_refuses_a_rate_of_another_form(text: str) -> None:
    """The message begins with the setting, and says the form."""
    with pytest.raises(ConfigurationError, match=r"^rate\b"):
        RateLimit.parse(text)
