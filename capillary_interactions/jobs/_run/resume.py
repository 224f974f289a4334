"""Starting a job or resuming it: what is checked before the first request is sent."""

import asyncio
from pathlib import Path
from typing import Any

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.vocabulary import InteractionType, Network
from capillary_interactions.jobs._errors import ListError, NoJobError
from capillary_interactions.jobs._export.target_guard import EXPORTS, delete_job
from capillary_interactions.jobs._lists.customer_list import CustomerList, list_from_dict
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._run.resumed_list import ResumedList
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.job_file import WorkerThread, result_despite_cancellation
from capillary_interactions.jobs._store.job_settings import (
    compare_settings,
    job_settings,
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
        resumed = ResumedList(request.path, saved, customers, template, store, thread)
        feed, changes = await resumed.open(differences)
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
