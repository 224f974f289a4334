"""Writes results as JSON lines and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from capillary_interactions._json.dates import format_iso
from capillary_interactions.jobs._export.flatten import Column
from capillary_interactions.jobs._export.spreadsheet_cells import BYTE_ORDER_MARK, safe_cell
from capillary_interactions.jobs._lists.compression import open_compressor, uncompressed_suffix


def write_lines(part: Path, name: str, lines: Iterable[bytes]) -> None:
    """Write lines to `part`; the suffix of `name`, the result's, may ask for compression."""
    with part.open("r+b", buffering=1 << 16) as file, open_compressor(file, name) as compressed:
        for line in lines:
            compressed.write(line)


def write_csv(
    part: Path,
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    for_spreadsheets: bool = False,
) -> None:
    """Write a CSV with a header; tabs separate the columns of a .tsv.

    `for_spreadsheets` marks texts as such, and the file as UTF-8.
    """
    cell = _marked_cell if for_spreadsheets else _cell
    delimiter = "\t" if uncompressed_suffix(name) == ".tsv" else ","
    # Gnumeric takes apostrophes at the edges of cells for quotes.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if for_spreadsheets else csv.QUOTE_MINIMAL
    with (
        part.open("r+b", buffering=1 << 16) as file,
        open_compressor(file, name) as compressed,
        io.TextIOWrapper(compressed, "utf-8", errors="backslashreplace", newline="") as text,
    ):
        if for_spreadsheets:
            text.write(BYTE_ORDER_MARK)
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
        writer.writerow([cell(column.name) for column in columns])
        for row in rows:
            writer.writerow([cell(value) for value in row])


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_iso(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _marked_cell(value: Any) -> Any:
    return _cell(safe_cell(value))
