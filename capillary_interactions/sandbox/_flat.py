"""A customer's history as JSON in the flat shape, that of the page's own example."""

from collections.abc import Sequence
from datetime import UTC

from capillary_interactions.sandbox._customers import CustomerHistory, SentMessage
from capillary_interactions.sandbox._requests import ParsedRequest
from capillary_interactions.sandbox._spelling import (
    PLAIN,
    Json,
    Spelling,
    channels,
    iso_fields,
    social,
)


def flat(
    history: CustomerHistory, request: ParsedRequest, page: slice, spelling: Spelling = PLAIN
) -> Json:
    network = request.network or "capillary"
    interactions: list[Json] = [
        _flat_interaction(name, sent[page], len(sent), spelling)
        for name, sent in (channels(history, request.type) if network == "capillary" else ())
    ]
    for name, count in social(history, network, request.type):
        interactions.append({"count": count, "name": name})
    warnings = [*spelling.warnings, *spelling.item_warnings]
    return {"name": network, "interaction": interactions, "warnings": warnings}


def _flat_interaction(
    name: str, sent: Sequence[SentMessage], count: int, spelling: Spelling
) -> Json:
    if name == "survey":
        return {"count": 0, "name": name, "surveys": []}
    if name == "missed_call":
        return {"count": 0, "name": name, "usedStatus": False}
    messages = [_flat_message(message, spelling) for message in sent]
    return {"count": count, "name": name, "messageList": messages}


def _flat_message(sent: SentMessage, spelling: Spelling) -> Json:
    message: Json = {
        "id": sent.id,
        "receiver": sent.receiver,
        "subject": sent.subject,
        "campaignId": sent.campaign_id,
        "status": sent.status,
    }
    if sent.delivered_at is not None:
        message["deliveredTime"] = (
            sent.delivered_at.isoformat()
            if spelling.delivered_offset
            else f"{sent.delivered_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        )
    message["sentDate"] = f"{sent.sent_at:%d-%m-%Y %H:%M:%S}"
    message["userId"] = sent.user_id
    if spelling.iso_fields:
        message |= iso_fields(sent, "sentDate", "deliveredTime")
    return message
