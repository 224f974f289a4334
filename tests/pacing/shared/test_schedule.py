"""The law of a shared quota, whatever its processes do and in whichever order."""

from collections.abc import Iterator

from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import RateLimit
from capillary_interactions._pacing.adaptive_limits import REPEAT_WINDOW
from capillary_interactions._pacing.shared.schedule import Demand, Reply, Schedule, SharedQuota
from tests.fakes import busiest
from tests.pacing.shared.stores import DEMANDS, LIMITS, LONG_AGO


def _empty(limit: RateLimit, now: float = 0.0) -> tuple[Schedule, SharedQuota]:
    quota = SharedQuota.of(limit)
    return Schedule.begin(quota, now, full_at=LONG_AGO), quota


def _free_times(reply: Reply, now: float) -> Iterator[float]:
    for number in range(reply.granted):
        yield now + max(0.0, reply.delay + number * reply.interval)


@define
class _Process:
    """Uses its slots late, loses them when it is killed, or gives the last ones back."""

    revision: int = 0
    held: list[float] = field(factory=list)

    def take(self, reply: Reply, now: float) -> list[float]:
        """Returns the slots before, all used by now."""
        used, self.held = self.held, list(_free_times(reply, now))
        self.revision = reply.revision
        return used


# Process, seconds since the last step, slots wanted, what becomes of those held, lateness.
_STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.just(0.0) | st.floats(0, 0.2) | st.floats(0, 70),
        st.integers(0, 40),
        st.sampled_from(["used"] * 4 + ["killed", "given back", "given back late"]),
        st.floats(0, 1),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(LIMITS, _STEPS)
def test_no_window_holds_more_than_the_quota(
    limit: RateLimit, steps: list[tuple[int, float, int, str, float]]
) -> None:
    """Though slots are used early and late, given back, and lost with processes that are killed."""
    schedule, quota = _empty(limit)
    processes = [_Process() for _ in range(4)]
    now, sent = 0.0, list[float]()
    for index, elapsed, want, fate, lateness in steps:
        now += elapsed * limit.per / 60 if elapsed > 0.2 else elapsed
        process = processes[index]
        unused = 0
        if fate.startswith("given back"):
            keep = len(process.held) // 2 if fate == "given back late" else 0
            unused = len(process.held) - keep
            del process.held[keep:]
        elif fate == "killed":
            process.held.clear()
        ahead = quota.horizon if index % 2 else 0.0
        demand = Demand(want=want, ahead=ahead, unused=unused, revision=process.revision)
        reply = schedule.exchange(quota, demand, now)
        sent += [
            at - quota.early + lateness * (quota.early + quota.keep)
            for at in process.take(reply, now)
        ]
    for process in processes:
        sent += process.held
    assert busiest(sent, limit.per) <= limit.requests


@settings(max_examples=80, deadline=None)
@given(LIMITS, st.lists(st.tuples(DEMANDS, st.floats(0, 30)), max_size=20))
def test_no_state_keeps_slots_back_for_ever(
    limit: RateLimit, steps: list[tuple[Demand, float]]
) -> None:
    """Whatever was taken and learned, and though the clock is set back: the quota is free again.

    Once the pauses and ceilings have ended, at the rate that was learned.
    """
    schedule, quota = _empty(limit, 1000.0)
    now = 1000.0
    for demand, elapsed in steps:
        schedule.exchange(quota, demand, now)
        now += elapsed
    now -= 500.0
    schedule.exchange(quota, Demand(), now)
    # The pauses and ceilings, and then what the bucket holds at the slowest rate.
    now += 100.0 + 100.0
    slowest = min([schedule.rate] + [demand.ceiling for demand, _ in steps])
    held = quota.capacity + quota.horizon * quota.rate + sum(demand.used for demand, _ in steps)
    assert schedule.exchange(quota, Demand(want=1), now + (held + 2) / slowest).granted == 1


@settings(max_examples=40, deadline=None)
@given(LIMITS, st.integers(1, 8))
def test_gives_out_nearly_all_of_the_quota(limit: RateLimit, processes: int) -> None:
    """To processes that ask again as soon as they may: 95 % in the long run, the burst apart."""
    limit = evolve(limit, burst=None)
    schedule, quota = _empty(limit)
    at = [0.0] * processes
    granted = 0
    end = 10 * limit.per if limit.requests < 100 else 2 * limit.per
    while (now := min(at)) < end:
        reply = schedule.exchange(quota, Demand(want=4), now)
        granted += reply.granted
        after = reply.delay + reply.granted * reply.interval
        at[at.index(now)] = now + max(1e-6, after)
    assert granted >= 0.95 * (end / limit.per) * limit.requests - 1


def test_gives_slots_a_moment_before_they_are_free() -> None:
    """As long before as a reply takes, but no longer than the quota allows."""
    schedule, quota = _empty(RateLimit(200, 1))
    assert schedule.exchange(quota, Demand(want=100), 0.0).granted == 2
    refused = schedule.exchange(quota, Demand(want=1, ahead=0.004), 0.0)
    assert (refused.granted, round(refused.delay, 4)) == (0, 0.0051)
    ahead = schedule.exchange(quota, Demand(want=100, ahead=0.006), 0.0)
    assert (ahead.granted, ahead.delay) == (1, refused.delay)
    most = schedule.exchange(quota, Demand(want=100, ahead=60.0), 1.0).granted
    assert most == 2 + int(quota.horizon * quota.rate)


