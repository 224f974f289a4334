"""Which list is looked up, and is it still the same one?"""

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final

from attrs import field, frozen

from capillary_interactions._model.vocabulary import IdentifierName, parse_enum
from capillary_interactions.jobs._errors import ListError
from capillary_interactions.jobs._lists.arrow_rows import arrow_rows
from capillary_interactions.jobs._lists.compression import ARROW, PARQUET, PeekableFile, read_chunks
from capillary_interactions.jobs._lists.csv_rows import csv_rows
from capillary_interactions.jobs._lists.foreign_formats import refuse_foreign_line
from capillary_interactions.jobs._lists.json_rows import json_rows
from capillary_interactions.jobs._lists.rows import (
    FORMATS,
    Format,
    ListFormat,
    Rows,
    detect_format,
    escape_unencodable,
    format_from_name,
    line_rows,
    peek_line,
)
from capillary_interactions.jobs._lists.source_file import (
    fingerprint_of,
    is_rereadable,
    open_unbuffered,
)
from capillary_interactions.jobs._lists.text import check_encoding, lines

_MAGIC: Final[tuple[tuple[bytes, Format], ...]] = ((PARQUET, "parquet"), (ARROW, "arrow"))
# What stands behind such a mark; behind a column that is named so stands text.
_CONTROLS: Final = bytes({*range(0x20), *range(0x7F, 0x100)} - {*b"\t\n\r"})


