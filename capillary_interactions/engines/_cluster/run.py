"""A run over a list by an engine: divides it, has its parts done, and counts."""

import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from attrs import define, field, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.vocabulary import InteractionType, Network
from capillary_interactions.engines._cluster.engine import Engine
from capillary_interactions.engines._cluster.folder import ClusterFolder
from capillary_interactions.engines._cluster.part_work import PartWork
from capillary_interactions.engines._cluster.split import PartWriter
from capillary_interactions.engines._done_store import DoneCounter
from capillary_interactions.engines._lookups import LookupOptions
from capillary_interactions.engines._rate import divided
from capillary_interactions.jobs._errors import JobChangedError, JobStoreError, WrongListError
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.tally import ListTally
from capillary_interactions.jobs._run.stop_rules import StopRules
from capillary_interactions.jobs._store.file_lock import FileLock
from capillary_interactions.jobs._store.job_settings import (
    compare_settings,
    job_settings,
    template_from_settings,
)

if TYPE_CHECKING:
    from capillary_interactions._errors import CapillaryError


@frozen(kw_only=True)
class ClusterRequest:
    """A list, how it is looked up, and where its results go."""

    customers: CustomerList
    folder: ClusterFolder
    workers: int
    network: Network | None = None
    type: InteractionType | None = None
    timeout: float | None = None
    codes_masked: bool = False
    stops: StopRules = field(factory=StopRules)
    restart: bool = False
    retry: bool = False


@define(kw_only=True)
class ClusterCounts:
    """What there is, and what has become of it so far.

    Attributes:
        rows: Rows of the list.
        customers: Different customers among them, each asked for once.
        rejected: Rows that are rejected without a request.
        blank: Blank lines.
        parts: Parts of the list.
        done_before: Rows of parts that earlier runs have done.
        endings: Rows of parts that are done, by how they ended.
        requests: Requests of this run, for parts that have ended.
        retries: Of these, sent again.
        throttled: Of these, refused for their rate.
    """

    rows: int
    customers: int
    rejected: int
    blank: int
    parts: int
    done_before: int = 0
    endings: Counter[str] = field(factory=Counter)
    requests: int = 0
    retries: int = 0
    throttled: int = 0

    @property
    def done(self) -> int:
        """Rows of parts that are done."""
        return self.endings.total()

    @property
    def duplicates(self) -> int:
        """Rows with the customer of an earlier row."""
        return self.rows - self.rejected - self.customers


class StoppedError(Exception):
    """A run was asked to stop before its list was divided."""


