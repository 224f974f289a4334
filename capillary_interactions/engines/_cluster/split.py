"""Divides a list into parts, each of which one worker looks up at a time."""

from typing import Any, Final

from attrs import define, field

from capillary_interactions.engines._cluster.folder import ClusterFolder
from capillary_interactions.jobs._errors import JobStoreError
from capillary_interactions.jobs._lists.arrow_rows import import_arrow
from capillary_interactions.jobs._lists.list_reader import Batch

# Small parts first, so that a short list is divided, too; large ones where there are many.
_MIN_ROWS: Final = 50
_MAX_ROWS: Final = 5000
_PARTS_OF_ROWS: Final = 64


def part_rows(rows: int) -> int:
    """How many rows the part has that begins after a number of rows."""
    return min(max(rows // _PARTS_OF_ROWS, _MIN_ROWS), _MAX_ROWS)


@define
class PartRows:
    """The rows of one part; an attribute is a column.

    Attributes:
        number: The number in the list, from 1.
        value: The customer as the list spells it.
        sent: The customer as it is sent, where that differs.
        reason: Why it is rejected without a request, or None.
        cells: All of the row, as JSON.
    """

    number: list[int] = field(factory=list)
    value: list[str] = field(factory=list)
    sent: list[str | None] = field(factory=list)
    reason: list[str | None] = field(factory=list)
    cells: list[str] = field(factory=list)

    def write(self, arrow: Any, path: Any) -> None:
        """Write an Arrow file."""
        text = arrow.string()
        columns = {
            "number": arrow.array(self.number, arrow.int64()),
            **{
                name: arrow.array(getattr(self, name), text)
                for name in ("value", "sent", "reason", "cells")
            },
        }
        batch = arrow.record_batch(columns)
        with arrow.OSFile(str(path), "wb") as file, arrow.ipc.new_file(file, batch.schema) as out:
            out.write_batch(batch)


def read_part(arrow: Any, path: Any) -> PartRows:
    """The rows of a part."""
    with arrow.OSFile(str(path), "rb") as file, arrow.ipc.open_file(file) as source:
        return PartRows(**source.read_all().to_pydict())


class PartWriter:
    """Writes the batches of a list as parts.

    Attributes:
        parts: How many there are.
    """

    def __init__(self, folder: ClusterFolder) -> None:
        self.parts = 0
        self._folder = folder
        self._arrow, _ = import_arrow(JobStoreError)
        self._rows = 0
        self._current = PartRows()

    def add(self, batch: Batch) -> None:
        """Add the next batch."""
        for index, value in enumerate(batch.values):
            current = self._current
            current.number.append(batch.first + index)
            current.value.append(value)
            current.sent.append(batch.sent.get(index))
            current.reason.append(batch.reasons.get(index))
            current.cells.append(batch.cells[index])
            if len(current.value) >= part_rows(self._rows):
                self._write()

    def end(self) -> None:
        """Write the last part."""
        if self._current.value:
            self._write()

    def _write(self) -> None:
        with self._folder.writing(self._folder.new_part(self.parts)) as path:
            self._current.write(self._arrow, path)
        self.parts += 1
        self._rows += len(self._current.value)
        self._current = PartRows()
