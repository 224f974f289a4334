"""The script that Redis runs follows the law of `schedule.py`, step by step."""

from collections.abc import Iterator

import pytest
from attrs import astuple, evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from capillary_interactions import RateLimit
from capillary_interactions._pacing.shared.redis_script import arguments, reply_of, script_of
from capillary_interactions._pacing.shared.schedule import Demand, Reply, Schedule, SharedQuota
from tests.integrations.brokers.conftest import Address

_LIMITS = [RateLimit(20, 1.0), RateLimit(1000, 60.0), RateLimit(2000, 1.0, burst=50), RateLimit(1)]
_TIME = "redis.call('TIME')"
_NOW = 1_800_000_000.0
# A float of a second in these decades has a quarter of a microsecond.
_PRECISION = 5e-6

_durations = st.one_of(st.just(0.0), st.floats(0.0, 5.0), st.floats(100.0, 300.0))
_demands = st.builds(
    Demand,
    want=st.integers(0, 40),
    ahead=st.sampled_from((0.0, 0.01, 1.0)),
    unused=st.sampled_from((0, 0, 1, 3)),
    used=st.sampled_from((0.0, 0.0, 1.0, 20.0)),
    fill=st.booleans(),
    throttled=st.one_of(st.just(-1.0), st.floats(0.0, 200.0)),
    pause=st.one_of(st.just(0.0), st.floats(0.0, 5000.0)),
    gain=st.sampled_from((0.0, 0.0, 1.0)),
    ceiling=st.floats(0.1, 50.0),
    ceiling_for=st.one_of(st.just(-1.0), _durations),
)
# The clock of a server may be set back, and so may that of the next one after a failover.
_steps = st.lists(
    st.tuples(st.one_of(_durations, st.just(-5.0)), _demands, st.booleans()), max_size=12
)


class _Scripted:
    """The script at a Redis, with a clock that the test sets."""

    def __init__(self, redis: Redis, quota: SharedQuota) -> None:
        self._redis = redis
        self._quota = quota
        script = script_of("test").replace(_TIME, "{ARGV[16], ARGV[17]}")
        assert script != script_of("test")
        self._run = redis.register_script(script)
        redis.delete("test")

    def exchange(self, demand: Demand, now: float) -> Reply:
        time = (str(int(now)), str(round(now % 1 * 1e6)))
        return reply_of(self._run(["test"], [*arguments(self._quota, demand), *time]))

    def state(self) -> list[float]:
        return [float(text) for text in str(self._redis.get("test")).split()]


@pytest.fixture(scope="module")
def redis(address: Address) -> Iterator[Redis]:
    """A client of a Redis that others use, too."""
    with Redis.from_url(f"redis://{address('redis')}", decode_responses=True) as client:
        yield client


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(limit=st.sampled_from(_LIMITS), steps=_steps)
def test_does_what_the_law_does(
    redis: Redis, limit: RateLimit, steps: list[tuple[float, Demand, bool]]
) -> None:
    """Every reply and every state, for any demands at any times."""
    quota, now = SharedQuota.of(limit), _NOW
    scripted, law = _Scripted(redis, quota), Schedule.begin(quota, now, now)
    for seconds, demand, is_latest in [(0.0, Demand(want=1), False), *steps]:
        now = round(now + seconds, 6)
        named = evolve(demand, revision=law.revision - (not is_latest))
        expected, reply = law.exchange(quota, named, now), scripted.exchange(named, now)
        assert astuple(reply) == pytest.approx(astuple(expected), rel=0, abs=_PRECISION)
        assert scripted.state() == pytest.approx(astuple(law), rel=0, abs=_PRECISION)


def test_keeps_a_state_for_as_long_as_it_says_something(redis: Redis) -> None:
    """A small expiry, but none before the end of a pause."""
    scripted = _Scripted(redis, SharedQuota.of(RateLimit(20, 1.0)))
    scripted.exchange(Demand(want=1), _NOW)
    assert 60 <= int(str(redis.ttl("test"))) <= 3600
    scripted.exchange(Demand(pause=3000.0), _NOW)
    assert int(str(redis.ttl("test"))) > 3000
