"""A query string, parsed: the customer it asks for, or why it is invalid.

Written from the vendor's pages and not from the client's code, for it is here to judge that code.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from attrs import field, frozen

V1_1: Final = "/v1.1/customer/interaction"
V2: Final = "/v2/customers/interaction"
TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path

NETWORKS: Final = ("facebook", "twitter", "foursquare", "capillary")

TYPES: Final = (
    *("email", "emailbulk", "checkin", "like", "comment", "mention", "retweet", "tweet"),
    *("feedback", "whatsapp", "zalo", "line", "viber"),
    # Not in the tables of filters, but named by published answers.
    *("sms", "phone", "missed_call", "survey"),
)
# Sibling calls of v2 have these, each spelled so.
_SIBLING_NAMES: Final = (
    *("externalId", "id", "cardNumber", "cardnumber", "cardExternalId", "wechat"),
)
NAMES_V1_1: Final = (
    *("mobile", "email", "external_id", "card_number", "card_external_id"),
    *("id", *_SIBLING_NAMES),
)
NAMES_V2: Final = ("mobile", "email", "external_id", *_SIBLING_NAMES)
FLAGS: Final = (
    *("card_details", "user_id", "included_all_user_group2"),
    *("included_user_group2_loyalty_details", "fetch_type"),
)
"""Parameters of v1.1 that are true or false."""

IDENTIFIER_PATTERN: Final = r"^[^,]*[^, \t\r\n][^,]*$"
"""Something that is no space, and no comma."""

MAX_ID: Final = 2**63 - 1
MAX_PAGING: Final = 999_999_999

ENTITY_TYPE_HEADER: Final = "X-CAP-API-ATTRIBUTION-ENTITY-TYPE"
ENTITY_TYPES: Final = (
    *("TILL", "STORE_CODE", "STORE_NAME", "STORE_EXTERNAL_ID", "STORE_EXTERNAL_ID_1"),
    "STORE_EXTERNAL_ID_2",
)

_IDENTIFIER: Final = re.compile(IDENTIFIER_PATTERN)


@frozen(kw_only=True)
class ParsedRequest:
    """One customer's history, or a part of it.

    `limit` and `offset` count the messages of each interaction; a limit of None leaves it to the
    server.
    """

    name: str
    identifier: str = field(repr=False)
    network: str | None = None
    type: str | None = None
    limit: int | None = None
    offset: int = 0


@frozen(kw_only=True)
class InvalidRequest:
    """Why a request is invalid."""

    code: int
    message: str
    identifier: str | None = field(default=None, repr=False)


def parse_request(path: str, query: str) -> ParsedRequest | InvalidRequest:
    """What a query string asks of one of the two paths."""
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    paged = path == V1_1
    name = _name_v1_1(parameters) if paged else parameters.get("identifierName", "")
    names = NAMES_V1_1 if paged else NAMES_V2
    if not name:
        return InvalidRequest(code=1104, message="Invalid input: an identifier is mandatory")
    if name not in names:
        return InvalidRequest(code=400, message=f"identifierName must be one of {', '.join(names)}")
    parameter = name if paged else "identifierValue"
    identifier = parameters.get(parameter, "")
    others = [one for one in parameters if one in NAMES_V1_1] if paged else []
    for one in (parameter, *others):
        if (invalid := _invalid_identifier(one, parameters.get(one, ""))) is not None:
            return invalid
    problem = _problem(parameters) or (_problem_v1_1(parameters) if paged else None)
    if problem is not None:
        return InvalidRequest(code=400, message=problem, identifier=identifier)
    return ParsedRequest(
        name=name,
        identifier=identifier,
        network=parameters.get("network"),
        type=parameters.get("type"),
        limit=int(parameters["limit"]) if paged and "limit" in parameters else None,
        offset=int(parameters.get("offset", "0")) if paged else 0,
    )


def _name_v1_1(parameters: Mapping[str, str]) -> str:
    # `email=a%40b.co` alone is published as well as `identifierName=email&email=...`.
    if "identifierName" in parameters:
        return parameters["identifierName"]
    return next((name for name in NAMES_V1_1 if name in parameters), "")


def _invalid_identifier(parameter: str, text: str) -> InvalidRequest | None:
    # Siblings of the call read a comma as several customers.
    if "," in text:
        message = "this call is for one customer: no comma in the identifier"
        return InvalidRequest(code=400, message=message, identifier=text)
    is_id = parameter == "id"
    if (_is_integer(text, MAX_ID) and int(text) > 0) if is_id else _IDENTIFIER.match(text):
        return None
    return InvalidRequest(code=1104, message=f"Invalid input: {parameter} is mandatory")


def _problem(parameters: Mapping[str, str]) -> str | None:
    for name, values in (("network", NETWORKS), ("type", TYPES)):
        if parameters.get(name, values[0]) not in values:
            return f"{name} must be one of {', '.join(values)}"
    return None


def _problem_v1_1(parameters: Mapping[str, str]) -> str | None:
    if parameters.get("format", "json") != "json":
        return "the sandbox answers with format=json only"
    for name, minimum in (("limit", 1), ("offset", 0)):
        text = parameters.get(name)
        if text is not None and not (_is_integer(text, MAX_PAGING) and int(text) >= minimum):
            return f"{name} must be a whole number of {minimum} or more"
    for name in FLAGS:
        if parameters.get(name, "false") not in ("true", "false"):
            return f"{name} must be true or false"
    return None


def is_mobile(identifier: str) -> bool:
    """Whether a mobile is digits with the country code, as customers are registered."""
    return identifier.isascii() and identifier.isdecimal() and not identifier.startswith("00")


def _is_integer(text: str, maximum: int) -> bool:
    # Python refuses to read numbers of some thousand digits, and raises.
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(maximum))
    return digits and int(text) <= maximum
