"""The quota's headers cost no quota: models of the limiters that are in use, on the moved clock.

`python -m benchmarks.quota --headers` shows the same against the limiters themselves.
"""

import asyncio
import itertools
from datetime import UTC, datetime, tzinfo
from typing import Final

import pytest

from capillary_interactions import InteractionsClient, RateLimit, RetryPolicy
from capillary_interactions._client import exchange
from tests.fakes import customer, settings

from .limiters import (
    EPOCH,
    FixedWindow,
    Limited,
    MovingWindow,
    SlidingCounter,
    Spelling,
    TokenBucket,
    constant,
    constant_alone,
    constant_milliseconds,
    constant_moment,
    draft_6,
    draft_7,
    draft_8,
    epoch,
    flask,
    fraction,
    in_milliseconds,
    milliseconds,
    script_date,
    unlimited,
)

_PATIENT: Final = RetryPolicy(attempts=30, budget=100_000)
_SHORT: Final = (RateLimit(20, 1), RateLimit(100, 2, burst=1))
_LONG: Final = (RateLimit(300, 18), RateLimit(1000, 60))


class _Clock(datetime):
    """This machine's clock, which goes by the loop's."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The time."""
        return datetime.fromtimestamp(EPOCH + asyncio.get_running_loop().time(), tz or UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "datetime", _Clock)


async def work(server: Limited, limit: RateLimit, seconds: float) -> None:
    """A client that always has something to ask."""
    loop = asyncio.get_running_loop()
    config = settings(rate=limit, retry=_PATIENT, in_flight=8)
    async with InteractionsClient(config, transport=server) as client:
        queries = (customer(number) for number in itertools.count())
        async with client.stream(queries) as outcomes:
            async for _ in outcomes:
                if loop.time() >= seconds:
                    return


@pytest.mark.parametrize("spelling", [draft_6, draft_8, epoch, flask, milliseconds])
@pytest.mark.parametrize("kind", [FixedWindow, MovingWindow, SlidingCounter, TokenBucket])
async def test_uses_a_short_quota_whatever_its_headers_say(
    kind: type[FixedWindow], spelling: Spelling
) -> None:
    """At 20 a second: a reset that is rounded up, and little left, slow nothing down."""
    limit = _SHORT[0]
    server = Limited(kind(limit.requests, limit.per), spelling=spelling)
    await work(server, limit, 2.5)
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.95


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [
        (FixedWindow, draft_7),
        (FixedWindow, fraction),
        (FixedWindow, script_date),
        (MovingWindow, flask),
        (SlidingCounter, flask),
        (TokenBucket, draft_8),
    ],
)
@pytest.mark.parametrize("limit", [_SHORT[1], RateLimit(60, 18)], ids=str)
async def test_uses_a_longer_quota_whatever_its_headers_say(
    limit: RateLimit, kind: type[FixedWindow], spelling: Spelling
) -> None:
    """For two windows and more: what is left of one at its end is what it takes."""
    server = Limited(kind(limit.requests, limit.per), spelling=spelling)
    await work(server, limit, 2.1 * limit.per)
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.95


@pytest.mark.parametrize("skew", [30, 600, -31_536_000])
@pytest.mark.parametrize(("kind", "spelling"), [(FixedWindow, epoch), (MovingWindow, flask)])
async def test_uses_the_quota_of_a_server_whose_clock_is_off(
    kind: type[FixedWindow], spelling: Spelling, skew: float
) -> None:
    """Seconds, minutes or a year, ahead or behind: each answer has the server's own Date."""
    limit = _SHORT[0]
    server = Limited(kind(limit.requests, limit.per), spelling=spelling, skew=skew)
    await work(server, limit, 2.5)
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.95


@pytest.mark.parametrize("spelling", [draft_8, epoch])
@pytest.mark.parametrize(
    ("longer", "first"), [((5_000, 3600.0), True), ((48_000, 86_400.0), False)]
)
async def test_keeps_its_pace_beside_a_long_quota(
    longer: tuple[int, float], spelling: Spelling, first: bool
) -> None:
    """A quota of hours with nearly all of it left does not set the pace, whichever comes first."""
    limit = _LONG[1]
    limiters = [FixedWindow(*longer), FixedWindow(limit.requests, limit.per)]
    server = Limited(*(limiters if first else limiters[::-1]), spelling=spelling)
    await work(server, limit, 5.0)
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.95


