"""One history as each of the server's generations would have sent it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from capillary_interactions._json.dates import format_day_first, format_iso

Json = dict[str, Any]
Spell = Callable[[Any], Any]
Names = Mapping[str, tuple[str, Spell]]


def _same(value: Any) -> Any:
    return value


def _renamed(told: Mapping[str, Any], names: Names) -> Json:
    return {names[key][0]: names[key][1](each) for key, each in told.items() if key in names}


def _flat_interaction(network: str, told: Json) -> Json:
    message: Names = {
        "id": ("id", _same),
        "receiver": ("receiver", _same),
        "sender": ("sender", _same),
        "subject": ("subject", _same),
        "campaign": ("campaignId", _same),
        "status": ("status", _same),
        "sent": ("sentDate", format_day_first),
        "delivered": ("deliveredTime", format_iso),
        "user": ("userId", _same),
    }
    survey: Names = {
        "name": ("name", _same),
        "score": ("npsScore", _same),
        "by": ("sentBy", _same),
        "url": ("responseUrl", _same),
        "sent": ("sentTime", format_iso),
        "completed": ("completionTime", format_iso),
    }
    place: Names = {"lat": ("lat", _same), "long": ("long", _same), "time": ("time", format_iso)}
    return {
        "name": told["name"],
        "count": told["count"],
        "network": network,
        "messageList": [_renamed(each, message) for each in told["messages"]],
        "surveys": [_renamed(each, survey) for each in told["surveys"]],
        "locations": [_renamed(each, place) for each in told["locations"]],
        **_renamed(
            told, {"used": ("usedStatus", _same), "last": ("lastInteractionTime", format_iso)}
        ),
    }


def as_flat(story: Json) -> Json:
    """The flat answer, with what only the envelope is known to tell."""
    customer: Names = {
        "id": ("id", _same),
        "mobile": ("mobile", _same),
        "email": ("email", _same),
        "external": ("externalId", _same),
    }
    return {
        "customer": _renamed(story["customer"], customer),
        "interaction": [
            _flat_interaction(network, each) for network, told in story["networks"] for each in told
        ],
    }


def _year_first(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _one_digit(moment: datetime) -> str:
    return f"{moment.year}-{moment.month}-{moment.day} {moment:%H:%M:%S}"


def as_envelope(story: Json) -> Json:
    """The envelope of today: real lists, numbers as numbers."""
    status = {"success": "true", "code": 200, "message": "Success"}
    return _enveloped(
        story, status, word=_same, listed=_same, date=_year_first, receiver=("reciever", _same)
    )


def as_old_envelope(story: Json, nothing: str) -> Json:
    """The envelope of old: all is text, lists of one are collapsed, nothing has a word."""

    def word(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    def collapsed(values: list[Any]) -> Any:
        return values[0] if len(values) == 1 else values or nothing

    status = {"success": "true", "response_code": "200"}
    return _enveloped(
        story,
        status,
        word=word,
        listed=collapsed,
        date=_one_digit,
        receiver=("receiver", "\n{}\n".format),
        nothing=nothing,
    )


def _enveloped(
    story: Json,
    status: Json,
    *,
    word: Spell,
    listed: Spell,
    date: Spell,
    receiver: tuple[str, Spell],
    nothing: str | None = None,
) -> Json:
    def spelled(told: Mapping[str, Any], names: Names) -> Json:
        absent = {} if nothing is None else {name: nothing for name, _ in names.values()}
        return absent | _renamed(told, names)

    def interaction(told: Json) -> Json:
        message: Names = {
            "id": ("id", word),
            "receiver": receiver,
            "sender": ("sender", _same),
            "subject": ("subject", _same),
            "campaign": ("campaign_id", str),
            "status": ("status", _same),
            "sent": ("sent_time", date),
            "delivered": ("delivered_time", date),
            "user": ("user_id", word),
        }
        survey: Names = {
            "name": ("name", _same),
            "score": ("nps_score", word),
            "by": ("sent_by", _same),
            "url": ("response_url", _same),
            "sent": ("sent_time", date),
            "completed": ("completion_time", date),
        }
        place: Names = {"lat": ("lat", word), "long": ("long", word), "time": ("time", date)}
        return {
            "type": told["name"],
            "count": word(told["count"]),
            "messages": {"message": listed([spelled(each, message) for each in told["messages"]])},
            "surveys": {"survey": listed([spelled(each, survey) for each in told["surveys"]])},
            "locs": {"loc": listed([spelled(each, place) for each in told["locations"]])},
            **spelled(
                told, {"used": ("used_status", word), "last": ("last_interaction_time", date)}
            ),
        }

    customer: Names = {
        "id": ("id", str),
        "mobile": ("mobile", _same),
        "email": ("email", _same),
        "external": ("external_id", _same),
    }
    networks = [
        {"name": name, "interaction": listed([interaction(each) for each in told])}
        for name, told in story["networks"]
    ]
    who = spelled(story["customer"], customer)
    return {
        "response": {
            "status": status,
            "customer": {**who, "interactions": {"network": listed(networks)}},
        }
    }
