"""How is a value of this library written as JSON?

In the server's own names. A flat answer comes back as it was sent; everything else is written from
the fields, in the flat answer's vocabulary, so that results have one format.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from capillary_interactions._json.answer_fields import ALL_OBJECTS, INTERACTION, Field
from capillary_interactions._json.dates import format_iso, make_date_parser
from capillary_interactions._json.fields import date, list_of
from capillary_interactions._json.zones import iso_copy
from capillary_interactions._model.check_report import CheckReport, report_to_json
from capillary_interactions._model.interactions import CustomerInteractions, Interaction
from capillary_interactions._model.outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._model.vocabulary import Network
from capillary_interactions._text.one_time_codes import mask_codes

_NETWORKS: Final = frozenset(Network)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
# What an envelope keeps in `extra` under a name of the flat answer's is something else, and would
# be read as the flat answer's own.
_FLAT_NAMES: Final[Mapping[type, frozenset[str]]] = {
    objects.model: frozenset(
        {
            *(field.flat for field in objects.fields),
            *(iso_copy(field.flat) for field in objects.fields if field.check is date),
        }
    )
    for objects in ALL_OBJECTS
}
_DATES: Final = frozenset(
    field.flat for objects in ALL_OBJECTS for field in objects.fields if field.check is date
)
_parse_date: Final = make_date_parser(UTC)


def to_jsonable(value: Any) -> Any:
    """A value as plain dicts, lists and primitives, ready for any JSON writer.

    Args:
        value: A model, an outcome, a query, an identifier, a report; JSON's own values; a datetime
            or an enum's member; sequences and mappings of them.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, enum.Enum):
        return to_jsonable(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    write = _UNSTRUCTURERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Mapping):
        return {_key(key): to_jsonable(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [to_jsonable(each) for each in value]
    if isinstance(value, datetime):
        return format_iso(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form here")


def _key(key: object) -> str:
    if isinstance(key, enum.Enum):
        return str(key.value)
    return key if isinstance(key, str) else str(key)


def without_nulls(value: Any) -> Any:
    """A copy of what the server sent, without its nulls."""
    type_ = type(value)
    if type_ is dict:
        return {
            key: each if type(each) in _PLAIN else without_nulls(each)
            for key, each in value.items()
            if each is not None
        }
    if type_ is list:
        return [each if type(each) in _PLAIN else without_nulls(each) for each in value]
    return value if type_ in _PLAIN else to_jsonable(value)


def seconds(value: float) -> float:
    """A duration as it is written: to the microsecond, without a float's last digits."""
    return round(value, 6)


def _unstructure(value: Any) -> dict[str, Any]:
    """A model as it was sent, or from its fields if it was not sent like this."""
    source = value._source  # noqa: SLF001 - the models' own memory, for this package
    return _from_fields(value) if source is None else without_nulls(source)


def _from_fields(value: Any) -> dict[str, Any]:
    """The fields under the server's names, without those that have no value, then `extra`."""
    fields = {}
    for name, flat, write in _FIELDS[type(value)]:
        content = getattr(value, name)
        fields[flat] = content if write is None or content is None else write(content)
    if isinstance(value, Interaction) and value._has_message_list:  # noqa: SLF001
        fields["messageList"] = fields["messageList"] or []
    elif isinstance(value, CustomerInteractions):
        fields["truncated"] = value.truncated or None
        fields["warnings"] = without_nulls(list(value.warnings))
        fields["interaction"] = [_in_answer(value.name, each) for each in value.interactions]
    written = {name: content for name, content in fields.items() if content is not None}
    return _with_extra(written, value.extra, _FLAT_NAMES[type(value)]) if value.extra else written


def _writer(field: Field) -> Callable[[Any], Any] | None:
    """What writes a field that has a value, or None where that is written as it is."""
    if field.check is list_of:
        return None if field.objects is INTERACTION else _write_list
    if field.objects is not None:
        return _unstructure
    return field.write if field.check is date else None


def _write_list(values: Sequence[Any]) -> list[Any] | None:
    return [_unstructure(value) for value in values] or None


_FIELDS: Final = {
    objects.model: [(field.name, field.flat, _writer(field)) for field in objects.fields]
    for objects in ALL_OBJECTS
}


def _with_extra(
    written: dict[str, Any], extra: Mapping[str, Any], names: frozenset[str]
) -> dict[str, Any]:
    for name, content in extra.items():
        if content is not None:
            # The envelope's own name may be the flat answer's name for something else.
            if name in names and not _is_odd_date(name, content):
                name = f"_{name}"  # noqa: PLW2901 - the name under which it is written
            while name in written:
                name = f"_{name}"  # noqa: PLW2901
            written[name] = without_nulls(content)
    return written


def _is_odd_date(name: str, value: Any) -> bool:
    """Whether a value is the text of a date that could not be read, kept under its own name."""
    return name in _DATES and isinstance(value, str) and _parse_date(value) is None


def _in_answer(name: str | None, value: Interaction) -> dict[str, Any]:
    """An interaction in an answer, which names its network only where the answer does not."""
    written = _unstructure(value)
    if value.network is not None and value.network != name:
        written.setdefault("network", value.network)
    elif value._source is None and name in _NETWORKS:  # noqa: SLF001
        written.pop("network", None)
    return written


def _identifier(value: Identifier) -> dict[str, Any]:
    return {"identifierName": value.name.parameter, "identifierValue": value.value}


def with_sent_value(query: dict[str, Any], sent_value: str | None) -> dict[str, Any]:
    """A query as plain values, with the identifier as it was sent beside the given one."""
    if sent_value is None:
        return query
    identifier = {name: query.pop(name) for name in ("identifierName", "identifierValue")}
    return {**identifier, "sentValue": sent_value, **query}


def _query(value: Query) -> dict[str, Any]:
    fields = {
        "network": None if value.network is None else value.network.value,
        "type": None if value.type is None else value.type.value,
        "limit": value.limit,
        "offset": value.offset,
        "source": value.source,
        "accountId": value.account_id,
    }
    set_ = {name: content for name, content in fields.items() if content is not None}
    return {**_identifier(value.identifier), **set_, **value.extra}


def mask_codes_in_json(value: Any) -> Any:
    """JSON without the one-time codes in its subjects, at any depth."""
    if isinstance(value, dict):
        return {
            name: mask_codes(member)
            if name == "subject" and isinstance(member, str)
            else mask_codes_in_json(member)
            for name, member in value.items()
        }
    return [mask_codes_in_json(item) for item in value] if isinstance(value, list) else value


def outcome_to_dict(outcome: Any, query: Any, answer: Any = None) -> dict[str, Any]:
    """An outcome as plain values: one line of output, but for the number of its row.

    `query` and `answer` are plain values already.
    """
    result: dict[str, Any] = {"outcome": outcome.ending, "query": query}
    if answer is None:
        # Never the body: it is long, personal, and could not be read.
        for name, attribute in _REASON.items():
            content = getattr(outcome, attribute, None)
            if content is not None:
                result[name] = seconds(content) if name == "retryAfter" else content
    else:
        result["answer"] = answer
    result["attempts"] = outcome.attempts
    result["elapsed"] = seconds(outcome.elapsed)
    result["waited"] = seconds(outcome.waited)
    if outcome.request_id is not None:
        result["requestId"] = outcome.request_id
    return result


def _outcome(value: Outcome) -> dict[str, Any]:
    answer = _unstructure(value.customer) if isinstance(value, Found) else None
    query = with_sent_value(_query(value.query), value.sent_value)
    return outcome_to_dict(value, query, answer)


_REASON: Final[Mapping[str, str]] = {
    "reason": "reason",
    "status": "status",
    "code": "code",
    "path": "path",
    "retryAfter": "retry_after",
}

_UNSTRUCTURERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    **dict.fromkeys(_FIELDS, _unstructure),
    Identifier: _identifier,
    Query: _query,
    CheckReport: report_to_json,
    **dict.fromkeys((Found, NotFound, Rejected, Unreadable, Unavailable), _outcome),
}
