"""What becomes of outcomes whose recording is left alone in the middle."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from capillary_interactions.jobs._run.outcome_writer import OutcomeWriter
from capillary_interactions.jobs._store.job_file import WorkerThread
from capillary_interactions.jobs._store.records import OutcomeBatch
from capillary_interactions.testing import not_found


class _Store:
    """A store behind a thread that is busy until somebody says otherwise."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.free = threading.Event()
        self.error: Exception | None = None
        self.thread = WorkerThread()
        self.busy = asyncio.ensure_future(self.thread(self.free.wait))

    async def write(self, pending: OutcomeBatch) -> None:
        await self.thread(self._keep, pending.numbers)

    def _keep(self, numbers: list[int]) -> None:
        if self.error is not None:
            raise self.error
        self.kept += numbers


@pytest.fixture
async def store() -> AsyncIterator[_Store]:
    """A busy store, which is closed in the end."""
    store = _Store()
    yield store
    store.free.set()
    await store.busy
    store.thread.close()


async def _nothing() -> None:
    pass


async def _left_alone(store: _Store) -> OutcomeWriter:
    """A recorder whose flush has been cancelled before the store had time for it."""
    recorder = OutcomeWriter(store.write, lambda _: None, _nothing)
    recorder.add(1, not_found())
    flushing = asyncio.create_task(recorder.flush())
    while recorder.is_full or recorder._buffer.numbers:
        await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.wait({flushing})
    assert flushing.cancelled()
    return recorder


async def test_are_kept_once_and_in_order(store: _Store) -> None:
    """A cancelled run has recorded all that had ended."""
    recorder = await _left_alone(store)
    recorder.add(2, not_found())
    store.free.set()
    await recorder.aclose()
    assert store.kept == [1, 2]


async def test_are_not_forgotten_when_they_cannot_be_kept(store: _Store) -> None:
    """The error is raised where the recorder is closed, and nothing is written after it."""
    recorder = await _left_alone(store)
    store.error = OSError("the disk is full")
    store.free.set()
    with pytest.raises(OSError, match="full"):
        await recorder.aclose()
    with pytest.raises(OSError, match="full"):
        recorder.add(2, not_found())
    assert store.kept == []
