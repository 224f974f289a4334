"""Which customers have ended, in this run or before, on whatever machine? A folder that all share.

Each process appends to files of its own, so the folder may be on a file system without locks.
"""

import os
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve

from capillary_interactions._model.outcome import ENDINGS, Found, Outcome
from capillary_interactions.engines._journal import SUFFIX, JournalReader, JournalWriter
from capillary_interactions.engines._key_index import KeyIndex
from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._store.records import ResultRow, answer_json, result_row

# Of a place: the low bits are a row in a record batch.
_ROW_BITS: Final = 16
_MAX_ROWS: Final = 1000
_PRIVATE: Final = 0o700
# A row without a row of a list.
_NOWHERE: Final = ResultRow(row=0, value="", cells="[]", ending="")
_LEFT_OUT: Final = ("row", "value", "cells", "sent_value")


class DoneStore:
    """What has ended of one question: everything but the customer is the same for all.

    Args:
        folder: Where; made if it is not there.
        question: A name for the question.

    Raises:
        JobStoreError: The folder cannot be made, or pyarrow is not installed.
    """

    def __init__(self, folder: Path, question: str) -> None:
        self._arrow, _ = import_arrow(JobStoreError)
        self._folder = folder / question
        with folder_errors(self._folder):
            self._folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self._opened = _identity(self._folder)
        self._index = KeyIndex(self._arrow)
        self._readers: dict[str, JournalReader] = {}
        # Of each record batch its file and its place there; there may be millions.
        self._files: list[JournalReader] = []
        self._file_numbers, self._offsets = array("L"), array("Q")
        self._schema = _schema(self._arrow)
        self._writer = JournalWriter(self._folder, self._schema)
        self._unwritten: list[tuple[str, Outcome, float]] = []
        # Threads of one process may look up batches at once.
        self._lock = threading.Lock()

    def find(self, customers: Iterable[str], since: float = 0.0) -> dict[str, ResultRow]:
        """How customers have ended, those who have, without the place of a row.

        Args:
            customers: As they are sent.
            since: Customers who were unavailable before that time (seconds since 1970) are left
                out, so that they are looked up again.
        """
        asked = set(customers)
        found: dict[str, ResultRow] = {}
        with self._lock, folder_errors(self._folder):
            self._refresh()
            for row in self._rows(asked):
                customer, result = row.pop("customer"), evolve(_NOWHERE, **row)
                ignored = result.ending == "unavailable" and (result.at or 0.0) < since
                if not ignored and customer in asked and result.ending in ENDINGS:
                    found[customer] = _later(found.get(customer), result)
        return found

    def record(self, customer: str, outcome: Outcome, at: float) -> None:
        """Take an outcome of a time (seconds since 1970), which `flush` writes."""
        with self._lock:
            self._unwritten.append((customer, outcome, at))

    def flush(self) -> None:
        """Write what was taken, and wait until the disk has it.

        Raises:
            JobStoreError: It cannot be written.
        """
        with self._lock, folder_errors(self._folder):
            while self._unwritten:
                part = self._unwritten[:_MAX_ROWS]
                batch = _batch(self._arrow, self._schema, part)
                try:
                    self._writer.append(batch)
                except OSError:
                    # It may hold half of a record batch.
                    self._writer.close()
                    self._writer = JournalWriter(self._folder, self._schema)
                    raise
                del self._unwritten[: len(part)]

    def is_in_place(self) -> bool:
        """Whether the folder is still the one that was opened."""
        return _identity(self._folder) == self._opened

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _refresh(self) -> None:
        keys, places = [], []
        for reader, offset, batch in _new_batches(self._arrow, self._folder, self._readers):
            first = len(self._offsets) << _ROW_BITS
            if not self._files or self._files[-1] is not reader:
                self._files.append(reader)
            self._file_numbers.append(len(self._files) - 1)
            self._offsets.append(offset)
            keys.append(batch.column("key"))
            rows = range(first, first + batch.num_rows)
            places.append(self._arrow.array(rows, self._arrow.uint64()))
        if keys:
            self._index.add(*map(self._arrow.concat_arrays, (keys, places)))

    def _rows(self, customers: Iterable[str]) -> Iterator[dict[str, Any]]:
        wanted: dict[int, list[int]] = {}
        for customer in customers:
            for place in self._index.find(_key(customer)):
                batch, row = divmod(place, 1 << _ROW_BITS)
                wanted.setdefault(batch, []).append(row)
        for batch, rows in wanted.items():
            reader, offset = self._files[self._file_numbers[batch]], self._offsets[batch]
            yield from (
                reader.batch_at(offset)
                .drop_columns("key")
                .take(self._arrow.array(rows, self._arrow.int64()))
                .to_pylist()
            )


