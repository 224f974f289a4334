"""Can a job begin, or go on? What is looked at before the first customer is asked for."""

import asyncio
import os
from pathlib import Path
from typing import Any

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.vocabulary import (
    InteractionType,
    Network,
)
from capillary_interactions.jobs._errors import JobChangedError, ListError, NoJobError
from capillary_interactions.jobs._export.target_guard import EXPORTS, delete_job
from capillary_interactions.jobs._lists.customer_list import (
    CustomerList,
    list_from_dict,
    path_from_json,
)
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.job_settings import (
    Check,
    check_list,
    check_settings,
    job_settings,
    retold_error,
    template_of,
)
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.jobs._store.worker_thread import WorkerThread, outlast


@frozen
class JobRequest:
    """What somebody wants to be run: a job's file, and what they say of it.

    Attributes:
        path: The file.
        customers: The list, or None for the one that it began with.
        network: Only this network, or None.
        type: Only this type, or None.
        restart: Whether to forget what there is, once the list has given something.
    """

    path: Path
    customers: CustomerList | None
    network: Network | None
    type: InteractionType | None
    restart: bool = False


@frozen
class PreparedJob:
    """A job that can be run.

    Attributes:
        store: Its file.
        feed: What is still to be read of its list, or None.
        template: What is asked of each row.
    """

    store: Store
    feed: ThreadFeed[Batch] | None
    template: QueryTemplate


async def prepare(
    wanted: JobRequest, store: Store | None, thread: WorkerThread, config: ClientConfig
) -> PreparedJob:
    """See whether a job can begin or go on.

    Args:
        wanted: The job.
        store: Its file, if it is there.
        thread: Where the store is used.
        config: How the client behaves.

    Raises:
        JobError: It cannot; the text says why.
    """
    facts = {} if store is None else await thread(_facts, store)
    # Without settings it was killed before it had written a word.
    if store is None or facts["settings"] is None or wanted.restart:
        return await _begun(wanted, store, thread, config)
    mark, customers = facts["bookmark"], wanted.customers
    if customers is None and not mark.whole:
        customers = _list_of(facts["list"])
    settings = job_settings(
        config, {} if customers is None else customers.parse_options(), wanted.network, wanted.type
    )
    if wanted.customers is None:
        # What is not said anew is as it was.
        settings = {**facts["settings"], **settings, **_filters(facts["settings"])}
    form = None if customers is None else customers.known_format
    retold = check_settings(
        {**facts["settings"], "format": facts["format"] or form},
        {**settings, "format": form or facts["format"]},
        facts["columns"] or (),
    )
    ready = PreparedJob(store, None, template_of(settings))
    if customers is not None:
        check = await asyncio.to_thread(_checked, wanted.path, facts, customers, whole=mark.whole)
        if check.read or retold:
            feed = ThreadFeed(ListReader(customers, ready.template, mark, facts["stamp"]).read)
            ready = PreparedJob(store, feed, ready.template)
            if check.first or retold:
                await _compared(feed, retold, _of_another_list(wanted.path, facts, customers))
    try:
        await _restated(store, thread, facts, settings, customers if retold else None)
    except BaseException:
        if ready.feed is not None:
            ready.feed.stop()
        raise
    return ready


async def _restated(
    store: Store,
    thread: WorkerThread,
    facts: dict[str, Any],
    settings: dict[str, Any],
    customers: CustomerList | None,
) -> None:
    """Write down what is said in other words from now on."""
    if settings != facts["settings"]:
        await thread(store.state, "settings", settings)
    if customers is not None:
        await thread(store.state, "list", customers.to_dict())


def _checked(path: Path, facts: dict[str, Any], customers: CustomerList, *, whole: bool) -> Check:
    try:
        return check_list(facts["stamp"], customers, whole=whole)
    except JobChangedError as wrong:
        raise (_of_another_list(path, facts, customers) or wrong) from None


def _of_another_list(
    path: Path, facts: dict[str, Any], customers: CustomerList
) -> JobChangedError | None:
    """The error for a list in another place than the one that a job began with."""
    before, stamp = facts["customers"], facts["stamp"]
    if stamp is None or customers.path is None:
        return None
    if os.path.realpath(path_from_json(stamp["path"])) == os.path.realpath(customers.path):
        return None
    return JobChangedError(
        f"{path} belongs to {before}, and {customers.name} holds other rows: give {customers.name} "
        f"a result (and so a job) of its own, or {before} to go on"
    )


async def _compared(
    feed: ThreadFeed[Batch], retold: str | None, other: JobChangedError | None
) -> None:
    """Begin to read, and see that the rows read before are the same, before anybody is asked."""
    try:
        await feed.wait_first()
    except (JobChangedError, ListError) as wrong:
        moved = None if isinstance(wrong, ListError) else other
        raise (retold_error(retold) if retold else moved or wrong) from None
    except BaseException:
        feed.stop()
        raise


async def _begun(
    wanted: JobRequest, store: Store | None, thread: WorkerThread, config: ClientConfig
) -> PreparedJob:
    """A new job; nothing is written before the list has given something."""
    customers = wanted.customers
    if customers is None:
        raise NoJobError(f"there is no job at {wanted.path}, and no list to begin one with")
    settings = job_settings(config, customers.parse_options(), wanted.network, wanted.type)
    template = template_of(settings)
    reader = ListReader(customers, template)
    feed, before = ThreadFeed(reader.read), store
    written: dict[str, Any] = {}
    try:
        await feed.wait_first()
        if store is not None and wanted.restart:
            await thread(store.close)
            written = await thread(delete_job, wanted.path)
            store = None
        if store is None:
            store = await _made(wanted.path, thread)
        facts: dict[str, Any] = {
            "customers": customers.name,
            "list": customers.to_dict(),
            "settings": settings,
            "stamp": reader.fingerprint,
            EXPORTS: written,
        }
        await thread(store.begin, facts)
    except BaseException:
        feed.stop()
        if store is not None and store is not before:
            await thread.finish(store.close)
        raise
    return PreparedJob(store, feed, template)


async def _made(path: Path, thread: WorkerThread) -> Store:
    """The file of a new job; closed again where the caller is cancelled while it is opened."""
    opening = thread.submit(Store, path, create=True)
    try:
        return await outlast(opening)
    except asyncio.CancelledError:
        if not opening.cancelled():
            await thread.finish(opening.result().close)
        raise


def _facts(store: Store) -> dict[str, Any]:
    names = ("settings", "list", "stamp", "format", "columns", "customers")
    return {**{name: store.fact(name) for name in names}, "bookmark": store.bookmark()}


def _filters(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in ("network", "type")}


def _list_of(written: dict[str, Any]) -> CustomerList:
    if written["source"] is None:
        raise ListError("the list came through a pipe; give it again")
    return list_from_dict(written)
