"""Which list is looked up, and in which format is it written?"""

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
from capillary_interactions.jobs._lists.formats import FORMATS, Format
from capillary_interactions.jobs._lists.json_rows import json_rows
from capillary_interactions.jobs._lists.rows import (
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
    path_from_json,
    path_to_json,
)
from capillary_interactions.jobs._lists.text import check_encoding, lines

_MAGIC: Final[tuple[tuple[bytes, Format], ...]] = ((PARQUET, "parquet"), (ARROW, "arrow"))
_CUSTOM: Final = "custom:"
_NOT_TEXT: Final = bytes({*range(0x20), *range(0x7F, 0x100)} - {*b"\t\n\r"})


def _to_column(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _to_identifier_name(value: object) -> IdentifierName:
    return parse_enum(IdentifierName, value, "an identifier's name")


def _check_format(_: object, __: object, value: object) -> None:
    if value is not None and value not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {value!r}")


def _check_delimiter(_: object, __: object, value: str | None) -> None:
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise ValueError(f"delimiter must be one character, not {value!r}")


def _check_encoding(_: object, __: object, value: str | None) -> None:
    if value is not None:
        check_encoding(value)


@frozen(kw_only=True)
class CustomerList:
    """A list of customers, in a file or coming through a pipe.

    Args:
        source: The file's path, or an open binary file such as `sys.stdin.buffer`.
        identifier: The type of identifier that it holds ("mobile", "email", ...), or an
            `IdentifierName.custom(...)`.
        column: The column (or the key of JSON objects) that holds it, by name or by number counted
            from 1; None for the one named like the identifier, else the only one.
        format: "csv", "jsonl", "lines", "parquet" or "arrow"; None to have it found.
        header: Whether the first line of a CSV holds the names of its columns.
        delimiter: What separates the columns of a CSV; None for comma, semicolon, tab or bar.
        encoding: How text is encoded; None for UTF-8, or UTF-16 and UTF-32 with a byte-order mark.
        label: What a person calls it; None for its path.

    Raises:
        ValueError: An argument is invalid.
        ListError: There is no such encoding.
    """

    source: str | os.PathLike[str] | IO[bytes] = field(kw_only=False)
    identifier: IdentifierName = field(converter=_to_identifier_name)
    column: str | None = field(default=None, converter=_to_column)
    format: Format | None = field(default=None, validator=_check_format)
    header: bool = True
    delimiter: str | None = field(default=None, validator=_check_delimiter)
    encoding: str | None = field(default=None, validator=_check_encoding)
    label: str | None = None

    @property
    def path(self) -> Path | None:
        """Where the list is, or None if it comes through a pipe."""
        if isinstance(self.source, str | os.PathLike):
            return Path(self.source)
        return None

    @property
    def is_rereadable(self) -> bool:
        """Whether it is a regular file, which has the same content when it is read again."""
        return self.path is not None and is_rereadable(self.path)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return escape_unencodable(
            self.label or ("the input" if self.path is None else str(self.path))
        )

    def open(self) -> IO[bytes]:
        """Open the file, unbuffered where possible: rows of a pipe are there when written.

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
        """Its format, if that is given or in its name."""
        return self.format or (None if self.path is None else format_from_name(self.path.name))

    def rows(self, file: IO[bytes], before_read: Callable[[], None]) -> tuple[ListFormat, Rows]:
        """What is known of the list, and an iterator over its rows.

        Args:
            file: As returned by `open`.
            before_read: Called before each read, which may block for long.
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
        self, file: PeekableFile, wanted: ListFormat, before_read: Callable[[], None]
    ) -> Rows:
        if not wanted.chosen:
            before_read()
            wanted.format = _format_from_magic(file.peek()) or wanted.format
        if wanted.format in {"parquet", "arrow"}:
            return (yield from arrow_rows(file, wanted, before_read))
        text = lines(read_chunks(file, before_read), self.encoding)
        return (yield from text_rows(text, wanted))

    def parse_options(self) -> dict[str, Any]:
        """The arguments that decide which rows there are, as plain values."""
        return {
            "identifier": identifier_to_text(self.identifier),
            "column": self.column,
            "header": self.header,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
        }

    def to_dict(self) -> dict[str, Any]:
        """All arguments as plain values; a pipe has no source."""
        source = path_to_json(self.path) if self.path and self.is_rereadable else None
        return {**self.parse_options(), "source": source, "format": self.format}

    def fingerprint(self) -> dict[str, Any] | None:
        """Size, times and a sample of the file; None for what cannot be read twice.

        Raises:
            ListError: It cannot be read.
        """
        if not self.is_rereadable:
            return None
        with closing(self.open()) as file:
            return self.fingerprint_of(file)

    def fingerprint_of(self, file: IO[bytes]) -> dict[str, Any] | None:
        """The same for a file that `open` has just returned."""
        if self.path is None or not self.is_rereadable:
            return None
        try:
            fingerprint = fingerprint_of(file)
        except OSError as error:
            raise ListError(f"{self.name}: {error.strerror}") from None
        return fingerprint and {"path": path_to_json(self.path), **fingerprint}


def list_from_dict(arguments: dict[str, Any]) -> CustomerList:
    """The inverse of `CustomerList.to_dict`, for a list that is no pipe."""
    identifier = identifier_from_text(arguments["identifier"])
    source = path_from_json(arguments["source"])
    return CustomerList(**{**arguments, "identifier": identifier, "source": source})


def identifier_to_text(name: IdentifierName) -> str:
    """A type of identifier as text, which also says whether it is custom."""
    return f"{_CUSTOM}{name.value}" if name.is_custom else name.value


def identifier_from_text(text: str) -> IdentifierName:
    """The inverse of `identifier_to_text`; a `ValueError` if there is no such type."""
    if text.startswith(_CUSTOM):
        return IdentifierName.custom(text.removeprefix(_CUSTOM))
    return IdentifierName(text)


def _format_from_magic(opening: bytes) -> Format | None:
    # A column may have such a name; text follows it then.
    for magic, format_ in _MAGIC:
        following = opening[len(magic) : len(magic) + 1]
        if opening.startswith(magic) and (following in _NOT_TEXT or not following):
            return format_
    return None


def text_rows(text: Iterable[str], wanted: ListFormat) -> Rows:
    """The rows in lines of text, whose first one decides the format.

    The lines have their ends; the format and columns of `wanted` are filled in.

    Raises:
        ListError: It is a file of another type, or no column can be meant.
    """
    opening, text = peek_line(text)
    if wanted.format is None:
        wanted.format = detect_format(opening, wanted)
    refuse_foreign_line(opening, wanted.format, chosen=wanted.chosen)
    if wanted.format == "csv":
        return csv_rows(text, wanted)
    return json_rows(text, wanted) if wanted.format == "jsonl" else line_rows(text, wanted)
