"""Requests and bodies judged by the OpenAPI description that the sandbox serves."""

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs
import orjson

from capillary_interactions.sandbox._openapi import description
from capillary_interactions.sandbox._requests import NAMES_V1_1, V1_1

DESCRIPTION: Final = description()


@cache
def _validator(pointer: str) -> jsonschema_rs.Draft202012Validator:
    """The schema at a JSON pointer of the description, with its references."""
    return jsonschema_rs.Draft202012Validator({"$ref": f"#{pointer}", **DESCRIPTION})


def _pointer(*keys: str | int) -> str:
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def _problems(value: Any, *keys: str | int) -> Iterator[str]:
    for error in _validator(_pointer(*keys)).iter_errors(value):
        yield f"{keys[-2]}: {error.message}"


def body_violations(path: str, method: str, status: int, body: bytes) -> list[str]:
    """What is wrong with a JSON answer."""
    responses = ("paths", path, method.lower(), "responses", str(status))
    if str(status) not in DESCRIPTION["paths"][path][method.lower()]["responses"]:
        return [f"status {status} is not described"]
    value = orjson.loads(body)
    return list(_problems(value, *responses, "content", "application/json", "schema"))


def request_violations(
    method: str,
    target: str,
    headers: Mapping[str, str],
    *,
    body: bytes = b"",
    prefix: str = "",
    extra: Collection[str] = (),
    lenient: bool = False,
) -> list[str]:
    """What is wrong with a request.

    Args:
        method: In capitals.
        target: Path and query, as sent.
        headers: All of them, by name in lower case.
        body: Of a POST.
        prefix: The part of the path before the API's own.
        extra: Parameters that the query may have beside those that are described.
        lenient: Whether parameters may be repeated (the last one counts), or not be described.
    """
    parts = urlsplit(target)
    path = parts.path.removeprefix(prefix)
    operation = DESCRIPTION["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return [f"{method} {path} is not described"]
    keys = ("paths", path, method.lower())
    found = [*_security_problems(operation, headers)]
    query = _without(extra, parts.query)
    found += _query_problems(operation, query, keys, lenient=lenient)
    found += _identifier_problems(query) if path == V1_1 else ()
    found += _header_problems(operation, headers, keys)
    if "requestBody" in operation:
        schema = ("requestBody", "content", "application/json", "schema")
        found += _problems(orjson.loads(body), *keys, *schema)
    return found


def _security_problems(operation: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
    basic = headers.get("authorization")
    sent = [name for name in ("authorization", "x-cap-api-oauth-token") if name in headers]
    needed = bool(operation.get("security", DESCRIPTION["security"]))
    if len(sent) != needed:
        yield f"{len(sent)} credentials in place of {needed:d}"
    if basic is not None and not _is_basic(basic):
        yield "not a user name and an MD5"


def _is_basic(header: str) -> bool:
    scheme, _, pair = header.partition(" ")
    try:
        text = base64.b64decode(pair, validate=True).decode()
    except ValueError:
        return False
    return scheme == "Basic" and re.fullmatch(r"[^:]+:[0-9a-f]{32}", text) is not None


def _without(extra: Collection[str], query: str) -> str:
    kept = [pair for pair in query.split("&") if unquote(pair.partition("=")[0]) not in extra]
    return "&".join(kept)


def _query_problems(
    operation: Mapping[str, Any], query: str, keys: tuple[str, ...], *, lenient: bool
) -> Iterator[str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs) and not lenient:
        yield "a parameter is repeated"
    for place, parameter in enumerate(operation.get("parameters", ())):
        if parameter["in"] != "query":
            continue
        if parameter["name"] in values:
            numeric = parameter["schema"].get("type") in ("integer", "boolean")
            sent = _typed(values.pop(parameter["name"]), numeric)
        elif parameter.get("required"):
            yield f"{parameter['name']} is missing"
            continue
        else:
            continue
        for problem in _problems(sent, *keys, "parameters", place, "schema"):
            yield f"{parameter['name']} {problem}"
    if not lenient:
        yield from (f"{name} is not described" for name in values)


def _identifier_problems(query: str) -> Iterator[str]:
    """What OpenAPI cannot say of v1.1: there is an identifier, and it is the one named."""
    values = dict(parse_qsl(query, keep_blank_values=True))
    named = {values["identifierName"]} if "identifierName" in values else {*NAMES_V1_1}
    if not named & values.keys():
        yield "the identifier is missing"


def _typed(text: str, numeric: bool) -> Any:
    """A parameter as JSON: a number or a boolean, where it should be one and can be read as one."""
    if numeric and text in ("true", "false"):
        return text == "true"
    if numeric and re.fullmatch(r"-?[0-9]{1,30}", text):
        return int(text)
    return text


def _header_problems(
    operation: Mapping[str, Any], headers: Mapping[str, str], keys: tuple[str, ...]
) -> Iterator[str]:
    for place, parameter in enumerate(operation.get("parameters", ())):
        sent = headers.get(parameter["name"].lower())
        if parameter["in"] == "header" and sent is not None:
            yield from _problems(sent, *keys, "parameters", place, "schema")
