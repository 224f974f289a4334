"""A query string, parsed: the customer it asks for, or why it is invalid.

Written from the vendor's pages and not from the client's code, for it is here to judge that code.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from attrs import field, frozen

V1_1: Final = "/v1.1/customer/interaction"
V2: Final = "/v2/customers/interaction"

NETWORKS: Final = ("facebook", "twitter", "foursquare", "capillary")

_TYPES: Final = (
    *("email", "emailbulk", "checkin", "like", "comment", "mention", "retweet", "tweet"),
    *("feedback", "whatsapp", "zalo", "line", "viber"),
    # Not in the tables of filters, but named by published answers.
    *("sms", "phone", "missed_call", "survey"),
)
# Sibling calls of v2 have these, each spelled so.
_SIBLING_NAMES: Final = (
    *("externalId", "id", "cardNumber", "cardnumber", "cardExternalId", "wechat"),
)
_NAMES_V1_1: Final = (
    *("mobile", "email", "external_id", "card_number", "card_external_id"),
    *("id", "user_id", *_SIBLING_NAMES),
)
_NAMES_V2: Final = ("mobile", "email", "external_id", *_SIBLING_NAMES)


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
    name = _name_v1_1(parameters) if path == V1_1 else parameters.get("identifierName", "")
    names = _NAMES_V1_1 if path == V1_1 else _NAMES_V2
    if not name:
        return InvalidRequest(code=1104, message="Invalid input: an identifier is mandatory")
    if name not in names:
        return InvalidRequest(code=400, message=f"identifierName must be one of {', '.join(names)}")
    parameter = name if path == V1_1 else "identifierValue"
    identifier = parameters.get(parameter, "")
    if not identifier.strip():
        return InvalidRequest(code=1104, message=f"Invalid input: {parameter} is mandatory")
    problem = _problem(path, identifier, parameters)
    if problem is not None:
        return InvalidRequest(code=400, message=problem, identifier=identifier)
    paged = path == V1_1
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
    return parameters.get("identifierName") or next(
        (name for name in _NAMES_V1_1 if name in parameters), ""
    )


def _problem(path: str, identifier: str, parameters: Mapping[str, str]) -> str | None:
    network, type_ = parameters.get("network"), parameters.get("type")
    if network is not None and network not in NETWORKS:
        return f"network must be one of {', '.join(NETWORKS)}"
    if type_ is not None and type_ not in _TYPES:
        return f"type must be one of {', '.join(_TYPES)}"
    return None if path == V2 else _problem_v1_1(identifier, parameters)


def _problem_v1_1(identifier: str, parameters: Mapping[str, str]) -> str | None:
    # A sibling of the v1.1 call reads a comma as several customers.
    if "," in identifier:
        return "this call is for one customer: no comma in the identifier"
    if parameters.get("format", "json") != "json":
        return "the sandbox answers with format=json only"
    for name, minimum in (("limit", 1), ("offset", 0)):
        text = parameters.get(name)
        if text is not None and not (_is_integer(text) and int(text) >= minimum):
            return f"{name} must be a whole number of {minimum} or more"
    return None


def is_mobile(identifier: str) -> bool:
    """Whether a mobile is digits with the country code, as customers are registered."""
    return identifier.isascii() and identifier.isdecimal() and not identifier.startswith("00")


def _is_integer(text: str) -> bool:
    # Python refuses to read numbers of some thousand digits, and raises.
    return text.isascii() and text.isdecimal() and len(text) < 10  # noqa: PLR2004
