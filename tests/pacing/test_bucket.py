"""The arithmetic of the leaky bucket, and its parameters for a quota."""

from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.bucket import Bucket, bucket_parameters
from tests.tables import table

LIMITS = st.builds(
    lambda requests, per, part: RateLimit(
        requests, per, None if part is None else max(1, int(part * requests))
    ),
    st.integers(1, 100_000),
    st.floats(0.05, 3600),
    st.none() | st.floats(0, 1),
)


@given(LIMITS)
def test_lets_no_more_through_in_a_window_than_the_quota(limit: RateLimit) -> None:
    """A full burst and what leaks in a window that begins with it stay under one more than N.

    Where requests are sent, too, with those that are late.
    """
    parameters = bucket_parameters(limit)
    assert parameters.rate > 0
    assert 1 <= parameters.capacity <= parameters.send_capacity
    assert parameters.capacity + parameters.rate * limit.per < limit.requests + 1
    assert parameters.send_capacity + parameters.rate * limit.per < limit.requests + 1 + 1e-6
    burst = max(1, limit.requests // 100) if limit.burst is None else limit.burst
    assert burst / 2 < parameters.capacity
    assert parameters.send_capacity < burst + 1


@given(LIMITS)
def test_leaves_room_for_jitter_between_sending_and_arriving(limit: RateLimit) -> None:
    """Even where requests arrive late by 2 % of the window, or a quarter of a second."""
    parameters = bucket_parameters(limit)
    jitter = min(0.02 * limit.per, 0.25)
    assert parameters.capacity + parameters.rate * (limit.per + jitter) <= limit.requests + 1 + 1e-6


@given(st.integers(1, 5000), st.floats(0.5, 3600))
def test_wastes_at_most_a_twentieth(requests: int, per: float) -> None:
    """Without a burst of the caller's own choice, 95 % of the quota leaks in its window."""
    assert bucket_parameters(RateLimit(requests, per)).rate * per >= 0.95 * requests


@table(
    ("limit", "burst"),
    [
        (RateLimit(1000, 60), 10),
        (RateLimit(50, 1), 1),
        (RateLimit(1, 60), 1),
        (RateLimit(99, 1), 1),
        (RateLimit(100, 60, burst=7), 7),
        (RateLimit(10, 1, burst=10), 10),
    ],
)
def test_lets_a_burst_through_at_once(limit: RateLimit, burst: int) -> None:
    """The burst is a hundredth of the quota where none is given, and at least one."""
    parameters = bucket_parameters(limit)
    bucket = Bucket(parameters.capacity, parameters.rate)
    admitted = 0
    while bucket.delay(0.0) == 0:
        bucket.consume(0.0)
        admitted += 1
    assert admitted == burst


@table(
    ("limit", "room"),
    [
        (RateLimit(1_000, 60.0, burst=10), 0),
        (RateLimit(6_000, 60.0, burst=10), 0),
        (RateLimit(60_000, 60.0, burst=100), 45),
        (RateLimit(1_000, 1.0, burst=10), 4),
        (RateLimit(200, 1.0, burst=2), 0),
    ],
)
def test_leaves_room_for_what_a_busy_server_reads_in_one_piece(limit: RateLimit, room: int) -> None:
    """Beside the burst, at more than a hundred a second, and never more than half of it."""
    assert limit.burst is not None
    assert bucket_parameters(limit).capacity == limit.burst - room


def test_forecasts_when_there_is_room() -> None:
    """A full bucket has room for one when one has leaked, and for the next one later."""
    bucket = Bucket(2.0, 4.0)
    bucket.consume(10.0)
    bucket.consume(10.0)
    assert [bucket.delay(10.0, ahead) for ahead in range(3)] == [0.25, 0.5, 0.75]
    assert bucket.delay(10.125) == 0.125
    assert bucket.delay(10.25) == 0


def test_takes_back_what_was_never_sent() -> None:
    """A refund makes room again; an empty bucket stays empty."""
    bucket = Bucket(1.0, 1.0)
    bucket.consume(0.0)
    bucket.refund(0.0)
    bucket.refund(0.0)
    assert bucket.level(0.0) == 0
    assert bucket.delay(0.0) == 0
    bucket.consume(0.0)
    assert bucket.delay(0.0) == 1


def test_is_full_after_filling_and_no_fuller() -> None:
    """Filling makes the next one wait, whatever the level was."""
    bucket = Bucket(3.0, 2.0)
    bucket.fill_up(5.0)
    bucket.fill_up(5.0)
    assert bucket.level(5.0) == 3
    assert bucket.delay(5.0) == 0.5


def test_leaks_at_the_new_rate_from_the_change_on() -> None:
    """What has leaked before a change leaked at the old rate."""
    bucket = Bucket(10.0, 1.0)
    for _ in range(10):
        bucket.consume(0.0)
    bucket.change_rate(2.0, 4.0)
    assert bucket.level(3.0) == 10 - 2 - 4


def test_gains_nothing_from_a_clock_that_steps_back() -> None:
    """Time that seems to pass twice leaks once."""
    bucket = Bucket(1.0, 1.0)
    bucket.consume(100.0)
    assert bucket.level(50.0) == 1
    bucket.fill_up(50.0)
    assert bucket.level(100.0) == 1
    assert bucket.level(100.5) == 0.5
