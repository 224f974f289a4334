"""Answers in the shape that Capillary documents, with values of your own."""

from collections.abc import Mapping, Sequence
from typing import Any


def message(number: int = 1, **fields: Any) -> dict[str, Any]:
    """One message as the server sends it.

    Args:
        number: Its id.
        fields: The server's field names (`status`, `campaignId`, ...) with other values; None
            leaves a field out.
    """
    defaults = {
        "id": number,
        "receiver": "a.person@example.com",
        "subject": "Rewards redeemed",
        "campaignId": -1,
        "status": "DELIVERED",
        "deliveredTime": "2023-06-02T09:24:40Z",
        "sentDate": "02-06-2023 09:24:40",
        "userId": -1,
    }
    return {name: value for name, value in {**defaults, **fields}.items() if value is not None}


def interactions(
    *, counts: Mapping[str, int] | None = None, **messages: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A complete answer: `interactions(email=[message(1), message(2)], sms=[])`.

    Args:
        counts: Counts other than the number of messages, by interaction.
        messages: The messages of each interaction, by its name.
    """
    counts = counts or {}
    return {
        "name": "capillary",
        "interaction": [
            {"count": counts.get(name, len(items)), "name": name, "messageList": list(items)}
            for name, items in messages.items()
        ],
        "warnings": [],
    }