def _to_column(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _to_name(value: object) -> IdentifierName:
    return parse_enum(IdentifierName, value, "an identifier's name")


def _check_format(_: object, __: object, value: object) -> None:
    if value is not None and value not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {value!r}")


@frozen(kw_only=True)
class CustomerList:
    """A list of customers, in a file or coming through a pipe.

    Args:
        source: The file's path, or an open binary file such as `sys.stdin.buffer`.
        identifier: The kind of identifier that it holds ("mobile", "email", ...).
        column: The column (or the key of JSON objects) that holds it, by name or by number counted
            from 1; None for the one named like the identifier, else the only one.
        format: "csv", "jsonl", "lines", "parquet" or "arrow"; None to have it found.
        header: Whether the first line of a CSV holds the names of its columns.
        delimiter: What separates the columns of a CSV; None for comma, semicolon, tab or bar.
        encoding: How text is encoded; None for UTF-8, or UTF-16 and UTF-32 with a
            mark.
        label: What a person calls it; None for its path.

    Raises:
        ValueError: An argument cannot be.
        ListError: There is no such encoding.
    """

    source: str | os.PathLike[str] | IO[bytes] = field(kw_only=False)
    identifier: IdentifierName = field(converter=_to_name)
    column: str | None = field(default=None, converter=_to_column)
    format: Format | None = field(default=None, validator=_check_format)
    header: bool = True
    delimiter: str | None = None
    encoding: str | None = None
    label: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check what would only show in the thread that reads."""
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ValueError(f"delimiter must be one character, not {self.delimiter!r}")

    @property
    def path(self) -> Path | None:
        """Where the list is, or None if it comes through a pipe."""
        if isinstance(self.source, str | os.PathLike):
            return Path(self.source)
        return None

    @property
    def is_rereadable(self) -> bool:
        """Whether it is a file on a disk, and so holds the same when it is read again."""
        return self.path is not None and is_rereadable(self.path)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return escape_unencodable(
            self.label or ("the input" if self.path is None else str(self.path))
        )

    def open(self) -> IO[bytes]:
        """The file, unbuffered where that can be, so that a pipe's rows come when they come.

        Raises:
            ListError: It cannot be opened.
        """
        if not isinstance(self.source, str | os.PathLike):
            return self.source
        try:
            return open_unbuffered(Path(self.source))
        except ListError as error:
            raise ListError(f"{self.name}: {error}") from None

    @property
    def known_format(self) -> Format | None:
        """How it is written, if that is given or its name tells."""
        return self.format or (None if self.path is None else format_from_name(self.path.name))

    def rows(self, file: IO[bytes], before_read: Callable[[], None]) -> tuple[ListFormat, Rows]:
        """What is known of the list, and its rows, to be iterated over once.

        Args:
            file: What `open` gave.
            before_read: Called before each read, which may take for ever.
        """
        wanted = ListFormat(
            identifier=self.identifier.value,
            column=self.column,
            format=self.known_format,
            chosen=self.format is not None,
            header=self.header,
            delimiter=self.delimiter,
        )
        return wanted, self._rows(PeekableFile(file), wanted, before_read)

    def _rows(
        self, peeked: PeekableFile, wanted: ListFormat, before_read: Callable[[], None]
    ) -> Rows:
        if not wanted.chosen:
            before_read()
            wanted.format = _format_from_magic(peeked.peek()) or wanted.format
        if wanted.format in {"parquet", "arrow"}:
            return (yield from arrow_rows(peeked, wanted, before_read))
        return (
            yield from text_rows(lines(read_chunks(peeked, before_read), self.encoding), wanted)
        )

    def parse_options(self) -> dict[str, Any]:
        """How it is read, as plain values: what decides which rows there are."""
        return {
            "identifier": self.identifier.value,
            "column": self.column,
            "header": self.header,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
        }

    def to_dict(self) -> dict[str, Any]:
        """Its arguments, as plain values, to make it from again; a pipe has no source."""
        source = path_to_json(self.path) if self.path and self.is_rereadable else None
        return {**self.parse_options(), "source": source, "format": self.format}

    def fingerprint(self) -> dict[str, Any] | None:
        """What the file looks like from outside, or None for what cannot be read twice.

        Raises:
            ListError: It cannot be read.
        """
        if not self.is_rereadable:
            return None
        with closing(self.open()) as file:
            return self.fingerprint_of(file)

    def fingerprint_of(self, file: IO[bytes]) -> dict[str, Any] | None:
        """The same for a file that `open` has just given.

        Raises:
            ListError: It cannot be read.
        """
        if self.path is None or not self.is_rereadable:
            return None
        try:
            found = fingerprint_of(file)
        except OSError as error:
            raise ListError(f"{self.name}: {error.strerror}") from None
        return found and {"path": path_to_json(self.path), **found}


def list_from_dict(written: dict[str, Any]) -> CustomerList:
    """The list that `CustomerList.written` wrote down; it must not have come through a pipe."""
    return CustomerList(**{**written, "source": path_from_json(written["source"])})


def path_to_json(path: Path) -> str | dict[str, str]:
    """A path as JSON can hold it, whole: on some disks it is bytes that are no text."""
    text = str(path.absolute())
    return text if text == escape_unencodable(text) else {"hex": os.fsencode(text).hex()}


def path_from_json(written: str | dict[str, str]) -> Path:
    """The path that `path_written` wrote."""
    if isinstance(written, str):
        return Path(written)
    return Path(os.fsdecode(bytes.fromhex(written["hex"])))


def _format_from_magic(opening: bytes) -> Format | None:
    """How a file is written that begins so, whatever its name says, if that tells."""
    # A column may have such a name; what follows it is text then.
    for mark, form in _MAGIC:
        behind = opening[len(mark) : len(mark) + 1]
        if opening.startswith(mark) and (behind in _CONTROLS or not behind):
            return form
    return None


def text_rows(text: Iterable[str], wanted: ListFormat) -> Rows:
    """The rows that lines of text give; the first line is read at once, and tells what it is.

    Args:
        text: The lines, with their ends.
        wanted: What is known; its format and columns are filled in.

    Raises:
        ListError: It is another kind of file, no column can be meant, or the text is not
            written so.
    """
    opening, text = peek_line(text)
    if wanted.format is None:
        wanted.format = detect_format(opening, wanted)
    refuse_foreign_line(opening, wanted.format, chosen=wanted.chosen)
    if wanted.format == "csv":
        return csv_rows(text, wanted)
    return json_rows(text, wanted) if wanted.format == "jsonl" else line_rows(text, wanted)
