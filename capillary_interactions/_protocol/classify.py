"""What does an answer mean? From status, headers and body to one result, by the tables.

Three levels report a status, each on its own: the item (the customer asked for), the request, and
HTTP. The most specific code wins, so an HTTP 200 may be a failure and a request's "500" about one
customer.
"""

import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from attrs import evolve

from capillary_interactions._errors import SettingsReason
from capillary_interactions._json.fields import SchemaMismatch
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.query import Query
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._protocol.attempt_result import AttemptResult, answer_result
from capillary_interactions._protocol.body import NOT_JSON, Broken, parse_body
from capillary_interactions._protocol.codes import (
    BODY,
    MAX_MESSAGE_READ,
    OTHER_VERSION,
    UNAUTHORISED,
    CodeMeaning,
    Level,
    ResultKind,
    is_about_settings,
    is_unauthorised,
    meaning_of_code,
    meaning_of_page,
    meaning_of_status,
)
from capillary_interactions._protocol.headers import Wait, asked_wait
from capillary_interactions._protocol.messages import Response
from capillary_interactions._protocol.reported_status import (
    API_KEYS,
    ReportedStatus,
    failure_despite_success,
    reported_failure,
)
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._text.masking import mask_text

_MAX_BODY_KEPT: Final = 2048
# The codes of Capillary; those below repeat what HTTP's statuses mean.
_FIRST_OWN_CODE: Final = 1000
_ORIGIN: Final = re.compile(r"https?://[\w.-]{1,200}(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII)
_REFUSED: Final = frozenset({401, 498})
# Statuses that may be about the query.
_ABOUT_QUERY: Final = frozenset({400, 422})
_ABOUT_QUERY_OR_CREDENTIALS: Final = _ABOUT_QUERY | _REFUSED


def classify(  # noqa: PLR0917
    response: Response,
    query: Query,
    reader: Reader,
    now: datetime,
    longest: float = LONGEST,
    api: ApiVersion = ApiVersion.V1_1,
) -> AttemptResult:
    """What an answer means. It never raises, whatever the answer is.

    Args:
        response: The answer.
        query: What was looked up; its customer is masked in every reason.
        reader: Reads the models.
        now: The time, for a Retry-After that is a date.
        longest: Seconds that a Retry-After is believed at most.
        api: The version that was asked, for what may be right in the other one.
    """
    succeeded = 200 <= response.status < 300  # noqa: PLR2004
    body = parse_body(response)
    if isinstance(body, Broken):
        if succeeded:
            return _unreadable(body.reason, None, response)
        body = NOT_JSON
    failure = reported_failure(body)
    if failure is None and succeeded and body is not NOT_JSON:
        result = _read(response, body, reader)
        if result.customer is not None and result.customer.interactions:
            return result
        failure = failure_despite_success(body)
        if failure is None:
            return result
    wait = asked_wait(response.headers, now, longest)
    failure = failure or failure_despite_success(body)
    if failure is None:
        return _classify_by_status(response, body, query, wait)
    return _classify_failure(failure, response.status, query, wait, api)


def _read(response: Response, body: Any, reader: Reader) -> AttemptResult:
    try:
        return answer_result(reader.read(body))
    except SchemaMismatch as error:
        return _unreadable(str(error), error.path or None, response)


def _classify_failure(
    failure: ReportedStatus, status: int, query: Query, wait: Wait, api: ApiVersion
) -> AttemptResult:
    if _status_decides(failure, status):
        meaning = meaning_of_status(status)
        reason = f"HTTP {status}{_prefixed(': ', meaning.text)}"
    else:
        meaning = meaning_of_code(failure.code, failure.level)
        if is_unauthorised(failure.message):
            meaning = UNAUTHORISED
        reason = meaning.text
    reason = f"{reason}{_describe(failure, query, reason)}"
    if meaning.about_identifier:
        reason = f"{reason}; {OTHER_VERSION[api]}"
    return _with_remedy(_to_result(meaning, reason, status, failure.code, wait, query), meaning)


def _describe(failure: ReportedStatus, query: Query, before: str) -> str:
    """Its code and message, as the end of a reason; only what is not in the text before it."""
    known = failure.code is None or f"HTTP {failure.code}" in before
    code = "" if known else f" ({failure.code})"
    return f"{code}{_prefixed(': ', _new_information(failure.message, query, before))}"


def _with_remedy(result: AttemptResult, meaning: CodeMeaning) -> AttemptResult:
    """A refusal by the API itself, with what to do about it; later, if it is retried before."""
    if not meaning.remedy:
        return result
    if result.kind is ResultKind.RETRYABLE:
        return evolve(result, remedy=meaning.remedy)
    reason = f"{result.reason}; {meaning.remedy}"
    return evolve(result, reason=type(result.reason)(reason))


def _unreadable(reason: str, path: str | None, response: Response) -> AttemptResult:
    body = response.body[:_MAX_BODY_KEPT]
    return AttemptResult(ResultKind.UNREADABLE, reason, path=path, body=body)


def _classify_by_status(response: Response, body: Any, query: Query, wait: Wait) -> AttemptResult:
    status, meaning = response.status, meaning_of_status(response.status)
    what = page = ""
    if body is NOT_JSON:
        what = f" with {'a body that is not JSON' if response.body else 'an empty body'}"
        page = response.body[:_MAX_BODY_KEPT].decode("latin-1")
        meaning = meaning_of_page(status, page)
    message = body.get("message") if isinstance(body, dict) else None
    said = message if isinstance(message, str) else page
    if not _is_final(status) and is_unauthorised(said):
        meaning = UNAUTHORISED
    reason = (
        f"HTTP {status}{what}{_prefixed(': ', meaning.text)}{_redirect_target(response, query)}"
    )
    text = _new_information(message, query, reason) if isinstance(message, str) else ""
    reason = f"{reason}{_prefixed(': ', text)}"
    result = _to_result(meaning, reason, status, None, wait, query)
    if meaning is UNAUTHORISED or _is_from_api(response, body):
        return _with_remedy(result, meaning)
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

    A bare 401 is taken for the API's: it is HTTP's own status for credentials (RFC 9110, 15.5.2);
    and so is a bare 498, which is the vendor's code for a token that has expired.
    A bare 400 or 422, or one in JSON of any kind, may be about one customer's spelling.
    """
    if not response.body:
        return response.status in _ABOUT_QUERY_OR_CREDENTIALS
    if not isinstance(body, dict):
        return False
    return response.status in _ABOUT_QUERY or not API_KEYS.isdisjoint(body)


def _redirect_target(response: Response, query: Query) -> str:
    """The origin a redirect leads to, without path and query, which may hold an identifier."""
    if not 300 <= response.status < 400:  # noqa: PLR2004
        return ""
    match = _ORIGIN.match(response.headers.get("location", ""))
    return f" (it leads to {_masked(match[0], query)})" if match else ""


def _to_result(  # noqa: PLR0917
    meaning: CodeMeaning, reason: str, status: int, code: int | None, wait: Wait, query: Query
) -> AttemptResult:
    return AttemptResult(
        meaning.kind,
        SettingsReason(reason) if is_about_settings(meaning, query) else reason,
        status,
        code,
        retry_after=wait.seconds,
        retry_after_capped=wait.capped,
        throttled=meaning.throttled,
        conclusive=meaning.conclusive,
    )


def _status_decides(reported: ReportedStatus, status: int) -> bool:
    """Whether HTTP's own status is more specific than the code in the body."""
    if _is_final(status):
        return True
    if reported.code is None or reported.code not in BODY[reported.level]:
        # Even a code that is not listed names a failure, where a bare 500 names none.
        named = reported.code is not None and reported.level is not Level.REQUEST
        unnamed = is_unauthorised(reported.message)
        return status >= 400 and not (named and status == 500) and not unnamed  # noqa: PLR2004
    # "All requests have failed" is the message for a refused token, too.
    generic = reported.level is Level.REQUEST and reported.code < _FIRST_OWN_CODE
    return status in _REFUSED and generic and not is_unauthorised(reported.message)


def _is_final(status: int) -> bool:
    """Whether a status counts whatever the body reports."""
    # The quota is shared, and a redirect is not followed.
    return status == 429 or 300 <= status < 400  # noqa: PLR2004


def _new_information(message: str, query: Query, before: str) -> str:
    """A message, unless the text before it already ends with it."""
    short = len(message) <= MAX_MESSAGE_READ
    # As whole words, as a message "1" is not in "HTTP 401".
    repeated = short and f" {before}".lower().endswith(f" {message.strip(' .!')}".lower())
    return "" if repeated else _masked(message, query)


def _masked(message: str, query: Query) -> str:
    value = query.identifier.value
    return mask_text(message, value, value.strip(), quote(value, safe=""))


def _prefixed(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""
