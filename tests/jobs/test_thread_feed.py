"""Batches that a thread hands over to the event loop."""

import asyncio
import io
import os
import threading
from collections.abc import Callable
from typing import IO, Any, cast

import pytest

from capillary_interactions.jobs import CustomerList, ListError
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._run.thread_feed import ThreadFeed

from .jobs_under_test import MOBILES


def _feed(file: IO[bytes]) -> ThreadFeed[Batch]:
    customers = CustomerList(file, identifier="mobile", format="lines", label="it")
    return ThreadFeed(ListReader(customers, MOBILES).read)


async def _values(feed: ThreadFeed[Batch]) -> list[str]:
    return [row.value async for batch in feed for row in batch.rows()]


async def test_gives_every_row_once_and_in_order() -> None:
    """More rows than any batch holds."""
    numbers = [str(number) for number in range(1, 5000)]

    assert await _values(_feed(io.BytesIO("\n\n".join(numbers).encode()))) == numbers


async def test_hands_over_what_a_pipe_holds_before_it_reads_further() -> None:
    """A row is looked up before the next one is written."""
    theirs, ours = os.pipe()
    with io.FileIO(theirs, "rb") as pipe:
        feed = _feed(pipe)
        os.write(ours, b"919\n92")
        await feed.wait_first()
        batches = aiter(feed)

        assert [row.value for row in (await anext(batches)).rows()] == ["919"]
        os.write(ours, b"0\n")
        assert [row.value for row in (await anext(batches)).rows()] == ["920"]
        os.close(ours)
        last = await anext(batches)
        assert (last.values, last.last) == ([], True)


async def test_reads_only_a_little_ahead() -> None:
    """A list of any length takes little memory."""
    made = 0

    def endless(put: Callable[[int], None]) -> None:
        nonlocal made
        while True:
            made += 1
            put(made)

    feed = ThreadFeed(endless)
    await feed.wait_first()
    batches = aiter(feed)
    assert await anext(batches) == 1
    for _ in range(20):
        await asyncio.sleep(0.001)

    assert made <= 7
    feed.stop()
    assert [batch async for batch in batches] == []


async def test_stops_in_front_of_a_silent_pipe() -> None:
    """A waiter for a row returns: there will be none."""
    theirs, ours = os.pipe()
    with io.FileIO(theirs, "rb", closefd=False) as pipe:
        feed = _feed(pipe)
        waiting = asyncio.create_task(feed.wait_first())
        await asyncio.sleep(0)
        feed.stop()
        await waiting

        assert await _values(feed) == []
    os.close(ours)


async def test_leaves_no_thread_behind_when_it_is_stopped() -> None:
    """A reader that waits for room ends."""
    # Those of other tests may sit in front of silent pipes.
    before = set(threading.enumerate())
    feed = _feed(io.BytesIO(b"919\n" * 100_000))
    await feed.wait_first()
    feed.stop()

    for _ in range(1000):
        if not any(thread.name == "list" for thread in {*threading.enumerate()} - before):
            break
        await asyncio.sleep(0.001)
    else:
        pytest.fail("the thread is still there")


@pytest.mark.parametrize("content", [b"", b"\n\n"])
async def test_raises_before_the_first_row_if_there_is_none(content: bytes) -> None:
    """No run is started for an empty list."""
    with pytest.raises(ListError, match="it: it holds no rows"):
        await _feed(io.BytesIO(content)).wait_first()


async def test_gives_the_rows_before_it_gives_the_error_after_them() -> None:
    """What could be read is looked up."""
    feed = _feed(io.BytesIO(b"919\n" * 20_000 + b"\xff\n"))
    seen: list[str] = []

    async def read() -> None:
        async for batch in feed:
            seen.extend(batch.values)

    with pytest.raises(ListError, match="no UTF-8"):
        await read()

    assert len(seen) == 20_000


class _Failing(io.RawIOBase):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> Any:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "type_", "message"),
    [
        (OSError(5, "Input/output error"), ListError, "it cannot be read: Input/output error"),
        (ZeroDivisionError("unforeseen"), ZeroDivisionError, "unforeseen"),
    ],
)
async def test_raises_what_its_thread_raised(
    error: Exception, type_: type[Exception], message: str
) -> None:
    """No error of the reader is lost in its thread."""
    with pytest.raises(type_, match=message):
        await _feed(cast("IO[bytes]", _Failing(error))).wait_first()
