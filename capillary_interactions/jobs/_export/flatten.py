"""Makes an outcome the rows of a table: one row a message, with the columns of the list."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import attrs
import orjson
from attrs import frozen

from capillary_interactions._json.answer_fields import (
    ANSWER,
    INTERACTION,
    MESSAGE,
    Field,
    ObjectFields,
)
from capillary_interactions._json.fields import (
    boolean,
    date,
    integer,
    nullable_id,
    number,
    string,
)
from capillary_interactions._json.reader import Reader, SchemaMismatch
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._text.one_time_codes import mask_codes
from capillary_interactions.jobs._lists.columns import unique_names
from capillary_interactions.jobs._lists.json_rows import Number, decode_json
from capillary_interactions.jobs._lists.rows import escape_unencodable
from capillary_interactions.jobs._store.records import ResultRow

ColumnType = Literal["integer", "real", "text", "boolean", "time"]

_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


@frozen
class Column:
    """A column of a table; `input_index` is that among the list's columns, None if it is ours."""

    name: str
    type: ColumnType
    input_index: int | None = None


_ROW: Final = (Column("row", "integer"),)
_OUTCOME: Final[tuple[Column, ...]] = (
    Column("identifier", "text"),
    Column("sent_identifier", "text"),
    Column("outcome", "text"),
    Column("reason", "text"),
    Column("http_status", "integer"),
    Column("code", "integer"),
    Column("path", "text"),
    Column("retry_after", "real"),
    Column("attempts", "integer"),
    Column("elapsed", "real"),
    Column("waited", "real"),
    Column("request_id", "text"),
    Column("ended_at", "time"),
)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _bounded(number: int | None) -> int | None:
    # No table's integers are longer; the JSON lines have the number as it was sent.
    return number if number is not None and _MIN_INTEGER <= number <= _MAX_INTEGER else None


# By the check of a field: the type of its column, and the conversion of its value.
_TYPES: Final[Mapping[Any, tuple[ColumnType, Callable[[Any], Any] | None]]] = {
    string: ("text", None),
    integer: ("integer", _bounded),
    nullable_id: ("integer", _bounded),
    number: ("real", None),
    boolean: ("boolean", None),
    date: ("time", _utc),
}


def _with_columns(objects: ObjectFields, first: str = "") -> list[Field]:
    """The fields that have a column, in the order of the model's attributes but for the `first`."""
    order = [first, *(attribute.name for attribute in attrs.fields(objects.model))]
    fields = [field for field in objects.fields if field.column is not None]
    return sorted(fields, key=lambda field: order.index(field.name))


# The network first, for the interaction belongs to it.
_TABLE_FIELDS: Final = (
    _with_columns(ANSWER),
    _with_columns(INTERACTION, "network"),
    _with_columns(MESSAGE),
)
_MESSAGE: Final[tuple[Column, ...]] = tuple(
    Column(field.column, _TYPES[field.check][0])
    for fields in _TABLE_FIELDS
    for field in fields
    if field.column is not None
)
_RESERVED_NAMES: Final = tuple(column.name for column in (*_ROW, *_OUTCOME, *_MESSAGE))
_NO_INTERACTION_AT_ALL: Final = (None,) * len(_MESSAGE)
_NO_INTERACTION: Final = _NO_INTERACTION_AT_ALL[len(_TABLE_FIELDS[0]) :]


def input_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The list's own columns, under names that no other column has."""
    # SQLite allows no NUL in a name, and a column has the same name in every format.
    names = [name.replace("\0", "") for name in names]
    unique = unique_names(names, taken=_RESERVED_NAMES)
    return tuple(Column(name, "text", index) for index, name in enumerate(unique))


def columns(inputs: Sequence[Column]) -> tuple[Column, ...]:
    """All columns of the table, those of the list after the number of the row."""
    return (*_ROW, *inputs, *_OUTCOME, *_MESSAGE)


class Flattener:
    """Makes rows of the table; `names` are the list's own columns."""

    def __init__(self, names: Sequence[str], reader: Reader, *, codes_masked: bool) -> None:
        self._names = tuple(names)
        self._reader = reader
        self._answer, self._interaction, self._message = (
            _cell_reader(fields, codes_masked=codes_masked) for fields in _TABLE_FIELDS
        )

    def rows(
        self, result: ResultRow, answer: CustomerInteractions | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """The rows for one row of the list: one for each message, and one if there is none.

        `answer` is that of `result`, where that is not JSON.
        """
        reason = result.reason
        if result.answer is not None:
            try:
                answer = self._reader.read(orjson.loads(result.answer))
            except SchemaMismatch as error:  # pragma: no cover - it was read before it was stored
                reason = f"the answer cannot be shown in a table: {error}"
        head = (result.row, *self._cells(result.cells), *_outcome(result, reason))
        for message in (_NO_INTERACTION_AT_ALL,) if answer is None else self._messages(answer):
            yield (*head, *message)

    def _cells(self, json_text: str) -> Iterator[str | None]:
        cells = orjson.loads(json_text) if json_text.startswith("[") else decode_json(json_text)
        if not isinstance(cells, list):
            # None where it is nested too deep for the current stack.
            named = {escape_unencodable(name): value for name, value in (cells or {}).items()}
            return (_text(named.get(name)) for name in self._names)
        width = len(self._names)
        return iter((*cells[:width], *(None,) * (width - len(cells))))

    def _messages(self, answer: CustomerInteractions) -> Iterator[tuple[Any, ...]]:
        answer_cells = self._answer(answer)
        current, cells = None, answer_cells
        for interaction, message in answer.messages():
            if interaction is not current:
                current, cells = interaction, [*answer_cells, *self._interaction(interaction)]
            yield (*cells, *self._message(message))
        if current is None:
            yield (*answer_cells, *_NO_INTERACTION)


def _cell_reader(fields: Sequence[Field], *, codes_masked: bool) -> Callable[[Any], list[Any]]:
    """A function that returns the cells of an object's fields."""
    cells = [
        (field.name, _masked if field.has_codes and codes_masked else _TYPES[field.check][1])
        for field in fields
    ]
    return lambda value: [
        getattr(value, name) if convert is None else convert(getattr(value, name))
        for name, convert in cells
    ]


def _masked(text: str | None) -> str | None:
    return None if text is None else mask_codes(text)


def _outcome(result: ResultRow, reason: str | None) -> tuple[Any, ...]:
    # In every row that was requested, so that rows can be grouped by it.
    sent = (result.sent_value or result.value) if result.attempts else None
    return (
        result.value,
        sent,
        result.ending,
        reason,
        result.status,
        result.code,
        result.path,
        result.retry_after,
        result.attempts,
        result.elapsed,
        result.waited,
        result.request_id,
        None if result.at is None else datetime.fromtimestamp(result.at, UTC),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return escape_unencodable(str(value))
    try:
        return _to_json(value)
    except RecursionError:
        # The numbers in it are quoted then.
        return _dumps(value)


def _to_json(value: Any) -> str:
    """JSON with every digit of its numbers."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_to_json, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_dumps(name)}: {_to_json(item)}" for name, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return escape_unencodable(json.dumps(value, ensure_ascii=False))
