"""Fetching in buffer: only when wanted, and nothing lost in between."""

import asyncio
import contextlib

import pytest

from capillary_interactions.integrations._consuming.prefetch import (
    Heartbeat,
    PrefetchBuffer,
    PrefetchingSource,
)


class NumberBroker:
    """Gives numbers, three at a time, after a second."""

    def __init__(self) -> None:
        self.fetches = 0
        self.back: list[int] = []

    async def fetch(self) -> list[int]:
        """Three more."""
        self.fetches += 1
        first = 3 * self.fetches
        await asyncio.sleep(1.0)
        return [first, first + 1, first + 2]

    async def give_back(self, number: int) -> None:
        """One that was not read."""
        self.back.append(number)


async def test_fetches_only_when_wanted() -> None:
    """One batch serves three readers; the fourth needs another."""
    broker = NumberBroker()
    buffer = PrefetchBuffer(broker.fetch, broker.give_back)
    assert [await buffer.next() for _ in range(3)] == [3, 4, 5]
    await asyncio.sleep(10.0)
    assert broker.fetches == 1
    assert await buffer.next() == 6


async def test_returns_what_was_not_read() -> None:
    """At the end, what is still being fetched included."""
    broker = NumberBroker()
    buffer = PrefetchBuffer(broker.fetch, broker.give_back)
    for _ in range(3):
        await buffer.next()
    reader = asyncio.create_task(buffer.next())
    await asyncio.sleep(0.5)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    await buffer.aclose()
    assert broker.back == [6, 7, 8]


async def test_raises_what_fetching_raised() -> None:
    """And tries anew after that."""
    results: list[list[int] | Exception] = [OSError("gone"), [1]]

    async def fetch() -> list[int]:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    buffer = PrefetchBuffer(fetch, NumberBroker().give_back)
    with pytest.raises(OSError, match="gone"):
        await buffer.next()
    assert await buffer.next() == 1


async def test_gives_out_again_and_forgets() -> None:
    """What is put back comes again; what has gone to others does not."""
    broker = NumberBroker()
    buffer = PrefetchBuffer(broker.fetch, broker.give_back)
    buffer.put(await buffer.next())
    assert [await buffer.next() for _ in range(2)] == [4, 5]
    buffer.put(9)
    buffer.drop(lambda number: number == 3)
    assert await buffer.next() == 9


async def test_sends_a_heartbeat_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error of the broker's is logged, and the next one is sent all the same."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1
        raise OSError("secret")

    heartbeat = Heartbeat(10.0, send)
    heartbeat.start()
    await asyncio.sleep(35.0)
    await heartbeat.aclose()
    await asyncio.sleep(100.0)
    assert sent == 3
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text


async def test_ends_the_heartbeat_though_the_client_swallows_its_cancellation() -> None:
    """As `asyncio.wait_for` does before Python 3.12 where a response has just arrived."""

    async def send() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1.0)

    heartbeat = Heartbeat(10.0, send)
    heartbeat.start()
    await asyncio.sleep(10.5)
    async with asyncio.timeout(5.0):
        await heartbeat.aclose()


class RecordingSource(PrefetchingSource[int]):
    """A source that records its calls; it fetches three at a time, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__(heartbeat_interval=1.0)
        self.calls: list[str] = []
        self._fails = fails

    async def _open(self) -> None:
        self.calls.append("entered")

    async def _fetch(self) -> list[int]:
        await asyncio.sleep(1.5)
        if self._fails:
            raise OSError("gone")
        return [1, 2, 3]

    async def _return(self, message: int) -> None:
        await asyncio.sleep(1.0)
        self.calls.append(f"{message} returned")

    async def _send_heartbeats(self) -> None:
        self.calls.append("heartbeat")

    async def _close(self) -> None:
        self.calls.append("left")


async def test_is_entered_iterated_over_and_left() -> None:
    """What was not read is returned before it closes, with heartbeats until then."""
    async with RecordingSource() as source:
        async for number in source:
            if number == 2:
                break
    assert source.calls == ["entered", "heartbeat", "heartbeat", "3 returned", "left"]
    await asyncio.sleep(10.0)
    assert source.calls[-1] == "left"


async def test_leaves_though_fetching_fails() -> None:
    """The broker gets no further heartbeat, and the error comes out."""
    source = RecordingSource(fails=True)

    async def read() -> None:
        async with source:
            reader = asyncio.create_task(anext(source))
            await asyncio.sleep(0.1)
            reader.cancel()

    with pytest.raises(OSError, match="gone"):
        await read()
    await asyncio.sleep(10.0)
    assert source.calls == ["entered", "heartbeat", "left"]
