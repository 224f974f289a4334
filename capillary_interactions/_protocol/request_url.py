"""How is a query written as a URL? Path and query string for both versions of the call.

Source: the page of the call and its siblings (docs.capillarytech.com,
reference/get-customer-interactions).
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from capillary_interactions._model.query import NO_EXTRA, Query
from capillary_interactions._model.vocabulary import ApiVersion, IdentifierName

PATHS: Final[Mapping[ApiVersion, str]] = {
    ApiVersion.V1_1: "/v1.1/customer/interaction",
    ApiVersion.V2: "/v2/customers/interaction",
}
_CARD_IDENTIFIERS: Final = (IdentifierName.CARD_NUMBER, IdentifierName.CARD_EXTERNAL_ID)
# quote() takes ten times as long to find that there is nothing to do.
_is_unreserved: Final = re.compile("[A-Za-z0-9_.~-]*").fullmatch


def encode_query(
    query: Query,
    version: ApiVersion,
    *,
    source: str | None = None,
    account_id: str | None = None,
) -> str:
    """The query string of a query, percent-encoded, in the order that the documentation shows.

    `source` and `account_id` are sent where the query has none of its own. What this version of the
    call cannot ask is a `ValueError`.
    """
    check_supported(query, version)
    name, value = query.identifier.name.value, query.identifier.value
    client = [
        ("source", source if query.source is None else query.source),
        ("accountId", account_id if query.account_id is None else query.account_id),
    ]
    narrowed = [("network", query.network), ("type", query.type)]
    pairs: list[tuple[str, str | int | None]]
    if version is ApiVersion.V1_1:
        pairs = [("format", "json"), *client, ("identifierName", name), (name, value), *narrowed]
        pairs += [("limit", query.limit), ("offset", query.offset)]
    else:
        pairs = [("identifierName", name), ("identifierValue", value), *narrowed, *client]
    if query.extra is not NO_EXTRA:
        pairs += [(quote(key, safe=""), text) for key, text in query.extra.items()]
    parts = []
    for key, content in pairs:
        if content is not None:
            text = str(content)
            parts.append(f"{key}={text if _is_unreserved(text) else quote(text, safe='')}")
    return "&".join(parts)


def check_supported(query: Query, version: ApiVersion) -> None:
    """Raise a `ValueError` that explains what to do if this version of the call cannot ask that."""
    name = query.identifier.name
    if version is ApiVersion.V2:
        if name in _CARD_IDENTIFIERS:
            accepted = ", ".join(n for n in IdentifierName if n not in _CARD_IDENTIFIERS)
            raise ValueError(f"API v2 has no {name.value}; it accepts {accepted} (or use v1.1)")
        if query.limit is not None or query.offset is not None:
            raise ValueError("API v2 documents no paging: leave out limit and offset, or use v1.1")
    elif "," in query.identifier.value:
        # A sibling of the v1.1 call reads a comma as several customers.
        raise ValueError(
            f"a customer's {name.value} must not hold a comma with API v1.1, "
            "which could read it as several customers"
        )
