"""The parameters of a bucket for a server that allows a burst, and for requests sent late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.bucket import bucket_parameters

LIMITS = st.builds(
    lambda requests, per, part: RateLimit(requests, per, max(1, int(part * requests))),
    st.integers(1, 100_000),
    st.floats(0.05, 3600),
    st.floats(0, 1),
)


@given(LIMITS)
def test_sends_no_more_at_once_than_the_burst(limit: RateLimit) -> None:
    """Never one complete request more, also where late ones are sent with the next."""
    figures = bucket_parameters(limit)
    assert limit.burst is not None
    assert figures.capacity <= figures.send_capacity < limit.burst + 1
    assert figures.capacity > limit.burst / 2


@given(LIMITS)
def test_keeps_the_quota_where_requests_are_sent(limit: RateLimit) -> None:
    """The requests sent in a window, late ones included, stay under one more than N."""
    figures = bucket_parameters(limit)
    assert figures.send_capacity + figures.rate * limit.per < limit.requests + 1 + 1e-6


@pytest.mark.parametrize(
    ("limit", "reserved"),
    [
        (RateLimit(1_000, 60.0), 0),
        (RateLimit(6_000, 60.0, burst=10), 0),
        (RateLimit(60_000, 60.0, burst=100), 45),
        (RateLimit(1_000, 1.0), 4),
        (RateLimit(200, 1.0), 0),
    ],
    ids=str,
)
def test_reserves_capacity_for_what_a_busy_server_reads_at_once(
    limit: RateLimit, reserved: int
) -> None:
    """Beside the burst, at more than a hundred a second, and never more than half of it."""
    burst = limit.requests // 100 if limit.burst is None else limit.burst
    assert bucket_parameters(limit).capacity == burst - reserved
