"""How does an outcome look in a table? One row a message, with the columns of the list."""

import json
import re
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

Kind = Literal["integer", "real", "text", "boolean", "time"]

# Half of a character, which no text may hold that is to be stored.
_HALF: Final = re.compile("[\ud800-\udfff]")
_LEAST, _MOST = -(2**63), 2**63 - 1


@frozen
class Column:
    """A column of a table.

    Attributes:
        name: Its name, different from all others'.
        kind: What stands in it.
        given: Its place among the list's own columns, or None if it is one of ours.
    """

    name: str
    kind: Kind
    given: int | None = None


_ROW: Final = (Column("row", "integer"),)
_OUTCOME: Final[tuple[Column, ...]] = (
    Column("identifier", "text"),
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
    return number if number is not None and _LEAST <= number <= _MOST else None


# By the check of a field: the type of its column, and what makes its value one of that.
_TYPES: Final[Mapping[Any, tuple[Kind, Callable[[Any], Any] | None]]] = {
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
_OWN: Final = tuple(column.name for column in (*_ROW, *_OUTCOME, *_MESSAGE))
_NO_INTERACTION_AT_ALL: Final = (None,) * len(_MESSAGE)
_NO_INTERACTION: Final = _NO_INTERACTION_AT_ALL[len(_TABLE_FIELDS[0]) :]


def given_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The list's own columns, under names that nothing else in the table has."""
    # A name in SQLite holds no NUL, and the tables have the same names everywhere.
    spelled = [name.replace("\0", "") for name in names]
    return tuple(
        Column(name, "text", place) for place, name in enumerate(unique_names(spelled, taken=_OWN))
    )


def columns(given: Sequence[Column]) -> tuple[Column, ...]:
    """All columns of the table, those of the list behind the number of the row."""
    return (*_ROW, *given, *_OUTCOME, *_MESSAGE)


class Flattener:
    """Makes rows of the table.

    Args:
        names: The list's own columns, as the list names them.
        reader: Reads answers.
        codes_masked: Whether one-time codes in subjects are masked.
    """

    def __init__(self, names: Sequence[str], reader: Reader, *, codes_masked: bool) -> None:
        self._names = tuple(names)
        self._reader = reader
        self._answer, self._interaction, self._message = (
            _cell_reader(fields, codes_masked=codes_masked) for fields in _TABLE_FIELDS
        )

    def rows(self, done: ResultRow) -> Iterator[tuple[Any, ...]]:
        """The rows for one row of the list: one for each message, and one if there is none."""
        reason, answer = done.reason, None
        if done.answer is not None:
            try:
                answer = self._reader.read(orjson.loads(done.answer))
            except SchemaMismatch as wrong:  # pragma: no cover - it was read before it was kept
                reason = f"the answer cannot be shown in a table: {wrong}"
        head = (done.row, *self._cells(done.cells), *_outcome(done, reason))
        for message in (_NO_INTERACTION_AT_ALL,) if answer is None else self._messages(answer):
            yield (*head, *message)

    def _cells(self, written: str) -> Iterator[str | None]:
        cells = orjson.loads(written) if written.startswith("[") else decode_json(written)
        if not isinstance(cells, list):
            # None: it is so deep that it can be read only where little is under way.
            named = {escape_unencodable(name): value for name, value in (cells or {}).items()}
            return (_text(named.get(name)) for name in self._names)
        width = len(self._names)
        return iter((*cells[:width], *(None,) * (width - len(cells))))

    def _messages(self, answer: CustomerInteractions) -> Iterator[tuple[Any, ...]]:
        answer_cells = self._answer(answer)
        for interaction in answer.interactions:
            cells = (*answer_cells, *self._interaction(interaction))
            for message in interaction.messages:
                yield (*cells, *self._message(message))
        if not any(interaction.messages for interaction in answer.interactions):
            yield (*answer_cells, *_NO_INTERACTION)


def _cell_reader(fields: Sequence[Field], *, codes_masked: bool) -> Callable[[Any], list[Any]]:
    """A function that gives the cells of an object's fields."""
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


def _outcome(done: ResultRow, reason: str | None) -> tuple[Any, ...]:
    return (
        done.value,
        done.ending,
        reason,
        done.status,
        done.code,
        done.path,
        done.retry_after,
        done.attempts,
        done.elapsed,
        done.waited,
        done.request_id,
        None if done.at is None else datetime.fromtimestamp(done.at, UTC),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return escape_unencodable(str(value))
    try:
        return _json(value)
    except RecursionError:
        # The numbers in it are in quotes then.
        return _dumped(value)


def _json(value: Any) -> str:
    """JSON again, every number with the digits that it was written in."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_dumped(name)}: {_json(each)}" for name, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _dumped(value)


def _dumped(value: Any) -> str:
    return _HALF.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(half: re.Match[str]) -> str:
    return f"\\u{ord(half[0]):04x}"