@pytest.mark.parametrize("spelling", [epoch])
async def test_spreads_what_is_left_of_a_long_quota(spelling: Spelling) -> None:
    """Run low, it sets the pace until it is whole again, and all of it is used."""
    limit = _SHORT[0]
    limiters = [FixedWindow(200, 100), FixedWindow(limit.requests, limit.per)]
    server = Limited(*limiters, spelling=spelling)
    await work(server, limit, 108.0)
    assert server.refused == []
    window = [moment for moment in server.admitted if moment < 100]
    assert len(window) >= 195
    assert max(window) > 90
    assert len(server.admitted) - len(window) > 100


@pytest.mark.parametrize("spelling", [draft_6, draft_7, draft_8, epoch, flask])
@pytest.mark.parametrize("kind", [FixedWindow, TokenBucket])
async def test_adapts_to_a_server_that_allows_less_than_the_setting(
    kind: type[FixedWindow], spelling: Spelling
) -> None:
    """Set to 40 a second where 20 are allowed: from the first answers on, without a refusal."""
    server = Limited(kind(20, 1.0), spelling=spelling)
    await work(server, RateLimit(40, 1), 3.0)
    assert server.refused == []
    assert 0.85 <= server.share(20) <= 1


@pytest.mark.parametrize(
    ("limit", "kind", "spelling"),
    [(_LONG[0], MovingWindow, flask), (RateLimit(250, 60), FixedWindow, draft_8)],
)
async def test_uses_a_quota_of_many_seconds(
    limit: RateLimit, kind: type[FixedWindow], spelling: Spelling
) -> None:
    """Over the end of a window, where its headers leave nothing."""
    server = Limited(kind(limit.requests, limit.per), spelling=spelling)
    await work(server, limit, 1.2 * limit.per)
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.95


@pytest.mark.parametrize("spelling", [constant, constant_alone, constant_moment])
@pytest.mark.parametrize("limit", [_SHORT[1], RateLimit(60, 18)], ids=str)
async def test_knows_a_reset_that_is_the_length_of_the_window(
    limit: RateLimit, spelling: Spelling
) -> None:
    """Where a window slides, its reset may stand still; soon that slows nothing down."""
    server = Limited(MovingWindow(limit.requests, limit.per), spelling=spelling)
    await work(server, limit, max(7.0, 1.1 * limit.per))
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.92


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [
        (FixedWindow, in_milliseconds),
        (FixedWindow, constant_milliseconds),
        (MovingWindow, in_milliseconds),
        (MovingWindow, constant_milliseconds),
    ],
)
@pytest.mark.parametrize(
    ("limit", "used"), [(_SHORT[1], 0), (RateLimit(60, 30), 0), (RateLimit(60, 30), 57)], ids=str
)
async def test_reads_a_reset_in_milliseconds(
    limit: RateLimit, kind: type[FixedWindow], spelling: Spelling, used: int
) -> None:
    """30000 is half a minute, and not a shift: also where little is left at the first answer."""
    limiter = kind(limit.requests, limit.per)
    for _ in range(used):
        limiter.hit(-25.0)
    server = Limited(limiter, spelling=spelling)
    await work(server, limit, max(5.0, 2.1 * limit.per))
    assert server.refused == []
    assert server.share(limit.requests / limit.per) >= 0.9


async def test_reads_milliseconds_without_a_limit_beside_them() -> None:
    """Two answers tell the unit; what was most left is the limit, where none is said."""
    server = Limited(FixedWindow(60, 30.0), spelling=unlimited)
    await work(server, RateLimit(60, 30), 63.0)
    assert server.refused == []
    assert server.share(2.0) >= 0.9


@pytest.mark.parametrize("spelling", [fraction, in_milliseconds, epoch])
async def test_waits_for_a_quota_of_hours_that_is_used_up(spelling: Spelling) -> None:
    """Also a client that learns of it at its first answer: two requests at most are for nothing."""
    limiter = FixedWindow(500, 7200)
    for _ in range(499):
        limiter.hit(0.0)
    server = Limited(limiter, spelling=spelling)
    await work(server, RateLimit(1000, 60, burst=1), 300.0)
    assert len([moment for moment in server.admitted if moment < 7200]) == 1
    assert len(server.refused) <= 2
