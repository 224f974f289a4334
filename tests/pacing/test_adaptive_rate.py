"""The shared cool-down, and how the rate goes down and up again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from tests.tables import table


def test_starts_open_at_the_configured_rate() -> None:
    """Nothing blocks and nothing slows a new credential."""
    limits = AdaptiveRate(50.0)
    assert (limits.pause(0.0), limits.current_rate(0.0)) == (0.0, 50.0)


@table(("hint", "pause"), [(2.0, 2.0), (0.25, 0.25), (10**12, 3600.0)])
def test_pauses_as_long_as_the_server_asked(hint: float, pause: float) -> None:
    """Retry-After counts, up to the longest pause of the setting."""
    limits = AdaptiveRate(50.0, max_pause=3600.0)
    limits.throttled(100.0, 99.9, hint)
    assert limits.blocked_until == 100.0 + pause


@table("hint", [None, 0.0])
def test_doubles_its_own_pause_from_two_seconds_to_sixty(hint: float | None) -> None:
    """Without a hint of any use, each further refusal doubles the pause."""
    limits = AdaptiveRate(50.0)
    pauses, now = [], 0.0
    for _ in range(7):
        limits.throttled(now, now, hint)
        pauses.append(limits.pause(now))
        now = limits.blocked_until + 1
    assert pauses == [2, 4, 8, 16, 32, 60, 60]


def test_starts_with_small_pauses_again_after_a_success() -> None:
    """An answer ends the doubling."""
    limits = AdaptiveRate(50.0)
    limits.throttled(0.0, 0.0, None)
    limits.answered(3.0)
    limits.throttled(4.0, 3.5, None)
    assert limits.pause(4.0) == 2


def test_is_extended_by_a_longer_hint_and_not_shortened_by_a_shorter() -> None:
    """The latest end of all hints counts."""
    limits = AdaptiveRate(50.0)
    limits.throttled(0.0, 0.0, 5.0)
    limits.throttled(1.0, 0.0, 1.0)
    assert limits.blocked_until == 5
    limits.throttled(2.0, 0.0, 10.0)
    assert limits.blocked_until == 12


def test_cuts_once_for_a_cascade() -> None:
    """Refusals of requests that were sent before the pause say nothing new."""
    limits = AdaptiveRate(50.0)
    limits.throttled(0.0, 0.0, None)
    limits.throttled(10.0, 9.0, None)
    for _ in range(20):
        limits.throttled(10.1, 9.5, None)
    assert limits.rate == pytest.approx(35)
    assert limits.blocked_until == 14


def test_does_not_cut_for_a_single_refusal() -> None:
    """The first 429 in two minutes pauses, and leaves the rate alone."""
    limits = AdaptiveRate(50.0)
    limits.throttled(0.0, 0.0, 2.0)
    assert limits.rate == 50
    limits.throttled(120.1, 120.0, 2.0)
    assert limits.rate == 50
    limits.throttled(200.0, 199.0, 2.0)
    assert limits.rate == pytest.approx(35)


@table(("configured", "floor"), [(50.0, 0.5), (0.1, 0.1)])
def test_never_falls_below_half_a_request_a_second(configured: float, floor: float) -> None:
    """Nor below what is configured, where that is less."""
    limits = AdaptiveRate(configured)
    for now in range(0, 1000, 10):
        limits.throttled(float(now), float(now), 1.0)
    assert limits.rate == floor


def test_rises_back_and_in_small_steps_near_the_rate_that_was_too_high() -> None:
    """Quick steps of a twentieth, then steps of a hundredth, up to what is configured."""
    limits = AdaptiveRate(100.0)
    limits.throttled(0.0, 0.0, 1.0)
    limits.throttled(10.0, 9.0, 1.0)
    rates = []
    for _ in range(5):
        for _ in range(25):
            limits.answered(20.0)
        rates.append(round(limits.rate, 6))
    assert rates == [75, 80, 85, 90, 90]
    for _ in range(75):
        limits.answered(20.0)
    assert limits.rate == pytest.approx(91)
    for _ in range(2000):
        limits.answered(20.0)
    assert limits.rate == 100


def test_does_not_rise_while_nothing_may_be_sent() -> None:
    """Answers that arrive in a cool-down are to requests at the old rate."""
    limits = AdaptiveRate(100.0)
    limits.throttled(0.0, 0.0, 1.0)
    limits.throttled(10.0, 9.0, 5.0)
    for _ in range(1000):
        limits.answered(12.0)
    assert limits.rate == pytest.approx(70)


def test_is_tightened_by_what_the_server_says_is_left() -> None:
    """Ten requests left for twenty seconds are one each two seconds, until those are over."""
    limits = AdaptiveRate(50.0)
    limits.quota_left(100.0, 10, 20.0)
    assert limits.current_rate(100.0) == 0.5
    assert limits.current_rate(119.9) == 0.5
    assert limits.current_rate(120.0) == 50


def test_is_never_loosened_by_what_the_server_says_is_left() -> None:
    """A server that allows more than is configured changes nothing."""
    limits = AdaptiveRate(50.0)
    limits.quota_left(0.0, 10_000, 1.0)
    limits.quota_left(0.0, 0, 0.0)
    assert (limits.current_rate(0.0), limits.pause(0.0)) == (50.0, 0.0)


def test_blocks_while_nothing_is_left() -> None:
    """No request left for eight seconds is a cool-down of eight seconds."""
    limits = AdaptiveRate(50.0, max_pause=60.0)
    limits.quota_left(0.0, 0, 8.0)
    assert limits.pause(0.0) == 8
    limits.quota_left(0.0, 0, 86_400.0)
    assert limits.pause(0.0) == 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["throttled", "answered", "left"]),
            st.floats(0, 50),
            st.none() | st.floats(0, 1e6),
            st.integers(0, 100),
        ),
        max_size=50,
    )
)
def test_stays_between_the_floor_and_what_is_configured(
    steps: list[tuple[str, float, float | None, int]],
) -> None:
    """Whatever comes, the rate keeps its bounds, and a block is never taken back."""
    limits = AdaptiveRate(20.0, max_pause=100.0)
    now = 0.0
    for event, passed, hint, number in steps:
        now += passed
        blocked = limits.blocked_until
        if event == "throttled":
            limits.throttled(now, now - number / 10, hint)
        elif event == "answered":
            for _ in range(number):
                limits.answered(now)
        else:
            limits.quota_left(now, number, hint or 0.0)
        assert 0.5 <= limits.rate <= 20
        assert 0 < limits.current_rate(now) <= limits.rate
        assert limits.blocked_until >= blocked
        assert limits.pause(now) <= 100 + 1e-9
