"""A customer's history as JSON: in the flat shape, and in the old and new envelope.

The field names, their order and their oddities follow the published examples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from capillary_interactions.sandbox._customers import LISTED, CustomerHistory, SentMessage
from capillary_interactions.sandbox._requests import NETWORKS, ParsedRequest

Shape = Literal["flat", "envelope", "envelope_old"]
Json = dict[str, Any]

_SOCIAL_TYPES: Final = frozenset({"checkin", "like", "comment", "mention", "retweet", "tweet"})


def _channels(
    history: CustomerHistory, type_: str | None
) -> list[tuple[str, tuple[SentMessage, ...]]]:
    """Every interaction of the capillary network that an answer lists, empty ones included."""
    channels = dict(history.channels)
    names = dict.fromkeys((*LISTED, *channels)) if type_ is None else (type_,)
    return [(name, channels.get(name, ())) for name in names if name not in _SOCIAL_TYPES]


def _social(history: CustomerHistory, network: str, type_: str | None) -> list[tuple[str, int]]:
    return [
        (name, count)
        for social_network, name, count in history.social
        if social_network == network and type_ in (None, name)
    ]


def flat(history: CustomerHistory, request: ParsedRequest, page: slice) -> Json:
    """The shape of the page's own example."""
    network = request.network or "capillary"
    interactions: list[Json] = [
        _flat_interaction(name, sent, page)
        for name, sent in (_channels(history, request.type) if network == "capillary" else ())
    ]
    for name, count in _social(history, network, request.type):
        interactions.append({"count": count, "name": name})
    return {"name": network, "interaction": interactions, "warnings": []}


def _flat_interaction(name: str, sent: Sequence[SentMessage], page: slice) -> Json:
    if name == "survey":
        return {"count": 0, "name": name, "surveys": []}
    if name == "missed_call":
        return {"count": 0, "name": name, "usedStatus": False}
    messages = [_flat_message(message) for message in sent[page]]
    return {"count": len(sent), "name": name, "messageList": messages}


def _flat_message(sent: SentMessage) -> Json:
    message: Json = {
        "id": sent.id,
        "receiver": sent.receiver,
        "subject": sent.subject,
        "campaignId": sent.campaign_id,
        "status": sent.status,
    }
    if sent.delivered_at is not None:
        message["deliveredTime"] = f"{sent.delivered_at:%Y-%m-%dT%H:%M:%SZ}"
    message["sentDate"] = f"{sent.sent_at:%d-%m-%Y %H:%M:%S}"
    message["userId"] = sent.user_id
    return message


def envelope(history: CustomerHistory, request: ParsedRequest, page: slice) -> Json:
    """The shape of the newer pages: numbers as numbers, lists as lists."""
    networks = [
        {"name": network, "interaction": interactions}
        for network, interactions in _networks(history, request, page, _new_message)
    ]
    answer = _wrapped(history, {"success": "true", "code": 200, "message": "Success"}, networks)
    answer["response"]["customer"]["item_status"] = {
        "success": "true",
        "code": 1000,
        "message": "Customer successfully retrieved",
    }
    return answer


def envelope_old(history: CustomerHistory, request: ParsedRequest, page: slice) -> Json:
    """The shape of the older books: numbers as strings, lists of one collapsed."""
    networks = [
        {
            "name": network,
            "interaction": _aged(interactions),
        }
        for network, interactions in _networks(history, request, page, _old_message)
    ]
    status = {"success": "true", "response_code": "200", "message": "Success"}
    return _wrapped(history, status, _collapsed(networks))


def _wrapped(history: CustomerHistory, status: Json, networks: object) -> Json:
    customer = {
        "id": str(history.id),
        "mobile": history.mobile,
        "email": history.email,
        "external_id": history.external_id,
        "interactions": {"network": networks},
    }
    return {"response": {"status": status, "customer": customer}}


def _networks(
    history: CustomerHistory,
    request: ParsedRequest,
    page: slice,
    write: Callable[[SentMessage], Json],
) -> Iterator[tuple[str, list[Json]]]:
    """Each network asked for, with its interactions as the newer pages spell them."""
    for network in NETWORKS if request.network is None else (request.network,):
        if network == "capillary":
            channels = _channels(history, request.type)
            yield (
                network,
                [_interaction(history, name, sent, page, write) for name, sent in channels],
            )
        elif (social := _social(history, network, request.type)) or request.network is not None:
            yield network, [_social_interaction(history, name, count) for name, count in social]


def _interaction(
    history: CustomerHistory,
    name: str,
    sent: Sequence[SentMessage],
    page: slice,
    write: Callable[[SentMessage], Json],
) -> Json:
    interaction: Json = {"last_interaction_time": "null", "used_status": False, "count": len(sent)}
    if sent:
        interaction["messages"] = {"message": [write(message) for message in sent[page]]}
    if name == "survey" and history.scores:
        interaction["count"] = len(history.scores)
        interaction["latest_nps_score"] = history.scores[0]
        interaction["surveys"] = {"survey": [_survey(score) for score in history.scores]}
    return {**interaction, "type": name}


def _survey(score: int) -> Json:
    return {
        "name": f"Satisfaction {score}",
        "nps_score": score,
        "sent_by": "A Clerk",
        "response_url": "",
        "sent_time": "2025-04-14 12:56:55",
        "completion_time": "2025-04-15 13:23:05",
    }


def _social_interaction(history: CustomerHistory, name: str, count: int) -> Json:
    interaction: Json = {"type": name, "count": count}
    if name == "checkin":
        degrees = history.id % 90
        interaction["locs"] = {
            "loc": [
                {"lat": degrees + 0.25, "long": degrees + 0.5, "time": f"2025-3-{day + 1} 11:33:23"}
                for day in range(count)
            ]
        }
    return interaction


def _new_message(sent: SentMessage) -> Json:
    return {
        "id": sent.id,
        "sender": "",
        "reciever": sent.receiver,
        "subject": sent.subject,
        "status": sent.status,
        "sent_time": _stamp(sent.sent_at),
        "delivered_time": _stamp(sent.delivered_at),
        "campaign_id": str(sent.campaign_id),
    }


def _old_message(sent: SentMessage) -> Json:
    # Both oddities are published: a stray line break around an address, and a year of 45837.
    receiver = f"\n{sent.receiver}\n" if sent.id % 5 == 0 else sent.receiver
    stamp = _stamp(sent.sent_at)
    return {
        "id": sent.id,
        "sender": "shop@example.com",
        "receiver": receiver,
        "subject": sent.subject,
        "sent_time": f"45837{stamp[4:]}" if sent.id % 37 == 0 else stamp,
        "delivered_time": _stamp(sent.delivered_at),
        "status": sent.status,
        "campaign_id": "" if sent.campaign_id == -1 else sent.campaign_id,
    }


def _stamp(time: datetime | None) -> str:
    return "null" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _aged(value: Any) -> Any:
    """The value with its numbers as strings and its lists of one collapsed."""
    if isinstance(value, dict):
        return {key: _aged(member) for key, member in value.items()}
    if isinstance(value, list):
        return _collapsed([_aged(item) for item in value])
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _collapsed(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


SHAPES: Final[Mapping[Shape, Callable[[CustomerHistory, ParsedRequest, slice], Json]]] = (
    MappingProxyType({"flat": flat, "envelope": envelope, "envelope_old": envelope_old})
)
