"""What a worker does with one part of a list: it looks its customers up and writes the result."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import CapillaryError
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions.engines._cluster.folder import ClusterFolder
from capillary_interactions.engines._cluster.split import PartRows, read_part
from capillary_interactions.engines._done_store import process_store, question_of
from capillary_interactions.engines._enrich import question_settings
from capillary_interactions.engines._lookups import LookupOptions
from capillary_interactions.engines._worker import look_up_once
from capillary_interactions.engines._worker_client import worker_client
from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._export.flatten import Flattener, columns, input_columns
from capillary_interactions.jobs._export.parquet_writer import write_parquet
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._store.records import ResultRow

_Ended = dict[str, tuple[ResultRow, CustomerInteractions | None]]


@frozen(kw_only=True)
class PartResult:
    """What has become of a part.

    Attributes:
        part: Its number.
        endings: Its rows by how they ended; empty if it is still open.
        requests: How many requests were sent for it, retries included.
        retries: Of these, sent again.
        throttled: Of these, refused for their rate.
        error: Why it is open, or None if the workers were asked to stop.
    """

    part: int
    endings: Mapping[str, int] = field(factory=dict)
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    error: CapillaryError | None = None


@frozen(kw_only=True)
class PartWork:
    """A function from the number of a part to what has become of it; it can be pickled.

    Attributes:
        folder: Where the parts are.
        run: The name of the run, which the folder has, too.
        options: How customers are looked up.
        columns: The names of the list's columns.
        schema: Their types, where the list has any.
        codes_masked: Whether one-time codes are masked.
        since: See `DoneStore.find`.
    """

    folder: ClusterFolder
    run: str
    options: LookupOptions
    columns: tuple[str, ...]
    schema: bytes | None = None
    codes_masked: bool = False
    since: float = 0.0

    def __call__(self, part: int) -> PartResult:
        """Look up a part that is open; what is true of all parts asks all workers to stop."""
        try:
            if self.folder.is_stopped():
                return PartResult(part=part)
            self._check_folder()
            state = self.folder.state(part)
            return (
                self._look_up(part)
                if state is None
                else PartResult(part=part, endings=state.endings)
            )
        except CapillaryError as error:
            self.folder.stop()
            return PartResult(part=part, error=error)

    def _check_folder(self) -> None:
        """Raise if the folder is not there: a machine may have another one of that name."""
        settings = self.folder.settings()
        if settings is None or settings["run"] != self.run:
            raise JobStoreError(
                f"{self.folder.path} of the run is not on the machine {socket.gethostname()}: give "
                "a folder on a file system that the machines of all workers share"
            )

    def _look_up(self, part: int) -> PartResult:
        arrow, _ = import_arrow(JobStoreError)
        rows, ended = read_part(arrow, self.folder.part(part)), _Ended()
        question = question_of(question_settings(self._config, self.options.template))
        client = worker_client(self._config).client
        before = client.snapshot()
        customers = _customers(rows)
        complete = look_up_once(
            customers,
            self.options,
            process_store(self.folder.done, question),
            lambda key, result, answer: ended.update({customers[key]: (result, answer)}),
            since=self.since,
            is_stopped=self.folder.is_stopped,
        )
        after = client.snapshot()
        sent = {
            name: getattr(after, name) - getattr(before, name)
            for name in ("requests", "retries", "throttled")
        }
        endings = self._write(part, rows, ended) if complete else Counter[str]()
        return PartResult(part=part, endings=endings, **sent)

    def _write(self, part: int, rows: PartRows, ended: _Ended) -> Counter[str]:
        results = list(_results(rows, ended))
        flatten = Flattener(
            self.columns, Reader(self._config.timezone), codes_masked=self.codes_masked
        ).rows
        names = columns(input_columns(self.columns))
        with self.folder.writing(self.folder.result(part)) as path:
            write_parquet(
                path,
                names,
                lambda: (cells for row, answer in results for cells in flatten(row, answer)),
                self.schema,
            )
        endings = Counter(result.ending for result, _ in results)
        self.folder.save_state(part, endings)
        return endings

    @property
    def _config(self) -> ClientConfig:
        return self.options.config


def _customers(rows: PartRows) -> dict[int, str]:
    """Customers as they are sent, by the index of their first row."""
    first: dict[str, int] = {}
    for index, sent in _sent(rows):
        first.setdefault(sent, index)
    return {index: sent for sent, index in first.items()}


def _sent(rows: PartRows) -> Iterator[tuple[int, str]]:
    for index, (value, sent, reason) in enumerate(
        zip(rows.value, rows.sent, rows.reason, strict=True)
    ):
        if reason is None:
            yield index, value if sent is None else sent


def _results(
    rows: PartRows, ended: _Ended
) -> Iterator[tuple[ResultRow, CustomerInteractions | None]]:
    sent_values = dict(_sent(rows))
    for index, number in enumerate(rows.number):
        place: dict[str, Any] = {
            "row": number,
            "value": rows.value[index],
            "cells": rows.cells[index],
        }
        if index in sent_values:
            result, answer = ended[sent_values[index]]
            yield evolve(result, **place, sent_value=rows.sent[index]), answer
        else:
            reason = rows.reason[index]
            yield ResultRow(**place, ending="rejected", reason=reason), None
