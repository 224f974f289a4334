"""The quota is strict, and every arrival is counted."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._counters import Quota, most_in_any_window
from tests.tables import table

from .asking import ask, basic, get

# Eighths are exact in binary, so that a law about windows is not one about rounding.
EIGHTHS = st.integers(0, 400).map(lambda number: number / 8)
RISING = st.lists(EIGHTHS, max_size=40).map(sorted)
WINDOWS = st.integers(1, 80).map(lambda number: number / 8)


@given(times=RISING, per=WINDOWS)
def test_finds_the_fullest_window(times: list[float], per: float) -> None:
    """It agrees with counting in every window that begins at an arrival."""
    brute = max((sum(t <= u < t + per for u in times) for t in times), default=0)
    assert most_in_any_window(times, per) == brute


@given(times=RISING, per=WINDOWS, requests=st.integers(1, 5))
def test_admits_no_more_than_the_quota_and_no_less(
    times: list[float], per: float, requests: int
) -> None:
    """In no window are more admitted, and none is turned away from a window with room."""
    quota, admitted = Quota(), list[float]()
    for now in times:
        wait = quota.wait("key", now, (requests, per))
        recent = [time for time in admitted if now - time < per]
        assert (wait == 0) == (len(recent) < requests)
        if wait:
            assert wait == recent[-requests] + per - now
        else:
            admitted.append(now)
    assert most_in_any_window(admitted, per) <= requests


async def test_throttles_exactly_the_one_too_many() -> None:
    """A burst of one more than the quota gives exactly one 429."""
    async with Sandbox(rate=(20, 60.0)) as sandbox:
        replies = await asyncio.gather(*(ask(sandbox.base_url, str(i)) for i in range(21)))
        assert sorted(reply.status for reply in replies) == [200] * 20 + [429]
        assert sandbox.counts.throttled == 1
        assert sandbox.most_in_any_window(60.0) == 21


async def test_says_when_a_slot_is_free() -> None:
    """Retry-After is the real time, in whole seconds."""
    async with Sandbox(rate="1/30") as sandbox:
        await ask(sandbox.base_url, "1")
        reply = await ask(sandbox.base_url, "1")
        assert reply.headers["Retry-After"] == "30"
        assert reply.json["errors"][0]["code"] == 429


@table(("retry_after", "header"), [(None, None), (7, "7"), (0, "0"), (0.5, "1")])
async def test_says_what_it_was_told_to_say(retry_after: float | None, header: str | None) -> None:
    """None leaves the header out, a number is sent."""
    async with Sandbox(rate=(1, 30), retry_after=retry_after) as sandbox:
        await ask(sandbox.base_url, "1")
        assert (await ask(sandbox.base_url, "1")).headers.get("Retry-After") == header


async def test_frees_a_slot_when_the_window_has_passed() -> None:
    """Requests turned away do not push the free slot away."""
    async with Sandbox(rate=(1, 0.04)) as sandbox:
        statuses = [(await ask(sandbox.base_url, "1")).status for _ in range(3)]
        await asyncio.sleep(0.045)
        statuses.append((await ask(sandbox.base_url, "1")).status)
        assert statuses[0] == statuses[-1] == 200
        assert 429 in statuses


async def test_counts_each_credential_apart() -> None:
    """One account's burst is not another's."""
    async with Sandbox(rate=(2, 60), accounts={"a": "x", "b": "y"}) as sandbox:
        for username, password, times in (("a", "x", 3), ("b", "y", 1), ("a", "wrong", 1)):
            for _ in range(times):
                await ask(sandbox.base_url, "1", headers=basic(username, password))
        await ask(sandbox.base_url, "1", headers={})
        assert sandbox.counts.throttled == 1
        assert sandbox.counts.refused == 2
        assert len(sandbox.arrivals("a")) == sandbox.most_in_any_window(60, "a") == 4
        assert len(sandbox.arrivals("b")) == sandbox.most_in_any_window(60, "b") == 1
        assert sandbox.arrivals("c") == ()
        assert sandbox.most_in_any_window(60, "c") == 0
        assert sandbox.most_in_any_window(60) == 4
        every = sandbox.arrivals()
        assert len(every) == 6
        assert all(first <= second for first, second in itertools.pairwise(every))


async def test_changes_its_rate_while_it_runs() -> None:
    """A new quota counts from the next request on, for what is already in the window too."""
    async with Sandbox() as sandbox:
        assert (await ask(sandbox.base_url, "1")).status == 200
        sandbox.rate = (1, 60.0)
        assert [(await ask(sandbox.base_url, "1")).status for _ in range(2)] == [200, 429]
        sandbox.rate = None
        assert (await ask(sandbox.base_url, "1")).status == 200


async def test_counts_everything_once() -> None:
    """Each request ends in one count, and resetting forgets them all."""
    async with Sandbox(rate=(3, 60), script=[None, "error_500", None]) as sandbox:
        for _ in range(4):
            await ask(sandbox.base_url, "1")
        await ask(sandbox.base_url, "1", headers={})
        await get(sandbox.base_url, "/other")
        counts = sandbox.counts
        assert counts.received == len(sandbox.arrivals()) == 6
        assert (counts.answered, counts.faulted, counts.throttled, counts.refused) == (3, 1, 1, 1)
        assert counts.connections == 6
        assert sandbox.received_for("1") == 5
        sandbox.reset_counts()
        assert sandbox.counts.received == sandbox.counts.connections == 0
        assert sandbox.received_for("1") == 0
        assert (await ask(sandbox.base_url, "1")).status == 200
