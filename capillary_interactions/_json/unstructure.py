"""How is a value of this library written as JSON?

In the server's own names. A flat answer comes back as it was sent; everything else is written from
the fields, in the flat answer's vocabulary, so that there is one format for whoever reads results.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from capillary_interactions._json.dates import format_day_first, format_iso, make_date_parser
from capillary_interactions._model.interactions import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)
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

_NETWORKS: Final = frozenset(Network)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
# The words of the flat answer, by the model. What an envelope keeps in `extra` under one of them is
# something else, and would be read as the flat answer's own.
_WORDS: Final[Mapping[type, frozenset[str]]] = {
    model: frozenset(names.split())
    for model, names in {
        CustomerInteractions: "name interaction warnings customer truncated",
        Interaction: "name count network messageList surveys locations usedStatus "
        "lastInteractionTime",
        Message: "id receiver sender subject campaignId status sentDate deliveredTime userId",
        Survey: "name npsScore sentBy responseUrl sentTime completionTime",
        Location: "lat long time",
        Customer: "id mobile email externalId",
    }.items()
}
_DATES: Final = frozenset(
    ("lastInteractionTime", "sentDate", "deliveredTime", "sentTime", "completionTime", "time")
)
_is_date: Final = make_date_parser(UTC)
_Model = CustomerInteractions | Interaction | Message | Survey | Location | Customer


def to_jsonable(value: Any) -> Any:
    """A value as plain dicts, lists and primitives, ready for any JSON writer.

    Args:
        value: A model, an outcome, a query or an identifier; JSON's own values; a datetime or an
            enum's member; sequences and mappings of them.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, enum.Enum):
        return to_jsonable(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    write = _WRITERS.get(type(value))
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
    kind = type(value)
    if kind is dict:
        return {
            key: each if type(each) in _PLAIN else without_nulls(each)
            for key, each in value.items()
            if each is not None
        }
    if kind is list:
        return [each if type(each) in _PLAIN else without_nulls(each) for each in value]
    return value if kind in _PLAIN else to_jsonable(value)


def seconds(value: float) -> float:
    """A duration as it is written: to the microsecond, without a float's last digits."""
    return round(value, 6)


def _written(value: _Model, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under the server's names, without those that are not given, then `extra`."""
    written = {name: each for name, each in fields.items() if each is not None}
    words = _WORDS[type(value)]
    for name, each in value.extra.items():
        if each is not None:
            # The envelope's own word may be the flat answer's word for something else.
            if name in words and not _is_odd_date(name, each):
                name = f"_{name}"  # noqa: PLW2901 - the name under which it is written
            while name in written:
                name = f"_{name}"  # noqa: PLW2901
            written[name] = without_nulls(each)
    return written


def _is_odd_date(name: str, value: Any) -> bool:
    """Whether a value is the text of a date that could not be read, kept under its own name."""
    return name in _DATES and isinstance(value, str) and _is_date(value) is None


def _as_sent(write: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Give a value back as it was sent, and write only one that nobody sent."""

    def written(value: _Model) -> dict[str, Any]:
        sent = value._sent  # noqa: SLF001 - the models' own memory, for this file
        return write(value) if sent is None else without_nulls(sent)

    return written


def _answer(value: CustomerInteractions) -> dict[str, Any]:
    customer = None if value.customer is None else _customer(value.customer)
    return _written(
        value,
        {
            "name": value.name,
            "customer": customer,
            "interaction": [_under(value.name, each) for each in value.interactions],
            "warnings": [without_nulls(each) for each in value.warnings],
            "truncated": True if value.truncated else None,
        },
    )


def _under(name: str | None, value: Interaction) -> dict[str, Any]:
    """An interaction in an answer, whose name says its network where they are the same."""
    written = _interaction(value)
    if value.network is not None and value.network != name:
        written.setdefault("network", value.network)
    elif value._sent is None and name in _NETWORKS:  # noqa: SLF001
        written.pop("network", None)
    return written


def _interaction_fields(value: Interaction) -> dict[str, Any]:
    listed = value.messages or value._lists_messages  # noqa: SLF001
    return _written(
        value,
        {
            "name": value.name,
            "network": value.network,
            "count": value.count,
            "messageList": [_message(each) for each in value.messages] if listed else None,
            "surveys": [_survey(each) for each in value.surveys] or None,
            "locations": [_location(each) for each in value.locations] or None,
            "usedStatus": value.used,
            "lastInteractionTime": _iso(value.last_interaction_at),
        },
    )


def _message_fields(value: Message) -> dict[str, Any]:
    return _written(
        value,
        {
            "id": value.id,
            "receiver": value.receiver,
            "sender": value.sender,
            "subject": value.subject,
            "campaignId": value.campaign_id,
            "status": value.status,
            "deliveredTime": _iso(value.delivered_at),
            "sentDate": None if value.sent_at is None else format_day_first(value.sent_at),
            "userId": value.user_id,
        },
    )


def _survey_fields(value: Survey) -> dict[str, Any]:
    return _written(
        value,
        {
            "name": value.name,
            "npsScore": value.nps_score,
            "sentBy": value.sent_by,
            "responseUrl": value.response_url,
            "sentTime": _iso(value.sent_at),
            "completionTime": _iso(value.completed_at),
        },
    )


def _location_fields(value: Location) -> dict[str, Any]:
    return _written(value, {"lat": value.lat, "long": value.long, "time": _iso(value.time)})


def _customer_fields(value: Customer) -> dict[str, Any]:
    return _written(
        value,
        {
            "id": value.id,
            "mobile": value.mobile,
            "email": value.email,
            "externalId": value.external_id,
        },
    )


_answer_whole = _as_sent(_answer)
_interaction = _as_sent(_interaction_fields)
_message = _as_sent(_message_fields)
_survey = _as_sent(_survey_fields)
_location = _as_sent(_location_fields)
_customer = _as_sent(_customer_fields)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else format_iso(moment)


def _identifier(value: Identifier) -> dict[str, Any]:
    return {"identifierName": value.name.value, "identifierValue": value.value}


def _query(value: Query) -> dict[str, Any]:
    fields = {
        "network": None if value.network is None else value.network.value,
        "type": None if value.type is None else value.type.value,
        "limit": value.limit,
        "offset": value.offset,
        "source": value.source,
        "accountId": value.account_id,
    }
    given = {name: each for name, each in fields.items() if each is not None}
    return {**_identifier(value.identifier), **given, **value.extra}


def _outcome(value: Outcome) -> dict[str, Any]:
    written: dict[str, Any] = {"outcome": value.ending, "query": _query(value.query)}
    if isinstance(value, Found):
        written["answer"] = _answer_whole(value.customer)
    else:
        # Never the body: it is as long as it is personal, and nobody can read it.
        written["reason"] = value.reason
        for name, field in _FAILURE.items():
            told = getattr(value, field, None)
            if told is not None:
                written[name] = seconds(told) if field == "retry_after" else told
    written |= {
        "attempts": value.attempts,
        "elapsed": seconds(value.elapsed),
        "waited": seconds(value.waited),
    }
    if value.request_id is not None:
        written["requestId"] = value.request_id
    return written


_FAILURE: Final = {
    "status": "status",
    "code": "code",
    "path": "path",
    "retryAfter": "retry_after",
}

_WRITERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    CustomerInteractions: _answer_whole,
    Interaction: _interaction,
    Message: _message,
    Survey: _survey,
    Location: _location,
    Customer: _customer,
    Identifier: _identifier,
    Query: _query,
    **dict.fromkeys((Found, NotFound, Rejected, Unreadable, Unavailable), _outcome),
}
