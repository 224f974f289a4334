"""How rows come into the event loop."""

import asyncio
import io
import os
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, cast

import pytest

from capillary_interactions.cli._feed import Feed
from capillary_interactions.cli._rows import Row, Rows, read_rows
from capillary_interactions.cli._text import ListError

_plain = partial(read_rows, form="lines", identifier="mobile")


async def test_gives_every_row_once_and_counts_blank_lines() -> None:
    """More rows than any batch holds come in order."""
    numbers = [str(number) for number in range(2000)]
    feed = Feed(io.BytesIO("\n\n".join(numbers).encode()), _plain)

    await feed.ready()
    rows = [row async for row in feed]

    assert rows == [Row(n, value) for n, value in enumerate(numbers, 1)]
    assert (feed.blanks, feed.total) == (1999, 2000)


async def test_hands_on_what_a_pipe_holds_before_it_reads_further() -> None:
    """A row is looked up while the next one is still being thought of."""
    theirs, ours = os.pipe()
    with io.FileIO(theirs, "rb") as pipe:
        feed = Feed(pipe, _plain)
        os.write(ours, b"919\n92")
        await feed.ready()
        rows = aiter(feed)

        assert await anext(rows) == Row(1, "919")
        assert feed.total is None
        os.write(ours, b"0\n")
        assert await anext(rows) == Row(2, "920")
        os.close(ours)
        assert [row async for row in rows] == []


async def test_reads_only_a_little_ahead() -> None:
    """A list of any length takes little memory."""
    read = 0

    def endless(_: Iterable[str]) -> Iterator[Row]:
        nonlocal read
        while True:
            read += 1
            yield Row(read, "919")

    feed = Feed(io.BytesIO(), cast("type[Rows]", endless))
    await feed.ready()
    rows = aiter(feed)
    await anext(rows)
    for _ in range(20):
        await asyncio.sleep(0.001)

    assert read <= 256 * 6
    feed.stop()
    assert [row async for row in rows] == []


async def test_stops_in_front_of_a_silent_pipe() -> None:
    """Whoever waits for a row learns that there will be none."""
    theirs, ours = os.pipe()
    with io.FileIO(theirs, "rb", closefd=False) as pipe:
        feed = Feed(pipe, _plain)
        ready = asyncio.create_task(feed.ready())
        await asyncio.sleep(0)
        feed.stop()
        await ready

        assert [row async for row in feed] == []
    os.close(ours)


async def test_leaves_no_thread_behind_when_it_is_stopped() -> None:
    """A reader that waits for room goes home."""
    feed = Feed(io.BytesIO(b"919\n" * 100_000), _plain)
    await feed.ready()
    feed.stop()

    for _ in range(1000):
        if not any(thread.name == "list" for thread in threading.enumerate()):
            break
        await asyncio.sleep(0.001)
    else:
        pytest.fail("the thread is still there")


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "no rows"), (b"\n\n", "no rows"), (b"\0", "NUL")]
)
async def test_says_before_the_first_row_that_there_is_none(content: bytes, said: str) -> None:
    """A run need not begin for a list of nothing."""
    with pytest.raises(ListError, match=said):
        await Feed(io.BytesIO(content), _plain).ready()


async def test_gives_the_rows_before_it_gives_the_error_after_them() -> None:
    """What could be read is looked up."""
    feed = Feed(io.BytesIO(b"919\n" * 20_000 + b"\0"), _plain)
    await feed.ready()
    seen = []

    async def read() -> None:
        async for row in feed:
            seen.append(row)  # noqa: PERF401 - what came before the error is the point

    with pytest.raises(ListError, match="NUL"):
        await read()

    assert len(seen) == 65536 // 4


class _Failing(io.RawIOBase):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> bytes:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (OSError(5, "Input/output error"), ListError, "it cannot be read: Input/output error"),
        (ZeroDivisionError("unforeseen"), ZeroDivisionError, "unforeseen"),
    ],
)
async def test_tells_what_went_wrong_in_its_thread(
    error: Exception, kind: type[Exception], said: str
) -> None:
    """No error of the reader is lost in a thread that nobody looks at."""
    with pytest.raises(kind, match=said):
        await Feed(cast("IO[bytes]", _Failing(error)), _plain).ready()
