"""What every shape shares: which interactions are listed, and what clusters write differently."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, Literal

from attrs import frozen

from capillary_interactions.sandbox._customers import LISTED, CustomerHistory, SentMessage

Json = dict[str, Any]
Customers = Literal["object", "list"]

_SOCIAL_TYPES: Final = frozenset({"checkin", "like", "comment", "mention", "retweet", "tweet"})


@frozen(kw_only=True, eq=False)
class Spelling:
    """What clusters and versions of the API write differently within one shape.

    Attributes:
        zone: The cluster's time zone; dates without an offset are in it.
        iso_fields: Whether each such date has an ISO 8601 copy beside it.
        delivered_offset: Whether `deliveredTime` has the zone's offset, not Z.
        customers: Whether an envelope has its customer at `customers.customer`, and as what.
        warnings: Of the request.
        item_warnings: Of the customer.
    """

    zone: tzinfo = UTC
    iso_fields: bool = False
    delivered_offset: bool = False
    customers: Customers | None = None
    warnings: Sequence[Any] = ()
    item_warnings: Sequence[Any] = ()


PLAIN: Final = Spelling()


def channels(
    history: CustomerHistory, type_: str | None
) -> list[tuple[str, tuple[SentMessage, ...]]]:
    """Each interaction of the capillary network that an answer lists, empty ones included."""
    by_name = dict(history.channels)
    names = dict.fromkeys((*LISTED, *by_name)) if type_ is None else (type_,)
    return [(name, by_name.get(name, ())) for name in names if name not in _SOCIAL_TYPES]


def social(history: CustomerHistory, network: str, type_: str | None) -> list[tuple[str, int]]:
    return [
        (name, count)
        for social_network, name, count in history.social
        if social_network == network and type_ in (None, name)
    ]


def iso_fields(sent: SentMessage, sent_name: str, delivered_name: str) -> Json:
    """The ISO 8601 copies of a message's dates."""
    fields = {f"{sent_name}ISO": sent.sent_at.isoformat()}
    if sent.delivered_at is not None:
        fields[f"{delivered_name}ISO"] = sent.delivered_at.isoformat()
    return fields
