"""Which rows do Parquet and Arrow files give, however they come?"""

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from capillary_interactions.jobs import ListError
from tests.tables import table

from .jobs_under_test import read

_TABLE = pa.table({"name": ["a", None], "mobile": ["1", "2"]})


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def _arrow(table: pa.Table, new: Callable[..., Any] = pa.ipc.new_file) -> bytes:
    file = io.BytesIO()
    with new(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def _stream(table: pa.Table) -> bytes:
    return _arrow(table, pa.ipc.new_stream)


@contextmanager
def piped(content: bytes) -> Iterator[IO[bytes]]:
    """The reading end of a pipe, unbuffered as the program's standard input is."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file:  # noqa: PTH123 - no path
            file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb", buffering=0) as file:  # noqa: PTH123 - no path
        yield file
    thread.join()


@pytest.mark.parametrize("values", [["1", "2"], [1, 2], [1.0, 2.0]])
@pytest.mark.parametrize(
    ("name", "write"), [("l.parquet", _parquet), ("l.arrow", _arrow), ("l.arrow", _stream)]
)
def test_reads_columns(
    tmp_path: Path, name: str, write: Callable[[pa.Table], bytes], values: list[Any]
) -> None:
    """Parquet and Arrow give their rows, whatever the type of the identifier."""
    path = tmp_path / name
    path.write_bytes(write(pa.table({"name": ["a", None], "mobile": values})))
    rows, batches = read(path)
    assert [(row.value, row.cells) for row in rows] == [("1", '["a","1"]'), ("2", '[null,"2"]')]
    assert batches[-1].columns == ("name", "mobile")
    assert batches[-1].format == name.split(".")[1]


@table(
    ("write", "given", "found"),
    [
        (_parquet, "parquet", "parquet"),
        (_parquet, None, "parquet"),
        (_arrow, "arrow", "arrow"),
        (_arrow, None, "arrow"),
        (_stream, "arrow", "arrow"),
    ],
)
def test_reads_what_comes_through_a_pipe(
    write: Callable[[pa.Table], bytes], given: str | None, found: str
) -> None:
    """Also what is read from its end, and is recognised by its first bytes."""
    with piped(write(_TABLE)) as file:
        rows, batches = read(file, format=given)
    assert [(row.value, row.cells) for row in rows] == [("1", '["a","1"]'), ("2", '[null,"2"]')]
    assert batches[-1].format == found


@pytest.mark.parametrize("write", [_parquet, _arrow])
@pytest.mark.parametrize("name", ["list", "l.csv", "l.txt", "l.json"])
def test_knows_a_file_by_its_first_bytes(
    tmp_path: Path, name: str, write: Callable[[pa.Table], bytes]
) -> None:
    """Where its name has no suffix, or a wrong one."""
    path = tmp_path / name
    path.write_bytes(write(_TABLE))
    assert [row.value for row in read(path)[0]] == ["1", "2"]
    with path.open("rb", buffering=0) as file:
        assert [row.value for row in read(file)[0]] == ["1", "2"]
        assert not file.closed


@table("opening", [b"P\n1\n", b"PAR\n1\n", b"A\n1\n", b"\xff\xfe1\0\n\0"])
def test_takes_nothing_else_for_one(opening: bytes) -> None:
    """Text may begin like that."""
    with piped(opening) as file:
        rows, _ = read(file, format="lines")
        assert rows[-1].value == "1"


@pytest.mark.parametrize("write", [_parquet, _arrow, _stream])
def test_says_that_a_cell_is_no_text(tmp_path: Path, write: Callable[[pa.Table], bytes]) -> None:
    """Other programs do not always look at what they write as text."""
    bad = pa.array([b"caf\xe9", b"x"]).cast(pa.binary())
    text = pa.StringArray.from_buffers(2, bad.buffers()[1], bad.buffers()[2])
    path = tmp_path / "l.arrow"
    path = path.with_suffix(".parquet") if write is _parquet else path
    path.write_bytes(write(pa.table({"mobile": ["1", "2"], "n": text})))
    with pytest.raises(ListError, match="or a broken one: 'utf-8' codec can't decode"):
        read(path)
