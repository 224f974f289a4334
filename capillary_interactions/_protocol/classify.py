"""What does an answer mean? From status, headers and body to one result, by the tables.

Three levels report a status, each on its own: the item (the customer asked for), the request, and
HTTP. The most specific code wins, so an HTTP 200 may be a failure and a request's "500" about one
customer.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from attrs import evolve, frozen

from capillary_interactions._errors import SettingsReason
from capillary_interactions._json.fields import SchemaMismatch
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.query import Query
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.body import NOT_JSON, Broken, parse_body
from capillary_interactions._protocol.codes import (
    BODY,
    SUCCESS,
    CodeMeaning,
    Level,
    ResultKind,
    meaning_of_code,
    meaning_of_page,
    meaning_of_status,
)
from capillary_interactions._protocol.headers import Wait, asked_wait
from capillary_interactions._protocol.messages import Response
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._text.masking import mask_text

_MAX_BODY_KEPT: Final = 2048
# A message may be megabytes long, and only its beginning is read.
_MAX_MESSAGE_READ: Final = 2000
_MAX_CODE: Final = 10**6
_UNAUTHORISED: Final = "authorization status unavailable"
_ORIGIN: Final = re.compile(r"https?://[\w.-]{1,200}(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII)
# Without any of these, a body does not report how the request went.
_STATUS_KEYS: Final = frozenset({"response", "errors", "status", "success"})
# And without any of these, it is not the API that refuses: gateways write {"message": "Forbidden"}.
_API_KEYS: Final = _STATUS_KEYS | {"errorCode", "errorMessage"}
# Statuses that may be about the query.
_ABOUT_QUERY: Final = frozenset({400, 422})
_ABOUT_QUERY_OR_CREDENTIALS: Final = _ABOUT_QUERY | {401}


def classify(
    response: Response, query: Query, reader: Reader, now: datetime, longest: float = LONGEST
) -> AttemptResult:
    """What an answer means. It never raises, whatever the answer is.

    Args:
        response: The answer.
        query: What was looked up; its customer is masked in every reason.
        reader: Reads the models.
        now: The time, for a Retry-After that is a date.
        longest: Seconds that a Retry-After is believed at most.
    """
    status = response.status
    succeeded = 200 <= status < 300  # noqa: PLR2004
    body = parse_body(response)
    if isinstance(body, Broken):
        if succeeded:
            return _unreadable(body.reason, None, response)
        body = NOT_JSON
    failure = None
    if isinstance(body, dict) and not _STATUS_KEYS.isdisjoint(body):
        failure = _failure(body)
    if failure is None and succeeded and body is not NOT_JSON:
        try:
            return AttemptResult(ResultKind.ANSWER, customer=reader.read(body))
        except SchemaMismatch as error:
            return _unreadable(str(error), error.path or None, response)
    wait = asked_wait(response.headers, now, longest)
    if failure is None:
        return _classify_by_status(response, body, query, wait)
    return _classify_failure(failure, status, query, wait)


def _classify_failure(
    failure: "_ReportedStatus", status: int, query: Query, wait: Wait
) -> AttemptResult:
    if _is_about_access(failure.message, status, failure.code):
        reason = f"access refused{failure.describe(query)}"
        return _access_refused(reason, status, failure.code)
    if _status_decides(failure, status):
        meaning = meaning_of_status(status)
        reason = f"HTTP {status}{_prefixed(': ', meaning.text)}"
    else:
        meaning = meaning_of_code(failure.code, failure.level)
        reason = meaning.text
    reason = f"{reason}{failure.describe(query, reason)}"
    return _to_result(meaning, reason, status, failure.code, wait)


def _unreadable(reason: str, path: str | None, response: Response) -> AttemptResult:
    body = response.body[:_MAX_BODY_KEPT]
    return AttemptResult(ResultKind.UNREADABLE, reason, path=path, body=body)


def _access_refused(reason: str, status: int, code: int | None = None) -> AttemptResult:
    return AttemptResult(ResultKind.CREDENTIALS_REFUSED, reason, status, code, conclusive=False)


def _classify_by_status(response: Response, body: Any, query: Query, wait: Wait) -> AttemptResult:
    status, meaning = response.status, meaning_of_status(response.status)
    what = ""
    if body is NOT_JSON:
        what = f" with {'a body that is not JSON' if response.body else 'an empty body'}"
        page = response.body[:_MAX_BODY_KEPT].decode("latin-1")
        if _is_about_access(page, status, None):
            return _access_refused(f"HTTP {status}: {_UNAUTHORISED}", status)
        meaning = meaning_of_page(status, page)
    message = body.get("message") if isinstance(body, dict) else None
    reason = (
        f"HTTP {status}{what}{_prefixed(': ', meaning.text)}{_redirect_target(response, query)}"
    )
    text = _new_information(message, query, reason) if isinstance(message, str) else ""
    result = _to_result(meaning, f"{reason}{_prefixed(': ', text)}", status, None, wait)
    if _is_from_api(response, body):
        return result
    match result.kind:
        case ResultKind.CREDENTIALS_REFUSED:
            return evolve(result, from_api=False)
        case ResultKind.REJECTED:
            # An empty one may still be the API's, of a version that has no such path.
            empty = not response.body
            return evolve(result, reason=SettingsReason(result.reason), from_api=empty)
        case _:
            return result


def _is_from_api(response: Response, body: Any) -> bool:
    """Whether a refusal is the API's, and not one of a proxy or firewall in front of it.

    A bare 401 is taken for the API's: it is HTTP's own status for credentials (RFC 9110, 15.5.2).
    A bare 400 or 422, or one in JSON of any kind, may be about one customer's spelling.
    """
    if not response.body:
        return response.status in _ABOUT_QUERY_OR_CREDENTIALS
    if not isinstance(body, dict):
        return False
    return response.status in _ABOUT_QUERY or not _API_KEYS.isdisjoint(body)


def _redirect_target(response: Response, query: Query) -> str:
    """The origin a redirect leads to, without path and query, which may hold an identifier."""
    if not 300 <= response.status < 400:  # noqa: PLR2004
        return ""
    match = _ORIGIN.match(response.headers.get("location", ""))
    return f" (it leads to {_masked(match[0], query)})" if match else ""


def _to_result(
    meaning: CodeMeaning, reason: str, status: int, code: int | None, wait: Wait
) -> AttemptResult:
    return AttemptResult(
        meaning.kind,
        SettingsReason(reason) if meaning.misconfigured else reason,
        status,
        code,
        retry_after=wait.seconds,
        retry_after_capped=wait.capped,
        throttled=meaning.throttled,
        conclusive=meaning.conclusive,
    )


@frozen
class _ReportedStatus:
    """How the request went, as one level of a body reports it."""

    level: Level
    failed: bool
    code: int | None
    message: str

    def describe(self, query: Query, before: str = "") -> str:
        """Its code and message, as the end of a reason; only what is not in `before`."""
        known = self.code is None or f"HTTP {self.code}" in before
        code = "" if known else f" ({self.code})"
        return f"{code}{_prefixed(': ', _new_information(self.message, query, before))}"


def _failure(body: Mapping[str, Any]) -> _ReportedStatus | None:
    """The most specific failure that a body reports, or None."""
    without_code: _ReportedStatus | None = None
    for reported in _reported_statuses(body):
        if not reported.failed:
            return without_code
        if reported.code is not None:
            return reported
        without_code = without_code or reported
    return without_code


def _reported_statuses(body: Mapping[str, Any]) -> Iterator[_ReportedStatus]:
    """The statuses that the levels of a body report, the most specific first."""
    response = _object(body.get("response"))
    item = _object(_object(response.get("customer")).get("item_status"))
    if item:
        yield _parse_status(Level.ITEM, item, item.get("success"))
    errors = body.get("errors")
    for error in errors if isinstance(errors, list) else [errors]:
        if isinstance(error, dict) and error:
            reported = _parse_status(Level.ERRORS, error, error.get("status"))
            if reported.failed:
                yield reported
    for status in (_object(response.get("status")), _object(body.get("status"))):
        if status:
            yield _parse_status(Level.REQUEST, status, status.get("success"))
    flag = body.get("status")
    if "success" in body or (isinstance(flag, bool | str) and _as_bool(flag) is not None):
        yield _parse_status(Level.REQUEST, body, body.get("success", flag))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _parse_status(level: Level, status: Mapping[str, Any], success: Any) -> _ReportedStatus:
    code = _code(status.get("code"))
    if code is None:
        code = _code(status.get("response_code"))
    succeeded = _as_bool(success)
    if succeeded is None:
        failed = code not in SUCCESS and (code is not None or level is Level.ERRORS)
    else:
        failed = not succeeded
    message = status.get("message")
    return _ReportedStatus(level, failed, code, message if isinstance(message, str) else "")


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


def _status_decides(reported: _ReportedStatus, status: int) -> bool:
    """Whether HTTP's own status is more specific than the code in the body."""
    # The quota is shared, and a redirect is not followed, whatever the body reports.
    if status == 429 or 300 <= status < 400:  # noqa: PLR2004
        return True
    if reported.code not in BODY[reported.level]:
        # Even a code that is not listed names a failure, where a bare 500 names none.
        named = reported.code is not None and reported.level is not Level.REQUEST
        return status >= 400 and not (named and status == 500)  # noqa: PLR2004
    # "All requests have failed" is the message for a refused token, too.
    return status == 401 and reported.level is Level.REQUEST  # noqa: PLR2004


def _is_about_access(text: str, status: int, code: int | None) -> bool:
    return 503 in (status, code) and _UNAUTHORISED in text[:_MAX_MESSAGE_READ].lower()  # noqa: PLR2004


def _new_information(message: str, query: Query, before: str) -> str:
    """A message, unless the text before it already ends with it."""
    short = len(message) <= _MAX_MESSAGE_READ
    # As whole words, as a message "1" is not in "HTTP 401".
    repeated = short and f" {before}".lower().endswith(f" {message.strip(' .')}".lower())
    return "" if repeated else _masked(message, query)


def _masked(message: str, query: Query) -> str:
    value = query.identifier.value
    return mask_text(message, value, value.strip(), quote(value, safe=""))


def _prefixed(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""
