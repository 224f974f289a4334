"""Outcomes whose writing is cancelled half-way."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from capillary_interactions.jobs._run.outcome_writer import OutcomeWriter
from capillary_interactions.jobs._store.job_file import WorkerThread
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.testing import not_found


class _Store:
    """A store in a thread that is busy until `free` is set."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.free = threading.Event()
        self.error: Exception | None = None
        self.thread = WorkerThread()
        self.busy = asyncio.ensure_future(self.thread(self.free.wait))

    async def write(self, pending: OutcomeBatch) -> None:
        await self.thread(self._write, pending.numbers)

    def _write(self, numbers: list[int]) -> None:
        if self.error is not None:
            raise self.error
        self.written += numbers


@pytest.fixture
async def store() -> AsyncIterator[_Store]:
    """A busy store."""
    store = _Store()
    yield store
    store.free.set()
    await store.busy
    store.thread.close()


async def _nothing() -> None:
    pass


async def _cancelled_flush(store: _Store) -> OutcomeWriter:
    """A writer whose flush was cancelled before the store had time for it."""
    writer = OutcomeWriter(store.write, lambda _: None, _nothing)
    writer.add(1, not_found())
    flushing = asyncio.create_task(writer.flush())
    while writer.is_full or writer._buffer.numbers:
        await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.wait({flushing})
    assert flushing.cancelled()
    return writer


async def test_are_written_once_and_in_order(store: _Store) -> None:
    """A cancelled run has recorded all that had ended."""
    writer = await _cancelled_flush(store)
    writer.add(2, not_found())
    store.free.set()
    await writer.aclose()
    assert store.written == [1, 2]


async def test_raise_what_they_could_not_be_written_for(store: _Store) -> None:
    """The error is raised where the writer is closed, and nothing is written after it."""
    writer = await _cancelled_flush(store)
    store.error = OSError("the disk is full")
    store.free.set()
    with pytest.raises(OSError, match="full"):
        await writer.aclose()
    with pytest.raises(OSError, match="full"):
        writer.add(2, not_found())
    assert store.written == []
