"""The list of a job that has read some of it: is it still the same, and does it have more rows?"""

import asyncio
import os
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from capillary_interactions.jobs._errors import JobChangedError, ListError
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import (
    Batch,
    ListReader,
    ReadPosition,
    changed_error,
)
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.source_file import path_from_json
from capillary_interactions.jobs._run.list_change import first_changed_row, is_without_forgotten
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.job_file import WorkerThread
from capillary_interactions.jobs._store.job_settings import check_list, other_rows_error
from capillary_interactions.jobs._store.store import Store

_Opened = tuple[ThreadFeed[Batch] | None, dict[str, Any]]


@frozen
class ResumedList:
    """A list, with what the job has stored of it."""

    path: Path
    saved: dict[str, Any]
    customers: CustomerList
    template: QueryTemplate
    store: Store
    thread: WorkerThread

    async def open(self, differences: str | None) -> _Opened:
        """Start to read it if that is needed; see first that the rows read before are the same.

        Args:
            differences: What differs in how it is read, or None.

        Returns:
            The feed, if the list is read, and what is to be stored of the list.

        Raises:
            JobChangedError: They are not the same.
            ListError: The list cannot be read.
        """
        position: ReadPosition = self.saved["position"]
        read, compare = await asyncio.to_thread(
            check_list, self.saved["stamp"], self.customers, complete=position.whole
        )
        if not read and not differences:
            return None, {}
        if not compare and not differences:
            return ThreadFeed(self._reader(position).read), {}
        try:
            return await self._open_compared(position, differs=bool(differences))
        except (JobChangedError, ListError) as error:
            if differences:
                raise other_rows_error(differences) from None
            if isinstance(error, ListError):
                raise
            changed = error
        missing = await self._missing(position, changed)
        if missing:
            position = evolve(position, digest=None, missing=missing)
            return await self._open_compared(position, differs=False)
        raise self._other_list_error() or await self._row_error(position, changed) or changed

    def _reader(self, position: ReadPosition) -> ListReader:
        columns = self.saved["columns"] or ()
        return ListReader(self.customers, self.template, position, columns)

    async def _open_compared(self, position: ReadPosition, *, differs: bool) -> _Opened:
        reader = self._reader(position)
        feed = ThreadFeed(reader.read)
        try:
            await feed.wait_first()
        except BaseException:
            feed.stop()
            raise
        return feed, self._changes(reader, position, grown=feed.has_batch, differs=differs)

    def _changes(
        self, reader: ListReader, position: ReadPosition, *, grown: bool, differs: bool
    ) -> dict[str, Any]:
        changes = dict[str, Any]()
        if reader.fingerprint is not None:
            changes["stamp"] = reader.fingerprint
            if grown:
                changes["customers"] = self.customers.name
        if differs or (grown and reader.fingerprint is not None):
            changes["list"] = self.customers.to_dict()
        if grown or position.digest is None:
            # With the fingerprint, or a run that is killed now would leave new rows unread.
            whole = position.whole and not grown
            changes["bookmark"] = asdict(evolve(position, digest=reader.known_digest, whole=whole))
        return changes

    async def _missing(self, position: ReadPosition, error: JobChangedError) -> int:
        """How many rows the list has not any more, as their customers are forgotten; 0 if others.

        They were taken out of it, all of them or none.
        """
        forgotten = (await self.thread(self.store.status)).forgotten
        if not error.rows_differ or not position.missing < forgotten < position.rows:
            return 0
        list_ = self.customers, self.template, position.rows
        return forgotten if await self.thread(is_without_forgotten, self.store, *list_) else 0

    async def _row_error(
        self, position: ReadPosition, error: JobChangedError
    ) -> JobChangedError | None:
        """The error that names the first row that differs, if one does."""
        if not error.rows_differ or position.missing:
            return None
        list_ = self.customers, self.template, position.rows
        row = await self.thread(first_changed_row, self.store, *list_)
        if row is None:
            return None
        return changed_error(self.customers.name, f"its row {row:,} differs")

    def _other_list_error(self) -> JobChangedError | None:
        """The error for a list in another file than the one that the job began with."""
        before, stamp, customers = self.saved["customers"], self.saved["stamp"], self.customers
        if stamp is None or customers.path is None:
            return None
        if os.path.realpath(path_from_json(stamp["path"])) == os.path.realpath(customers.path):
            return None
        return JobChangedError(
            f"{self.path} belongs to {before}, and {customers.name} holds other rows: give "
            f"{customers.name} a result (and so a job) of its own, or {before} to go on"
        )
