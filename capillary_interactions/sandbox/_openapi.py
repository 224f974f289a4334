"""The OpenAPI 3.1 description of the three endpoints, served at `/openapi.json`.

It describes what the vendor's pages say and the sandbox does; no client was made from it, so that
clients can be judged by it. Bodies are in `_openapi_bodies.py`.
"""

from functools import cache
from typing import Any, Final

import orjson

from capillary_interactions.sandbox._openapi_bodies import SCHEMAS, ref
from capillary_interactions.sandbox._requests import (
    ENTITY_TYPE_HEADER,
    ENTITY_TYPES,
    FLAGS,
    IDENTIFIER_PATTERN,
    MAX_ID,
    MAX_PAGING,
    NAMES_V1_1,
    NAMES_V2,
    NETWORKS,
    TOKEN_PATH,
    TYPES,
    V1_1,
    V2,
)

PATH: Final = "/openapi.json"

Json = dict[str, Any]

_SOURCE: Final = "https://docs.capillarytech.com/reference/get-customer-interactions"
_IDENTIFIER: Final[Json] = {"type": "string", "pattern": IDENTIFIER_PATTERN}
_TEXT: Final[Json] = {"type": "string"}
_JSON: Final = "application/json"


def _query(name: str, schema: Json, description: str, **more: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _header(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema}


_SHARED_PARAMETERS: Final = (
    _query("network", {"type": "string", "enum": [*NETWORKS]}, "Only this network's interactions."),
    _query("type", {"type": "string", "enum": [*TYPES]}, "Only interactions of this type."),
    _query("source", _TEXT, "The source of the customer's profile.", example="INSTORE"),
    _query("accountId", _TEXT, "The account of the source.", example="1234"),
    _header(
        ENTITY_TYPE_HEADER,
        {"type": "string", "enum": [*ENTITY_TYPES]},
        "With OAuth: the kind of entity that the request is attributed to; TILL by default.",
    ),
    _header("X-CAP-API-ATTRIBUTION-ENTITY-CODE", _TEXT, "With OAuth: the code of that entity."),
)


def _identifiers_v1_1() -> list[Json]:
    """An optional parameter for each identifier: OpenAPI has no "one of these parameters"."""
    schemas = dict.fromkeys(NAMES_V1_1, _IDENTIFIER) | {
        "id": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
    }
    names = {"type": "string", "enum": [*NAMES_V1_1]}
    which = "Which of the following parameters names the customer; that one is mandatory then."
    one = "The customer; one of these parameters is mandatory."
    return [
        _query("identifierName", names, which, example="mobile"),
        _query("mobile", schemas.pop("mobile"), one, example="91660499160"),
        *(_query(name, schema, one) for name, schema in schemas.items()),
    ]


def _parameters_v1_1() -> list[Json]:
    paging = {"type": "integer", "maximum": MAX_PAGING}
    return [
        _query("format", {"type": "string", "enum": ["json"]}, "How the answer is written."),
        *_identifiers_v1_1(),
        *_SHARED_PARAMETERS,
        _query("limit", {**paging, "minimum": 1}, "Records a page, 50 by default."),
        _query("offset", {**paging, "minimum": 0}, "Records to skip, 0 by default."),
        _query("start_date", _TEXT, "Only interactions from this day on."),
        _query("end_date", _TEXT, "Only interactions up to this day."),
        *(_query(name, {"type": "boolean"}, "False by default.") for name in FLAGS),
    ]


def _parameters_v2() -> list[Json]:
    names = {"type": "string", "enum": [*NAMES_V2]}
    return [
        _query("identifierName", names, "The kind of the identifier.", required=True),
        _query(
            "identifierValue",
            _IDENTIFIER,
            "The identifier; a mobile is digits with the country code.",
            required=True,
            example="917385022695",
        ),
        *_SHARED_PARAMETERS,
    ]


def _response(description: str, *bodies: str, **headers: Json) -> Json:
    request_ids = {
        name: {"description": "The request's id, for support.", "schema": _TEXT}
        for name in ("X-Cap-Requestid", "X-CAP-REQUEST-ID")
    }
    schema = ref(bodies[0]) if len(bodies) == 1 else {"anyOf": [ref(name) for name in bodies]}
    return {
        "description": description,
        "headers": {**request_ids, **headers},
        "content": {_JSON: {"schema": schema}},
    }


_RETRY_AFTER: Final[Json] = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
}
_FAILURES: Final = ("ErrorList", "ErrorCode", "FailedEnvelope")


def _interactions(version: str, parameters: list[Json]) -> Json:
    return {
        "operationId": f"getCustomerInteractions{version}",
        "summary": "A customer's interactions.",
        "externalDocs": {"url": _SOURCE},
        "parameters": parameters,
        "responses": {
            "200": _response(
                "The interactions, in either shape, or a failure.", "Flat", "Envelope", *_FAILURES
            ),
            "400": _response("The request is invalid.", *_FAILURES),
            "401": _response("Credentials or token are not good.", *_FAILURES),
            "403": _response("The credential may not do this.", *_FAILURES),
            "405": _response("The method is not GET.", *_FAILURES),
            "429": _response("Too many requests.", *_FAILURES, **_RETRY_AFTER),
            "498": _response("The token has expired.", "FailedEnvelope"),
            "500": _response("The request failed.", *_FAILURES),
            "503": _unavailable(),
        },
    }


def _unavailable() -> Json:
    response = _response("Unavailable, or the authorization is.", *_FAILURES, **_RETRY_AFTER)
    return {**response, "content": {**response["content"], "text/plain": {"schema": _TEXT}}}


def _token() -> Json:
    return {
        "operationId": "generateToken",
        "summary": "A token for the header `X-CAP-API-OAUTH-TOKEN`.",
        "security": [],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": ref("TokenRequest")}},
        },
        "responses": {
            "200": _response("A new token, or a failure.", "Token", "TokenFailure"),
            "401": _response("Key and secret are not good.", "TokenFailure"),
            "405": _response("The method is not POST.", "ErrorList"),
            "500": _response("The request failed.", "ErrorList", "TokenFailure"),
            "503": _response("Unavailable.", "ErrorList", "TokenFailure"),
        },
    }


_SECURITY_SCHEMES: Final[Json] = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "A till's user name and the MD5 of its password, in lower-case hex digits.",
    },
    "token": {"type": "apiKey", "in": "header", "name": "X-CAP-API-OAUTH-TOKEN"},
}


def description() -> Json:
    """The complete description, as a new object."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Get customer interactions",
            "version": "1",
            "description": f"Made from the vendor's pages, {_SOURCE} first; not by the vendor.",
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"token": []}],
        "paths": {
            V1_1: {"get": _interactions("V1_1", _parameters_v1_1())},
            V2: {"get": _interactions("V2", _parameters_v2())},
            TOKEN_PATH: {"post": _token()},
        },
        "components": {"schemas": SCHEMAS, "securitySchemes": _SECURITY_SCHEMES},
    }


@cache
def description_bytes() -> bytes:
    return orjson.dumps(description())
