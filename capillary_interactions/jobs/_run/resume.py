"""Starting a job or resuming it: what is checked before the first request is sent."""

import asyncio
import os
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.vocabulary import InteractionType, Network
from capillary_interactions.jobs._errors import JobChangedError, ListError, NoJobError
from capillary_interactions.jobs._export.target_guard import EXPORTS, delete_job
from capillary_interactions.jobs._lists.customer_list import CustomerList, list_from_dict
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader, changed_error
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.source_file import path_from_json
from capillary_interactions.jobs._run.list_change import first_changed_row
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.job_file import WorkerThread, result_despite_cancellation
from capillary_interactions.jobs._store.job_settings import (
    check_list,
    compare_settings,
    job_settings,
    other_rows_error,
    template_from_settings,
)
from capillary_interactions.jobs._store.store import Store

_SAVED = ("settings", "list", "stamp", "format", "columns", "customers")


@frozen
class JobRequest:
    """A job that is to be run, with what the caller says of it.

    Without `customers` it is the list that the job began with. `restart` deletes what there is,
    once the list has given its first rows.
    """

    path: Path
    customers: CustomerList | None
    network: Network | None
    type: InteractionType | None
    restart: bool = False

    def settings(self, config: ClientConfig, customers: CustomerList | None) -> dict[str, Any]:
        """The settings of this run, with those of a list if there is one to be read."""
        reading = {} if customers is None else customers.parse_options()
        return job_settings(config, reading, self.network, self.type)


@frozen
class PreparedJob:
    """A job that can be run; `feed` is what is still to be read of its list, or None."""

    store: Store
    feed: ThreadFeed[Batch] | None
    template: QueryTemplate


async def prepare(
    request: JobRequest, store: Store | None, thread: WorkerThread, config: ClientConfig
) -> PreparedJob:
    """Start a job, or resume it.

    Raises:
        JobError: That is not possible; the text says why.
    """
    saved = {} if store is None else await thread(_read_metadata, store)
    # A process that was killed while it created the job has left no settings.
    if store is None or saved["settings"] is None or request.restart:
        return await _start_new(request, store, thread, config)
    customers = request.customers
    if customers is None and not saved["position"].whole:
        customers = _saved_list(saved["list"])
    settings = request.settings(config, customers)
    if request.customers is None:
        # What is not given again is as it was.
        filters = {name: saved["settings"][name] for name in ("network", "type")}
        settings = {**saved["settings"], **settings, **filters}
    format_ = None if customers is None else customers.known_format
    differences = compare_settings(
        {**saved["settings"], "format": saved["format"] or format_},
        {**settings, "format": format_ or saved["format"]},
        saved["columns"] or (),
        answered=settings == saved["settings"] or await thread(store.has_answers),
    )
    template, feed, changes = template_from_settings(settings), None, dict[str, Any]()
    if customers is not None:
        resumed = _ResumedList(request.path, saved, customers, template)
        feed, changes = await resumed.open(store, thread, differences)
    if settings != saved["settings"]:
        changes["settings"] = settings
    try:
        if changes:
            await thread(store.set_metadata, changes)
    except BaseException:
        if feed is not None:
            feed.stop()
        raise
    return PreparedJob(store, feed, template)


def _read_metadata(store: Store) -> dict[str, Any]:
    return {**{name: store.metadata(name) for name in _SAVED}, "position": store.read_position()}


def _saved_list(saved: dict[str, Any]) -> CustomerList:
    if saved["source"] is None:
        raise ListError("the list came through a pipe; give it again")
    return list_from_dict(saved)


@frozen
class _ResumedList:
    """The list of a job that has read some of it."""

    path: Path
    saved: dict[str, Any]
    customers: CustomerList
    template: QueryTemplate

    async def open(
        self, store: Store, thread: WorkerThread, differences: str | None
    ) -> tuple[ThreadFeed[Batch] | None, dict[str, Any]]:
        """Start to read it if that is needed; see first that the rows read before are the same.

        Returns:
            The feed, if the list is read, and what is to be stored of the list.

        Raises:
            JobChangedError: They are not the same.
            ListError: The list cannot be read.
        """
        position, changes = self.saved["position"], dict[str, Any]()
        read, compare = await asyncio.to_thread(
            check_list, self.saved["stamp"], self.customers, complete=position.whole
        )
        if not read and not differences:
            return None, changes
        reader = ListReader(self.customers, self.template, position, self.saved["columns"] or ())
        feed = ThreadFeed(reader.read)
        if compare or differences:
            try:
                await feed.wait_first()
            except (JobChangedError, ListError) as error:
                if differences:
                    raise other_rows_error(differences) from None
                if isinstance(error, ListError):
                    raise
                raise (
                    self._other_list_error()
                    or await self._row_error(store, thread, reader)
                    or error
                ) from None
            except BaseException:
                feed.stop()
                raise
            changes = self._changes(reader, grown=feed.has_batch, differs=bool(differences))
        return feed, changes

    def _changes(self, reader: ListReader, *, grown: bool, differs: bool) -> dict[str, Any]:
        changes = dict[str, Any]()
        if reader.fingerprint is not None:
            changes["stamp"] = reader.fingerprint
            if grown:
                changes["customers"] = self.customers.name
        if differs or (grown and reader.fingerprint is not None):
            changes["list"] = self.customers.to_dict()
        if grown:
            # With the fingerprint, or a run that is killed now would leave new rows unread.
            changes["bookmark"] = asdict(evolve(self.saved["position"], whole=False))
        return changes

    async def _row_error(
        self, store: Store, thread: WorkerThread, reader: ListReader
    ) -> JobChangedError | None:
        """The error that names the first row that differs, if one does."""
        if not reader.rows_differ:
            return None
        rows = self.saved["position"].rows
        row = await thread(first_changed_row, store, self.customers, self.template, rows)
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


async def _start_new(
    request: JobRequest, store: Store | None, thread: WorkerThread, config: ClientConfig
) -> PreparedJob:
    """Start a job; nothing is written before the list has given its first rows."""
    customers = request.customers
    if customers is None:
        raise NoJobError(f"there is no job at {request.path}, and no list to begin one with")
    settings = request.settings(config, customers)
    template = template_from_settings(settings)
    reader = ListReader(customers, template)
    feed, before = ThreadFeed(reader.read), store
    exports: dict[str, Any] = {}
    try:
        await feed.wait_first()
        if store is not None and request.restart:
            await thread(store.close)
            exports = await thread(delete_job, request.path)
            store = None
        if store is None:
            store = await _create(request.path, thread)
        values = {
            "customers": customers.name,
            "list": customers.to_dict(),
            "settings": settings,
            "stamp": reader.fingerprint,
            EXPORTS: exports,
        }
        await thread(store.initialise, values)
    except BaseException:
        feed.stop()
        if store is not None and store is not before:
            await thread.finish(store.close)
        raise
    return PreparedJob(store, feed, template)


async def _create(path: Path, thread: WorkerThread) -> Store:
    """Create a job's file; it is closed again if the caller is cancelled meanwhile."""
    opening = thread.submit(Store, path, create=True)
    try:
        return await result_despite_cancellation(opening)
    except asyncio.CancelledError:
        if not opening.cancelled():
            await thread.finish(opening.result().close)
        raise
