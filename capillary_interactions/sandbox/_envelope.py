"""A customer's history as JSON in the envelope: as newer pages have it, and as older books do."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from capillary_interactions.sandbox._customers import CustomerHistory, SentMessage
from capillary_interactions.sandbox._requests import NETWORKS, ParsedRequest
from capillary_interactions.sandbox._spelling import (
    PLAIN,
    Json,
    Spelling,
    channels,
    iso_fields,
    social,
)

_SURVEY_SENT: Final = datetime(2025, 4, 14, 12, 56, 55, tzinfo=UTC)
_SURVEY_COMPLETED: Final = datetime(2025, 4, 15, 13, 23, 5, tzinfo=UTC)
_CHECKED_IN: Final = datetime(2025, 3, 1, 11, 33, 23, tzinfo=UTC)


def envelope(
    history: CustomerHistory, request: ParsedRequest, page: slice, spelling: Spelling = PLAIN
) -> Json:
    """The shape of the newer pages: numbers as numbers, lists as lists."""
    writer = _NetworkWriter(history, request, page, spelling, _new_message)
    networks = [
        {"name": network, "interaction": interactions}
        for network, interactions in writer.networks()
    ]
    status: Json = {"success": "true", "code": 200, "message": "Success"}
    item = {"success": "true", "code": 1000, "message": "Customer successfully retrieved"}
    customer = _customer(history, request, networks)
    customer["item_status"] = item | _warnings(spelling.item_warnings)
    return enveloped(status | _warnings(spelling.warnings), customer, spelling)


def envelope_old(
    history: CustomerHistory, request: ParsedRequest, page: slice, spelling: Spelling = PLAIN
) -> Json:
    """The shape of the older books: numbers as strings, lists of one collapsed."""
    writer = _NetworkWriter(history, request, page, spelling, _old_message)
    networks = [
        {"name": network, "interaction": _aged(interactions)}
        for network, interactions in writer.networks()
    ]
    status: Json = {"success": "true", "response_code": "200", "message": "Success"}
    customer = _customer(history, request, _collapsed(networks))
    if spelling.item_warnings:
        item = {"success": "true", "code": "1000", "message": "Success"}
        customer["item_status"] = item | _aged(_warnings(spelling.item_warnings))
    return enveloped(status | _aged(_warnings(spelling.warnings)), customer, spelling)


def _customer(history: CustomerHistory, request: ParsedRequest, networks: object) -> Json:
    by_id = request.name == "id"
    return {
        "id": request.identifier if by_id else str(history.id),
        "mobile": history.mobile,
        "email": history.email,
        "external_id": history.external_id,
        "interactions": {"network": networks},
    }


def _warnings(warnings: Sequence[Any]) -> Json:
    return {"warnings": {"warning": list(warnings)}} if warnings else {}


def enveloped(status: Json, customer: Json, spelling: Spelling) -> Json:
    """A customer and the status of the request, where this spelling has them."""
    if spelling.customers is None:
        return {"response": {"status": status, "customer": customer}}
    batch = customer if spelling.customers == "object" else [customer]
    return {"response": {"status": status, "customers": {"customer": batch}}}


@frozen
class _NetworkWriter:
    """Writes a history's networks as the newer pages spell them."""

    history: CustomerHistory
    request: ParsedRequest
    page: slice
    spelling: Spelling
    write_message: Callable[[SentMessage], Json]

    def networks(self) -> Iterator[tuple[str, list[Json]]]:
        """Each network asked for, with its interactions."""
        asked, type_ = self.request.network, self.request.type
        for network in NETWORKS if asked is None else (asked,):
            if network == "capillary":
                listed = channels(self.history, type_)
                yield network, [self._interaction(name, sent) for name, sent in listed]
            elif (counts := social(self.history, network, type_)) or asked is not None:
                yield network, [self._social_interaction(name, count) for name, count in counts]

    def _interaction(self, name: str, sent: Sequence[SentMessage]) -> Json:
        interaction: Json = {
            "last_interaction_time": "null",
            "used_status": False,
            "count": len(sent),
        }
        if sent:
            interaction["messages"] = {"message": [self._message(one) for one in sent[self.page]]}
        if name == "survey" and (scores := self.history.scores):
            interaction["count"] = len(scores)
            interaction["latest_nps_score"] = scores[0]
            interaction["surveys"] = {"survey": [self._survey(score) for score in scores]}
        return {**interaction, "type": name}

    def _message(self, sent: SentMessage) -> Json:
        message = self.write_message(sent)
        if self.spelling.iso_fields:
            message |= iso_fields(sent, "sent_time", "delivered_time")
        return message

    def _survey(self, score: int) -> Json:
        zone = self.spelling.zone
        return {
            "name": f"Satisfaction {score}",
            "nps_score": score,
            "sent_by": "A Clerk",
            "response_url": "",
            "sent_time": _stamp(_SURVEY_SENT.astimezone(zone)),
            "completion_time": _stamp(_SURVEY_COMPLETED.astimezone(zone)),
        }

    def _social_interaction(self, name: str, count: int) -> Json:
        interaction: Json = {"type": name, "count": count}
        if name == "checkin":
            interaction["locs"] = {"loc": [self._location(day) for day in range(count)]}
        return interaction

    def _location(self, day: int) -> Json:
        degrees = self.history.id % 90
        time = (_CHECKED_IN + timedelta(days=day)).astimezone(self.spelling.zone)
        # Published like this: no zeros in the date.
        stamp = f"{time.year}-{time.month}-{time.day} {time:%H:%M:%S}"
        return {"lat": degrees + 0.25, "long": degrees + 0.5, "time": stamp}


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