_stores: dict[tuple[int, Path, str], DoneStore] = {}
_stores_lock = threading.Lock()


def process_store(folder: Path, question: str) -> DoneStore:
    """This process's store of a folder, which has read what is there already.

    Raises:
        JobStoreError: The folder cannot be made, or pyarrow is not installed.
    """
    key = (os.getpid(), folder.absolute(), question)
    with _stores_lock:
        store = _stores.get(key)
        if store is None or not store.is_in_place():
            if store is not None:
                store.close()
            store = _stores[key] = DoneStore(folder, question)
        return store


def done_counts(folder: str | Path) -> Counter[str]:
    """How many customers have ended in a `done` folder, by how they ended; also during a run.

    Raises:
        JobStoreError: The folder cannot be read, or pyarrow (the extra `arrow`) is not installed.
    """
    counter = DoneCounter(Path(folder))
    counter.refresh()
    return counter.endings


class DoneCounter:
    """Counts the outcomes in a folder as they are written.

    Attributes:
        endings: How many ended how.
    """

    def __init__(self, folder: Path) -> None:
        self.endings: Counter[str] = Counter()
        self._arrow, _ = import_arrow(JobStoreError)
        self._folder = folder
        self._readers: dict[str, JournalReader] = {}

    def refresh(self) -> None:
        """Count what has been written since the last call."""
        with folder_errors(self._folder):
            for _, _, batch in _new_batches(self._arrow, self._folder, self._readers, "*/"):
                for ending in batch.column("ending").value_counts().to_pylist():
                    self.endings[ending["values"]] += ending["counts"]


def _new_batches(
    arrow: Any, folder: Path, readers: dict[str, JournalReader], within: str = ""
) -> Iterator[tuple[JournalReader, int, Any]]:
    for path in sorted(folder.glob(f"{within}*{SUFFIX}")):
        reader = readers.setdefault(path.name, JournalReader(arrow, path))
        for offset, batch in reader.new_batches():
            yield reader, offset, batch


def question_of(settings: dict[str, Any]) -> str:
    """A name for what decides the answers for customers."""
    return blake2b(repr(sorted(settings.items())).encode(), digest_size=8).hexdigest()


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _key(customer: str) -> int:
    return int.from_bytes(blake2b(customer.encode(), digest_size=8).digest(), "big")


def _later(first: ResultRow | None, second: ResultRow) -> ResultRow:
    return second if first is None or (first.at or 0.0) <= (second.at or 0.0) else first


def _schema(arrow: Any) -> Any:
    integer, real, text = arrow.int64(), arrow.float64(), arrow.string()
    return arrow.schema(
        [
            ("key", arrow.uint64()),
            ("customer", text),
            ("ending", text),
            ("answer", text),
            ("reason", text),
            ("status", integer),
            ("code", integer),
            ("path", text),
            ("retry_after", real),
            ("attempts", integer),
            ("elapsed", real),
            ("waited", real),
            ("request_id", text),
            ("at", real),
        ]
    )


def _batch(arrow: Any, schema: Any, outcomes: Iterable[tuple[str, Outcome, float]]) -> Any:
    return arrow.RecordBatch.from_pylist(
        [_to_dict(customer, outcome, at) for customer, outcome, at in outcomes], schema=schema
    )


def _to_dict(customer: str, outcome: Outcome, at: float) -> dict[str, Any]:
    answer = answer_json(outcome.customer) if isinstance(outcome, Found) else None
    result = asdict(evolve(result_row(0, "", outcome, at), answer=answer))
    kept = {name: value for name, value in result.items() if name not in _LEFT_OUT}
    return {"key": _key(customer), "customer": customer, **kept}


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the file system into `JobStoreError`."""
    try:
        yield
    except OSError as error:
        raise JobStoreError(f"{folder} cannot be used: {error.strerror or error}") from None
