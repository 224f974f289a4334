"""How did a request go, as the body of its answer reports it?

Three levels may report, each alone: the item (the customer asked for), the entries of `errors`, and
the request as a whole.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from capillary_interactions._protocol.codes import BODY, SUCCESS, Level

_MAX_CODE: Final = 10**6
# Without any of these, a body does not report how the request went, and it is not the API that
# refuses: gateways write {"message": "Forbidden"}.
API_KEYS: Final = frozenset(
    {"response", "errors", "status", "success", "errorCode", "errorMessage"}
)


@frozen
class ReportedStatus:
    """How the request went, as one level of a body reports it."""

    level: Level
    failed: bool
    code: int | None
    message: str


def reported_failure(body: Any) -> ReportedStatus | None:
    """The most specific failure that a body reports, or None."""
    if not isinstance(body, dict) or API_KEYS.isdisjoint(body):
        return None
    without_code: ReportedStatus | None = None
    for reported in _reported_statuses(body):
        if not reported.failed:
            return without_code
        if reported.code is not None:
            return reported
        without_code = without_code or reported
    return without_code


def failure_despite_success(body: Any) -> ReportedStatus | None:
    """The failure that a code names beside `"success": "true"`, in a body without a customer.

    Published for OAuth: 401 and 498, with `"customers": null`.
    """
    if not isinstance(body, dict) or API_KEYS.isdisjoint(body):
        return None
    for reported in _reported_statuses(body):
        if reported.failed or reported.code in BODY[reported.level]:
            return reported
    message = body.get("errorMessage")
    if not isinstance(message, str) or not message.strip():
        return None
    return ReportedStatus(Level.REQUEST, failed=True, code=None, message=message)


def _reported_statuses(body: Mapping[str, Any]) -> Iterator[ReportedStatus]:
    """The statuses that the levels of a body report, the most specific first."""
    response = _object(body.get("response"))
    item = _object(_customer(response).get("item_status"))
    if item:
        yield _parse_status(Level.ITEM, item, item.get("success"))
    if "errors" in body:
        yield from _listed_failures(body["errors"])
    for status in (_object(response.get("status")), _object(body.get("status"))):
        if status:
            yield _parse_status(Level.REQUEST, status, status.get("success"))
    flag = body.get("status")
    if (
        "success" in body
        or (isinstance(flag, bool | str) and _as_bool(flag) is not None)
        or _code(body.get("errorCode"))
    ):
        yield _parse_status(Level.REQUEST, body, body.get("success", flag))


def _customer(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one customer of an answer, who stands elsewhere in batch siblings of the call."""
    customer = response.get("customer")
    if isinstance(customer, dict):
        return customer
    customers = _object(response.get("customers")).get("customer")
    if isinstance(customers, list) and len(customers) == 1:
        customers = customers[0]
    return _object(customers)


def _listed_failures(errors: Any) -> list[ReportedStatus]:
    reported = [
        _parse_status(Level.ERRORS, error, error.get("status"))
        for error in (errors if isinstance(errors, list) else [errors])
        if isinstance(error, dict) and error
    ]
    return sorted((entry for entry in reported if entry.failed), key=_is_vague)


def _is_vague(reported: ReportedStatus) -> bool:
    meaning = None if reported.code is None else BODY[reported.level].get(reported.code)
    return meaning is not None and meaning.vague


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _parse_status(level: Level, status: Mapping[str, Any], success: Any) -> ReportedStatus:
    code = _code(status.get("code"))
    if code is None:
        code = _code(status.get("response_code"))
    if code is None:
        code = _code(status.get("errorCode"))
    succeeded = _as_bool(success)
    if succeeded is None:
        failed = code not in SUCCESS and (code is not None or level is Level.ERRORS)
    else:
        failed = not succeeded
    message = status.get("message") or status.get("errorMessage")
    return ReportedStatus(level, failed, code, message if isinstance(message, str) else "")


def _as_bool(value: Any) -> bool | None:
    text = value.lower() if isinstance(value, str) else value
    if text in (True, "true"):
        return True
    return False if text in (False, "false") else None


def _code(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        value = int(value)
    # Longer than any code, it may be a phone number.
    return value if value.__class__ is int and 0 <= value < _MAX_CODE else None
