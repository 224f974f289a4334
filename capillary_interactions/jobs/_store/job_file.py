"""Who has a job's file open, and who may change it?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions.jobs._errors import JobError, NoJobError
from capillary_interactions.jobs._store.file_lock import Lock
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.jobs._store.worker_thread import WorkerThread, outlast


class JobFile:
    """One object's way to a job's file, which need not be there yet.

    Args:
        path: The file.

    Attributes:
        path: The file.
        thread: The only one in which the store may be used.
        store: The file, opened, or None.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.thread = WorkerThread()
        self.store: Store | None = None
        self._lock = Lock(path)

    async def open(self) -> None:
        """Open the file, if it is there and not open yet."""
        running_loop()
        if self.store is not None:
            return
        opening = self.thread.submit(_existing, self.path)
        try:
            await outlast(opening)
        finally:
            if not opening.cancelled() and opening.exception() is None:
                self.store = opening.result()

    async def close(self) -> None:
        """Close the file, if it is open; a cancellation is raised when that is done."""
        store, self.store = self.store, None
        if store is not None:
            await self.thread.finish(store.close)

    async def aclose(self) -> None:
        """Close the file, if it is open, and end the thread."""
        try:
            await self.close()
        finally:
            self.thread.close()

    def opened(self) -> Store:
        """The file, opened.

        Raises:
            NoJobError: It is not there.
        """
        if self.store is None:
            raise NoJobError(f"there is no job at {self.path}")
        return self.store

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Nobody else changes the job meanwhile; its file is the one that is there now.

        Raises:
            JobInUseError: Somebody else has it.
            JobStoreError: The folder cannot be written to.
        """
        try:
            self._lock.acquire()
        except JobError as wrong:
            wrong.begun = False
            raise
        try:
            # Another process may have made it, or removed it, since it was opened here.
            await self.close()
            await self.open()
            await self.claim()
            yield
        finally:
            try:
                # What was cancelled may still be under way in the thread.
                await self.thread.finish(self._disclaim)
            finally:
                self._lock.release()

    async def claim(self) -> None:
        """See that no other process changes the file, if it is there.

        Raises:
            JobInUseError: One does.
        """
        if self.store is None:
            return
        try:
            await self.thread(self.store.claim)
        except JobError as wrong:
            wrong.begun = False
            raise

    def _disclaim(self) -> None:
        if self.store is not None:
            self.store.disclaim()


def _existing(path: Path) -> Store | None:
    # No error that is suppressed by the caller: a cancellation meanwhile would be lost with it.
    try:
        return Store(path)
    except NoJobError:
        return None