def test_takes_back_the_last_slots_only() -> None:
    """A slot before another process's would leave a hole that a second one cannot use."""
    schedule, quota = _empty(RateLimit(20, 1))
    mine = schedule.exchange(quota, Demand(want=1), 0.0)
    empty_at = schedule.empty_at
    schedule.exchange(quota, Demand(unused=1, revision=mine.revision), 0.0)
    assert round((empty_at - schedule.empty_at) * quota.rate, 6) == 1
    mine = schedule.exchange(quota, Demand(want=1), 0.0)
    theirs = schedule.exchange(quota, Demand(want=1), 0.1)
    empty_at = schedule.empty_at
    schedule.exchange(quota, Demand(unused=1, revision=mine.revision), 0.1)
    assert schedule.empty_at == empty_at
    assert theirs.revision > mine.revision


def test_a_pause_of_one_process_is_one_of_all() -> None:
    """No slot until it ends, and none at once then; a shorter one changes nothing."""
    schedule, quota = _empty(RateLimit(1000, 60))
    schedule.exchange(quota, Demand(pause=30.0), 0.0)
    reply = schedule.exchange(quota, Demand(want=1, pause=5.0), 10.0)
    assert (reply.granted, reply.pause) == (0, 20.0)
    assert round(reply.delay, 6) == round(20.0 + 1 / quota.rate, 6)
    assert schedule.exchange(quota, Demand(want=30), 30.0).granted == 0
    assert schedule.exchange(quota, Demand(want=30), 30.0 + 1 / quota.rate).granted == 1


def test_one_refusal_that_many_processes_report_lowers_the_rate_once() -> None:
    """The requests of a cascade were sent before its first refusal was known."""
    schedule, quota = _empty(RateLimit(1000, 60))
    for now in (0.0, 100.0, 100.1, 100.2):
        schedule.exchange(quota, Demand(throttled=1.0, pause=2.0), now)
    reply = schedule.exchange(quota, Demand(), 103.0)
    assert reply.rate == quota.rate * 0.7
    assert round(reply.throttled, 6) == 3.0
    schedule.exchange(quota, Demand(throttled=1.0), 103.0 + REPEAT_WINDOW)
    assert schedule.rate == quota.rate * 0.7


def test_the_rate_rises_with_the_answers_of_all_processes() -> None:
    """Up to what is configured."""
    schedule, quota = _empty(RateLimit(1000, 60))
    schedule.rate = quota.rate / 2
    schedule.exchange(quota, Demand(gain=1.0), 0.0)
    assert schedule.exchange(quota, Demand(gain=2.0), 0.0).rate == quota.rate / 2 + 3.0
    assert schedule.exchange(quota, Demand(gain=1e9), 0.0).rate == quota.rate


def test_a_ceiling_holds_until_it_ends() -> None:
    """For all, as the server's headers are about all."""
    schedule, quota = _empty(RateLimit(1000, 60))
    schedule.exchange(quota, Demand(ceiling=2.0, ceiling_for=10.0), 0.0)
    assert schedule.exchange(quota, Demand(), 5.0).interval == 0.5
    assert schedule.exchange(quota, Demand(), 10.0).interval == 1 / quota.rate
    schedule.exchange(quota, Demand(ceiling=2.0, ceiling_for=10.0), 20.0)
    schedule.exchange(quota, Demand(ceiling_for=0.0), 20.0)
    assert schedule.exchange(quota, Demand(), 21.0).interval == 1 / quota.rate


def test_begins_without_a_burst_where_nothing_is_known() -> None:
    """A store that was lost may have let through a burst a moment ago."""
    quota = SharedQuota.of(RateLimit(1000, 60))
    schedule = Schedule.begin(quota, 50.0, full_at=50.0)
    assert round(schedule.exchange(quota, Demand(), 50.0).delay * quota.rate, 6) == 1
    filled, _ = _empty(RateLimit(1000, 60), 50.0)
    filled.exchange(quota, Demand(fill=True), 50.0)
    assert round(filled.empty_at, 6) == round(schedule.empty_at, 6)


def test_counts_what_was_sent_without_the_store() -> None:
    """In an outage, by a process that knows its part."""
    schedule, quota = _empty(RateLimit(1000, 60))
    schedule.exchange(quota, Demand(used=12.0), 0.0)
    expected = (13 - quota.capacity) / quota.rate
    assert round(schedule.exchange(quota, Demand(), 0.0).delay, 6) == round(expected, 6)


def test_a_clock_that_was_set_back_stops_no_process_for_long() -> None:
    """As after a fail-over to a machine with another clock."""
    schedule, quota = _empty(RateLimit(1000, 60), 5000.0)
    schedule.exchange(quota, Demand(want=100, pause=2.0), 5000.0)
    before = schedule.exchange(quota, Demand(), 5001.0)
    after = schedule.exchange(quota, Demand(), 0.0)
    assert (after.delay, after.pause) == (before.delay, before.pause) == (before.delay, 1.0)