class ClusterRun:
    """One run, a context manager: no other process runs in its folder meanwhile.

    Everything blocks; `stop` and `progress` may be called in other threads.

    Attributes:
        counts: What there is; None before `prepare`.
        problem: Why it stopped before it was done, or None.
    """

    def __init__(self, request: ClusterRequest, config: ClientConfig) -> None:
        self.counts: ClusterCounts | None = None
        self.problem: CapillaryError | None = None
        self._request = request
        self._config = divided(config, request.workers)
        self._folder = request.folder
        self._settings = self._request_settings(config)
        self._stopped = False
        self._saved: dict[str, Any] = {}
        self._open: list[int] = []
        self._progress = DoneCounter(request.folder.done)
        self._lock = FileLock(request.folder.own)

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            JobInUseError: Another process has it.
            ExportError: It holds something else.
            JobStoreError: It cannot be made.
        """
        self._folder.check()
        # Without locks, as on some network's file systems, it is the user's to run it once.
        with suppress(JobStoreError):
            self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def prepare(self) -> ClusterCounts:
        """Divide the list, unless it was divided before.

        Raises:
            JobError: The list cannot be read, or the folder is of another run.
            StoppedError: It was asked to stop.
        """
        saved = self._folder.settings()
        if self._request.restart or saved is None or not self._is_of(saved):
            saved = self._divide()
        self._folder.clear()
        self._saved = saved
        self.counts = counts = ClusterCounts(**saved["counts"])
        self._open = []
        for part in range(counts.parts):
            state = self._folder.state(part)
            if state is None:
                self._open.append(part)
            elif self._request.retry and state.endings.get("unavailable"):
                self._folder.reopen(part)
                self._open.append(part)
            else:
                counts.endings.update(state.endings)
        counts.done_before = counts.done
        return counts

    def run(self, start: Callable[[], Engine]) -> None:
        """Have all open parts done.

        Raises:
            EngineError: The engine cannot be used, or has failed.
        """
        assert self.counts is not None  # noqa: S101 - it is prepared before
        if self._open and not self._stopped:
            engine = start()
            try:
                for result in engine.results(self._work(), self._open):
                    self.counts.endings.update(result.endings)
                    self.counts.requests += result.requests
                    self.counts.retries += result.retries
                    self.counts.throttled += result.throttled
                    self.problem = self.problem or result.error
            finally:
                engine.close()
        if self.complete:
            self._folder.complete()

    @property
    def complete(self) -> bool:
        """Whether all rows are done."""
        return self.counts is not None and self.counts.done == self.counts.rows

    def stop(self) -> None:
        """Let all workers end what they have begun."""
        self._stopped = True
        self._folder.stop()

    def progress(self) -> Counter[str]:
        """How many customers have ended how, those of earlier runs included."""
        self._progress.refresh()
        return self._progress.endings

    def _request_settings(self, config: ClientConfig) -> dict[str, Any]:
        request = self._request
        reading = request.customers.parse_options()
        return job_settings(config, reading, request.network, request.type)

    @property
    def _template(self) -> QueryTemplate:
        return template_from_settings(self._settings)

    def _is_of(self, saved: dict[str, Any]) -> bool:
        """Whether the parts are of this list; a `JobChangedError` if they are another question."""
        try:
            differences = compare_settings(saved["settings"], self._settings, saved["columns"])
        except JobChangedError as error:
            raise JobChangedError(
                f"{error}; or --restart, which forgets what {self._folder.path} holds"
            ) from None
        fingerprint = self._request.customers.fingerprint()
        return not differences and fingerprint is not None and fingerprint == saved["list"]

    def _divide(self) -> dict[str, Any]:
        self._folder.begin_parts()
        rules = self._request.stops
        reader = ListReader(self._request.customers, self._template)
        writer, tally = PartWriter(self._folder), ListTally(rules.rejected_of)
        end = self._read(reader, writer, tally)
        if rules.is_wrong_list(min(tally.rows, rules.rejected_of), tally.rejected_of_first):
            raise WrongListError(
                f"{tally.rejected_of_first} of the first {rules.rejected_of} rows are rejected: "
                "the list, the column or the kind of identifier looks wrong"
            )
        saved = {
            "run": uuid4().hex,
            "settings": self._settings,
            "list": reader.fingerprint,
            "columns": end.columns,
            "schema": None if end.schema is None else end.schema.hex(),
            "counts": {
                "rows": tally.rows,
                "customers": tally.customers,
                "rejected": tally.rejected_rows,
                "blank": tally.blank,
                "parts": writer.parts,
            },
        }
        # Only now: a list that cannot be read costs nothing of what is there.
        self._folder.replace_parts(outcomes=self._request.restart)
        self._folder.save_settings(saved)
        return saved

    def _read(self, reader: ListReader, writer: PartWriter, tally: ListTally) -> Batch:
        """Divide a list; return its last batch, which knows all columns."""
        batches: deque[Batch] = deque(maxlen=1)

        def add(batch: Batch) -> None:
            if self._stopped:
                raise StoppedError
            writer.add(batch)
            tally.add(batch)
            batches.append(batch)

        reader.read(add)
        writer.end()
        return batches[0]

    def _work(self) -> PartWork:
        request, saved = self._request, self._saved
        return PartWork(
            folder=self._folder,
            run=saved["run"],
            options=LookupOptions(
                config=self._config,
                template=self._template,
                timeout=request.timeout,
                stops=request.stops,
            ),
            columns=tuple(saved["columns"]),
            schema=None if saved["schema"] is None else bytes.fromhex(saved["schema"]),
            codes_masked=request.codes_masked,
            since=time.time() if request.retry else 0.0,
        )
