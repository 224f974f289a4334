"""No answer within `max_body` blocks the event loop."""

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache
from itertools import count, takewhile
from typing import Any, Final

import pytest

from capillary_interactions import (
    Found,
    OAuth,
    Outcome,
    RetryPolicy,
    Unavailable,
)
from tests.tables import table

from .byte_server import KNOWN, ByteServer, Received, always, answer
from .clients import CUSTOMER, client_for, mobiles

# Stalls are measured: tracing and other processes of this machine make them longer.
pytestmark = pytest.mark.measures

# The default of `ClientConfig.max_body`.
MIB: Final = 1024 * 1024


@cache
def max_stall() -> float:
    """Return the longest stall allowed, in seconds.

    Parsing JSON and collecting garbage take some tens of milliseconds for each MiB, and more on a
    machine that is slower at it.
    """
    numbers, times = "[" + ",".join(["1"] * (MIB // 2)) + "]", list[float]()
    for _ in range(3):
        began = time.process_time()
        json.loads(numbers)
        times.append(time.process_time() - began)
    return max(0.1, 2.5 * min(times))


# A stall is measured in CPU time; where other processes share the caches, the shortest counts.
TRIALS: Final = 4

LISTED: Final = b'{"interaction": [{"name": "email", "count": 1, "messageList": ['
UNKNOWN: Final = b'{"interaction": [], "x": ['
REFUSAL: Final = b'{"response": {"status": {"success": "false", "code": 500, "message": "'
ENVELOPE: Final = (
    b'{"response": {"status": {"code": 200}, "customer": {"interactions": {"network": '
    b'{"name": "x", "interaction": ['
)


def filled(before: bytes, unit: bytes, after: bytes, size: int = MIB) -> bytes:
    """Return a body of a given size that repeats one unit."""
    times = (size - len(before) - len(after) + 1) // (len(unit) + 1)
    return before + b",".join([unit] * times) + after


def numbered(before: bytes, unit: bytes, after: bytes, first: int, size: int) -> bytes:
    """Return a body of units that differ in a number of seven digits."""
    times = (size - len(before) - len(after)) // (len(unit % first) + 1)
    numbers = takewhile(lambda number: number < first + times, count(first))
    return before + b",".join(unit % number for number in numbers) + after


def two_pages(unit: bytes, size: int = MIB // 8) -> list[bytes]:
    """Return two pages of messages, none of them in both."""
    before = LISTED.replace(b'"count": 1', b'"count": 99999999')
    return [numbered(before, unit, b"]}]}", first, size) for first in (10**6, 2 * 10**6)]


def stretched(before: bytes, unit: bytes, after: bytes, size: int = MIB) -> bytes:
    """Return a body with one long text."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


@pytest.fixture(autouse=True, scope="module")
def _no_older_objects() -> Iterator[None]:
    """The garbage collector skips the objects of earlier tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Watchdog:
    """Ticks in the event loop, and records the longest time between two ticks.

    The time is the CPU time of this process, in all of its threads: other processes make no stall.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Tick until cancelled."""
        last = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            self.longest = max(self.longest, now - last)
            last = now


async def _watched(work: Callable[[], object]) -> float:
    """Return the longest stall while a callback runs in the event loop itself."""
    watchdog = Watchdog()
    task = asyncio.get_running_loop().create_task(watchdog.watch())
    await asyncio.sleep(0.01)
    work()
    await asyncio.sleep(0.01)
    task.cancel()
    return watchdog.longest


async def _look_up(
    pages: Sequence[bytes], status: int, *lines: str, **settings: Any
) -> tuple[Outcome, float]:
    """Look up; return the outcome, and the longest stall meanwhile."""
    remaining = iter(pages)
    lines = lines or ("Content-Type: application/json",)

    async def behave(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status, next(remaining, pages[-1]), *lines))

    watchdog = Watchdog()
    once = RetryPolicy(attempts=1)
    async with (
        ByteServer(behave) as server,
        client_for(server.base_url, retry=once, **settings) as client,
    ):
        task = asyncio.get_running_loop().create_task(watchdog.watch())
        outcome = await client.lookup(CUSTOMER)
        await asyncio.sleep(0)
        task.cancel()
    return outcome, watchdog.longest


async def _shortest(measure: Callable[[], Awaitable[float]]) -> float:
    """Return the shortest of several measurements, or the first that is allowed."""
    shortest = float("inf")
    for _ in range(TRIALS):
        shortest = min(shortest, await measure())
        if shortest < max_stall():
            break
    return shortest


def _busy(seconds: float) -> None:
    """Use the CPU for a while, in one callback."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


async def test_a_blocked_loop_is_noticed_by_the_watchdog() -> None:
    """The control: a callback that takes too long is measured, and a sleeping one is not."""
    assert await _watched(lambda: _busy(2 * max_stall())) > max_stall()
    assert await _watched(lambda: time.sleep(0.03)) < max_stall()


Pages = dict[str, Callable[[], list[bytes]]]

FOUND: Final[Pages] = {
    "odd dates": lambda: [filled(LISTED, b'{"sentDate":"x"}', b"]}]}", MIB // 4)],
    "messages": lambda: [
        filled(LISTED, b'{"subject":"Hello","status":"SENT","userId":-1}', b"]}]}")
    ],
    "interactions": lambda: [
        filled(b'{"interaction": [', b'{"name":"a","count":1,"xyz":{}}', b"]}")
    ],
    "an envelope": lambda: [filled(ENVELOPE, b'{"type":"email","used_status":"true"}', b"]}}}}}")],
    "numbers": lambda: [filled(UNKNOWN, b"1", b"]}")],
    "halves": lambda: [filled(UNKNOWN, b'"{\\ud83d"', b"]}")],
    "not a number": lambda: [filled(UNKNOWN + b"NaN,", b"10.5", b"]}", MIB // 2)],
    "windows-1252": lambda: [stretched(UNKNOWN + b'"', b"\xe9", b'"]}')],
    "one huge number": lambda: [stretched(UNKNOWN, b"1", b"]}")],
    "unknown fields": lambda: [numbered(b'{"interaction": [],', b'"%d":1', b"}", 10**6, MIB)],
    "warnings": lambda: [filled(b'{"interaction": [], "warnings": [', b'"w"', b"]}")],
    "pages that differ in a field": lambda: two_pages(b'{"xyz":%d}'),
    "pages without ids": lambda: two_pages(b'{"campaignId":%d00}'),
    "pages with ids": lambda: two_pages(b'{"id":%d}'),
}
UNREADABLE: Final[Pages] = {
    "empty messages": lambda: [filled(LISTED, b"{}", b"]}]}")],
    "empty lists": lambda: [filled(UNKNOWN, b"[]", b"]}")],
    "brackets": lambda: [b"[" * MIB],
}
REFUSALS: Final[Pages] = {
    "429": lambda: [stretched(REFUSAL, b"a ", b'"}}}')],
    "500": lambda: [stretched(REFUSAL, b"a@", b'"}}}')],
}


@table(
    ("name", "status", "endings"),
    [
        *((name, 200, {"found"}) for name in FOUND),
        *((name, 200, {"unreadable"}) for name in UNREADABLE),
        *((name, int(name), {"rejected", "unavailable"}) for name in REFUSALS),
    ],
)
async def test_is_not_blocked_by_an_answer(name: str, status: int, endings: set[str]) -> None:
    """Other lookups and the application run in between, for any answer."""
    pages = {**FOUND, **UNREADABLE, **REFUSALS}[name]()
    assert all(len(page) <= MIB for page in pages)

    async def measure() -> float:
        outcome, stall = await _look_up(pages, status)
        assert outcome.ending in endings
        return stall

    assert await _shortest(measure) < max_stall()


@table(
    "name",
    ["Retry-After", "Content-Type", "RateLimit", "RateLimit-Policy", "X-RateLimit-Reset", "Date"],
)
@table("unit", ["9", "a ", "r=1;", '\\"', "Mon, ", "; charset"])
async def test_is_not_blocked_by_a_header(name: str, unit: str) -> None:
    """As long as a header may be, and of any pattern that it is searched for."""
    header = f"{name}: {unit * (8_000 // len(unit))}"

    async def measure() -> float:
        _, stall = await _look_up([KNOWN], 429, header)
        return stall

    assert await _shortest(measure) < max_stall()


@table("unit", [b'{"code":1}', b"1"])
async def test_is_not_blocked_by_an_answer_of_the_token_endpoint(unit: bytes) -> None:
    """An answer longer than any token is not read, and the reason says so."""
    body = filled(b'{"code": [', unit, b"]}")

    async def measure() -> float:
        outcome, stall = await _look_up([body], 200, auth=OAuth("key", "secret"))
        assert isinstance(outcome, Unavailable)
        assert "more than 65536 bytes" in outcome.reason
        return stall

    assert await _shortest(measure) < max_stall()


@table(
    "body",
    [
        filled(LISTED, b"{}", b"]}]}", 1_200),
        filled(UNKNOWN, b"1", b"]}", 16_000),
    ],
)
async def test_is_not_blocked_by_many_answers_at_once(body: bytes) -> None:
    """Answers parsed in the loop are so small that many in one iteration do not block it."""

    async def measure() -> float:
        watchdog = Watchdog()
        async with (
            ByteServer(always(answer(200, body))) as server,
            client_for(server.base_url) as client,
        ):
            task = asyncio.get_running_loop().create_task(watchdog.watch())
            outcomes = await client.lookup_all(mobiles(16))
            task.cancel()
        assert all(isinstance(outcome, Found) for outcome in outcomes)
        return watchdog.longest

    assert await _shortest(measure) < max_stall()
