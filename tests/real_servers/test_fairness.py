"""Sharing of the rate on a simulated clock: lookups beside streams, shares, several credentials.

`python -m benchmarks.quota --turns` measures the same at a real server.
"""

from typing import Final

from benchmarks._fairness import (
    LIMIT,
    lookups_beside_a_stream,
    several_credentials,
    stream_under_a_flood,
    stream_with_a_share,
)
from capillary_interactions.testing import (
    FakeTransport,
    after,
    interactions,
    run_without_waiting,
)

_URL: Final = "https://api.example.com"
_SECONDS: Final = 5.0


def _server() -> FakeTransport:
    """One that refuses nothing and answers after 20 ms."""
    return FakeTransport(default=after(0.02, interactions()))


def test_a_lookup_goes_ahead_of_a_stream() -> None:
    """It waits for about one slot, with 64 items of the stream waiting; the stream continues."""
    waits, streamed = run_without_waiting(lookups_beside_a_stream(_URL, _SECONDS, _server()))
    assert max(waits) <= 2 * LIMIT.per / LIMIT.requests
    assert streamed >= 0.8 * _SECONDS * LIMIT.requests


def test_a_stream_keeps_its_tenth_under_a_flood_of_lookups() -> None:
    """A hundred lookups are waiting at any time, and every tenth slot is the stream's."""
    streamed, looked_up = run_without_waiting(stream_under_a_flood(_URL, _SECONDS, _server()))
    # The last of its requests may not have ended yet.
    assert streamed + 1 >= (streamed + looked_up) // 10
    assert streamed <= 0.2 * looked_up


def test_a_stream_keeps_to_its_share() -> None:
    """It uses no more than its share of the rate, and not much less."""
    for share in (0.8, 0.25):
        used = run_without_waiting(stream_with_a_share(_URL, share, _SECONDS, _server()))
        assert 0.9 * share <= used <= 1.02 * share


def test_several_credentials_send_at_the_sum_of_their_rates() -> None:
    """Three of them, and when one is cooling down, the other two as before."""
    all_three, _ = run_without_waiting(several_credentials(_URL, _SECONDS, None, _server()))
    sent, pauses = run_without_waiting(several_credentials(_URL, _SECONDS, 1, _server()))
    assert sum(all_three) >= 0.9 * 3 * _SECONDS * LIMIT.requests
    assert min(all_three) >= 0.9 * max(all_three)
    assert [pause > 0 for pause in pauses] == [False, True, False]
    assert sent[1] <= 2
    assert min(sent[0], sent[2]) >= 0.9 * min(all_three)
