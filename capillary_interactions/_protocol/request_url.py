"""How is a query written as a URL? Path and query string for both versions of the call.

Source: the page of the call and its siblings (docs.capillarytech.com,
reference/get-customer-interactions).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from attrs import evolve

from capillary_interactions._model.phone_numbers import digits_to_send, is_bare
from capillary_interactions._model.phone_regions import digits_in_region
from capillary_interactions._model.query import NO_EXTRA, Identifier, InvalidMobileError, Query
from capillary_interactions._model.vocabulary import ApiVersion, IdentifierName

PATHS: Final[Mapping[ApiVersion, str]] = {
    ApiVersion.V1_1: "/v1.1/customer/interaction",
    ApiVersion.V2: "/v2/customers/interaction",
}
# Of these v2 knows no spelling. A custom name may be the same text, and is sent.
_ONLY_V1_1: Final = (
    IdentifierName.CARD_NUMBER,
    IdentifierName.CARD_EXTERNAL_ID,
    IdentifierName.CUSTOMER_ID,
)
_V1_1: Final = ApiVersion.V1_1
_MOBILE: Final = IdentifierName.MOBILE
# quote() takes ten times as long to find that there is nothing to do.
_is_unreserved: Final = re.compile("[A-Za-z0-9_.~-]*").fullmatch
# Most programs ask one kind of query.
_MAX_KINDS: Final = 256


def encode_query(
    query: Query,
    version: ApiVersion,
    *,
    source: str | None = None,
    account_id: str | None = None,
) -> str:
    """The query string of a query, percent-encoded, in the order that the documentation shows.

    Args:
        query: As `sent_query` returns it.
        version: Of which version of the call.
        source: Sent where the query has none of its own.
        account_id: Likewise.
    """
    around = _around_v1_1 if version is _V1_1 else _around_v2
    identifier = query.identifier
    before, after = around(
        identifier.name.parameter,
        query.network,
        query.type,
        source if query.source is None else query.source,
        account_id if query.account_id is None else query.account_id,
    )
    encoded = f"{before}{_encode(identifier.value)}{after}"
    if query.limit is not None:
        encoded = f"{encoded}&limit={query.limit}"
    if query.offset is not None:
        encoded = f"{encoded}&offset={query.offset}"
    if query.extra is not NO_EXTRA:
        encoded += "".join(f"&{_encode(key)}={_encode(text)}" for key, text in query.extra.items())
    return encoded


def _encode(text: str) -> str:
    return text if _is_unreserved(text) else quote(text, safe="")


# What stands before and after a customer's value is the same for all queries of one kind: putting
# it together takes five times as long as the rest.
@lru_cache(_MAX_KINDS)
def _around_v1_1(
    name: str, network: str | None, type_: str | None, source: str | None, account_id: str | None
) -> tuple[str, str]:
    client = f"{_pair('source', source)}{_pair('accountId', account_id)}"
    name = _encode(name)
    before = f"format=json{client}&identifierName={name}&{name}="
    return before, f"{_pair('network', network)}{_pair('type', type_)}"


@lru_cache(_MAX_KINDS)
def _around_v2(
    name: str, network: str | None, type_: str | None, source: str | None, account_id: str | None
) -> tuple[str, str]:
    narrowed = f"{_pair('network', network)}{_pair('type', type_)}"
    client = f"{_pair('source', source)}{_pair('accountId', account_id)}"
    return f"identifierName={_encode(name)}&identifierValue=", f"{narrowed}{client}"


def _pair(key: str, text: str | None) -> str:
    return "" if text is None else f"&{key}={_encode(text)}"


def check_supported(query: Query, version: ApiVersion) -> None:
    """Raise a `ValueError` that explains what to do if this version of the call cannot ask that."""
    name = query.identifier.name
    if "," in query.identifier.value or "," in name:
        # Siblings of both versions read commas as several customers, or several identifiers.
        raise ValueError(
            f"a customer's {name.label} must not hold a comma: the API could read it as several "
            "customers"
        )
    if version is not _V1_1:
        if name in _ONLY_V1_1 and not name.is_custom:
            accepted = ", ".join(n for n in IdentifierName if n not in _ONLY_V1_1)
            raise ValueError(
                f"API v2 has no {name.value}; it accepts {accepted} (or use v1.1); "
                "Identifier.custom(...) (--custom-identifier) sends any other name"
            )
        if query.limit is not None or query.offset is not None:
            raise ValueError("API v2 documents no paging: leave out limit and offset, or use v1.1")


def sent_query(query: Query, version: ApiVersion, region: str | None = None) -> Query:
    """The query as it is sent: a mobile in the digits that the API wants, anything else unchanged.

    Args:
        query: What is asked.
        version: Of which version of the call.
        region: The region whose spellings of phone numbers are read, or None.

    Raises:
        InvalidMobileError: With a region, it cannot be a phone number; without one, it is not
            written in ASCII digits.
        ValueError: See `check_supported`.
    """
    check_supported(query, version)
    identifier = query.identifier
    value = identifier.value
    if identifier.name is not _MOBILE or (region is None and is_bare(value)):
        return query
    sent = _digits_of(identifier, region)
    if sent == value:
        return query
    # Equal to that of the digits themselves, so that all spellings of a number share one request.
    return evolve(query, identifier=Identifier(_MOBILE, sent))


def _digits_of(mobile: Identifier, region: str | None) -> str:
    value = mobile.value
    try:
        return digits_to_send(value) if region is None else digits_in_region(value, region)
    except ValueError as error:
        raise InvalidMobileError(str(error), mobile) from None
