"""One history as each of the server's generations would have sent it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from capillary_interactions._json.dates import format_day_first, format_iso

Json = dict[str, Any]
Write = Callable[[str, Any], Any]
# From a story's name of a field to that of a flat answer and that of an envelope.
Names = Mapping[str, tuple[str, str]]

_MESSAGE: Names = {
    "id": ("id", "id"),
    "receiver": ("receiver", "reciever"),
    "sender": ("sender", "sender"),
    "subject": ("subject", "subject"),
    "campaign": ("campaignId", "campaign_id"),
    "status": ("status", "status"),
    "sent": ("sentDate", "sent_time"),
    "delivered": ("deliveredTime", "delivered_time"),
    "user": ("userId", "user_id"),
}
_SURVEY: Names = {
    "name": ("name", "name"),
    "score": ("npsScore", "nps_score"),
    "by": ("sentBy", "sent_by"),
    "url": ("responseUrl", "response_url"),
    "sent": ("sentTime", "sent_time"),
    "completed": ("completionTime", "completion_time"),
}
_LOCATION: Names = {"lat": ("lat", "lat"), "long": ("long", "long"), "time": ("time", "time")}
_CUSTOMER: Names = {
    "id": ("id", "id"),
    "mobile": ("mobile", "mobile"),
    "email": ("email", "email"),
    "external": ("externalId", "external_id"),
}
_USE: Names = {
    "used": ("usedStatus", "used_status"),
    "last": ("lastInteractionTime", "last_interaction_time"),
}


def as_flat(story: Json) -> Json:
    """The flat answer, with what only the envelope is known to have."""

    def written(fields: Json, names: Names) -> Json:
        return {
            names[key][0]: _in_flat(names[key][0], value)
            for key, value in fields.items()
            if key in names
        }

    def interaction(network: str, fields: Json) -> Json:
        return {
            "name": fields["name"],
            "count": fields["count"],
            "network": network,
            "messageList": [written(message, _MESSAGE) for message in fields["messages"]],
            "surveys": [written(survey, _SURVEY) for survey in fields["surveys"]],
            "locations": [written(location, _LOCATION) for location in fields["locations"]],
            **written(fields, _USE),
        }

    return {
        "customer": written(story["customer"], _CUSTOMER),
        "interaction": [
            interaction(network, fields)
            for network, listed in story["networks"]
            for fields in listed
        ],
    }


def _in_flat(name: str, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return format_day_first(value) if name == "sentDate" else format_iso(value)


def as_envelope(story: Json) -> Json:
    """The envelope of today: real lists, numbers as numbers."""

    def write(name: str, value: Any) -> Any:
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M:%S}"
        return str(value) if name == "campaign_id" else value

    status = {"success": "true", "code": 200, "message": "Success"}
    return _enveloped(story, status, write, list_of=list)


def as_old_envelope(story: Json, nothing: str) -> Json:
    """The envelope of old: all is text, lists of one are collapsed, nothing is a string."""

    def write(name: str, value: Any) -> Any:
        if isinstance(value, datetime):
            return f"{value.year}-{value.month}-{value.day} {value:%H:%M:%S}"
        if name == "receiver":
            return f"\n{value}\n"
        return str(value).lower() if isinstance(value, bool) else str(value)

    def collapsed(values: list[Any]) -> Any:
        return values[0] if len(values) == 1 else values or nothing

    status = {"success": "true", "response_code": "200"}
    return _enveloped(story, status, write, list_of=collapsed, nothing=nothing)


def _enveloped(
    story: Json,
    status: Json,
    write: Write,
    *,
    list_of: Callable[[list[Any]], Any],
    nothing: str | None = None,
) -> Json:
    def written(fields: Json, names: Names) -> Json:
        renamed = {key: name for key, (_, name) in names.items()}
        if nothing is not None and "receiver" in renamed:
            renamed["receiver"] = "receiver"
        absent = {} if nothing is None else dict.fromkeys(renamed.values(), nothing)
        present = {
            renamed[key]: write(renamed[key], value)
            for key, value in fields.items()
            if key in renamed
        }
        return absent | present

    def interaction(fields: Json) -> Json:
        def objects(key: str, names: Names) -> Any:
            return list_of([written(value, names) for value in fields[key]])

        return {
            "type": fields["name"],
            "count": write("count", fields["count"]),
            "messages": {"message": objects("messages", _MESSAGE)},
            "surveys": {"survey": objects("surveys", _SURVEY)},
            "locs": {"loc": objects("locations", _LOCATION)},
            **written(fields, _USE),
        }

    networks = [
        {"name": name, "interaction": list_of([interaction(fields) for fields in listed])}
        for name, listed in story["networks"]
    ]
    interactions = {"network": list_of(networks)}
    customer = {**written(story["customer"], _CUSTOMER), "interactions": interactions}
    return {"response": {"status": status, "customer": customer}}
