"""The fields of an answer, one row each: both shapes, written JSON and tables are made from it.

A new field is one row here and one attribute of its model.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from capillary_interactions._json.dates import format_day_first, format_iso
from capillary_interactions._json.fields import (
    address,
    boolean,
    boolean_or_string,
    date,
    integer,
    list_of,
    nested,
    nullable_id,
    number,
    string,
)
from capillary_interactions._json.structure import checked_depth
from capillary_interactions._model.interactions import (
    Customer,
    CustomerInteractions,
    Interaction,
    Location,
    Message,
    Survey,
)

# Takes the server's name of the field; `date` takes a parser before it, and what checks objects
# takes a reader of them first.
_Check = Callable[..., Any]


@frozen
class Field:
    """One field of an answer.

    Attributes:
        name: The model's attribute.
        check: What a valid value is.
        flat: The server's name in a flat answer, and ours in written JSON.
        envelope: The server's name in an envelope, or None if no envelope has it.
        envelope_check: What a valid value is in an envelope, where that is not the same.
        objects: The fields of the objects in it.
        wrapper: In an envelope, the name of the list in the object around it.
        required: Whether it proves the shape, so that null will not do.
        default: The value where there is none.
        write: How a date is written, where not in ISO 8601.
        column: The name of its column in tables.
        has_codes: Whether its text may hold a one-time code, which tables may mask.
    """

    name: str
    check: _Check
    flat: str
    envelope: str | None = None
    envelope_check: _Check | None = None
    objects: "ObjectFields | None" = None
    wrapper: str | None = None
    required: bool = False
    default: Any = None
    write: Callable[[datetime], str] = format_iso
    column: str | None = None
    has_codes: bool = False


@frozen
class ObjectFields:
    """The fields of one type of object, in the order in which they are written."""

    model: type[Any]
    fields: tuple[Field, ...]


MESSAGE: Final = ObjectFields(
    Message,
    (
        Field("id", integer, "id", "id", column="message_id"),
        Field("receiver", string, "receiver", "reciever", address, column="receiver"),
        Field("sender", string, "sender", "sender", address, column="sender"),
        Field("subject", string, "subject", "subject", column="subject", has_codes=True),
        Field("campaign_id", nullable_id, "campaignId", "campaign_id", column="campaign_id"),
        Field("status", string, "status", "status", column="status"),
        Field("delivered_at", date, "deliveredTime", "delivered_time", column="delivered_at"),
        Field("sent_at", date, "sentDate", "sent_time", write=format_day_first, column="sent_at"),
        Field("user_id", nullable_id, "userId", "user_id", column="user_id"),
    ),
)
SURVEY: Final = ObjectFields(
    Survey,
    (
        Field("name", string, "name", "name"),
        Field("nps_score", integer, "npsScore", "nps_score"),
        Field("sent_by", string, "sentBy", "sent_by"),
        Field("response_url", string, "responseUrl", "response_url"),
        Field("sent_at", date, "sentTime", "sent_time"),
        Field("completed_at", date, "completionTime", "completion_time"),
    ),
)
LOCATION: Final = ObjectFields(
    Location,
    (
        Field("lat", number, "lat", "lat"),
        Field("long", number, "long", "long"),
        Field("time", date, "time", "time"),
    ),
)
CUSTOMER: Final = ObjectFields(
    Customer,
    (
        Field("id", integer, "id", "id"),
        Field("mobile", string, "mobile", "mobile", address),
        Field("email", string, "email", "email", address),
        Field("external_id", string, "externalId", "external_id"),
    ),
)


def _list_of(objects: ObjectFields, name: str, flat: str, envelope: str, wrapper: str) -> Field:
    return Field(name, list_of, flat, envelope, objects=objects, wrapper=wrapper, default=())


INTERACTION: Final = ObjectFields(
    Interaction,
    (
        Field("name", string, "name", "type", required=True, column="interaction"),
        Field("network", string, "network", column="network"),
        Field("count", integer, "count", "count", required=True, column="interaction_count"),
        _list_of(MESSAGE, "messages", "messageList", "messages", "message"),
        _list_of(SURVEY, "surveys", "surveys", "surveys", "survey"),
        _list_of(LOCATION, "locations", "locations", "locs", "loc"),
        Field("used", boolean, "usedStatus", "used_status", boolean_or_string),
        Field("last_interaction_at", date, "lastInteractionTime", "last_interaction_time"),
    ),
)
# Of an envelope, whose objects are nested deeper, `envelope.py` reads these one by one.
ANSWER: Final = ObjectFields(
    CustomerInteractions,
    (
        Field("name", string, "name"),
        Field("customer", nested, "customer", objects=CUSTOMER),
        Field("interactions", list_of, "interaction", objects=INTERACTION, required=True),
        Field("warnings", list_of(checked_depth), "warnings", default=()),
        Field("truncated", boolean, "truncated", default=False, column="truncated"),
    ),
)
ALL_OBJECTS: Final = (ANSWER, INTERACTION, MESSAGE, SURVEY, LOCATION, CUSTOMER)
