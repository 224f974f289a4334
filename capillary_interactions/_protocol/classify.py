"""What does an answer mean? From status, headers and body to one verdict, by the tables.

Three levels can speak, each alone: the item (the customer asked for), the request, and HTTP. The
most specific code wins, so an HTTP 200 may be a failure and a request's "500" about one customer.
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
from capillary_interactions._protocol.attempt_result import (
    Answered,
    Denied,
    Garbled,
    Missing,
    Refused,
    Trouble,
    Verdict,
    trouble,
)
from capillary_interactions._protocol.body import NOT_JSON, Broken, parsed
from capillary_interactions._protocol.codes import (
    BODY,
    SUCCESS,
    CodeMeaning,
    Kind,
    Level,
    meaning_of_code,
    meaning_of_page,
    meaning_of_status,
)
from capillary_interactions._protocol.headers import Wait, asked_wait
from capillary_interactions._protocol.messages import Response
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._text.masking import mask_text

__all__ = [
    "Answered",
    "Denied",
    "Garbled",
    "Missing",
    "Refused",
    "Trouble",
    "Verdict",
    "classify",
]

_BODY_KEPT: Final = 2048
# What a server says may be megabytes, and only its beginning is looked at.
_MESSAGE_READ: Final = 2000
_NO_CODE: Final = 10**6
_UNAUTHORISED: Final = "authorization status unavailable"
_TOO_MANY: Final = meaning_of_status(429).text
# A sentence of nothing but words for it.
_JUST_TOO_MANY: Final = re.compile(
    r"\W*(?:(?:http|error|code|status|429|the|this|your|api|a|is|was|has|been|have|you|too|many|"
    r"requests?|calls?|rate|limit|limited|quota|throttled|exceeded|reached|please|try|again|later|"
    r"retry|slow|down)\b\W*)+",
    re.IGNORECASE,
)
_ORIGIN: Final = re.compile(r"https?://[\w.-]{1,200}(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII)
# Without any of these, a body says nothing about how the request went.
_SPEAKERS: Final = frozenset({"response", "errors", "status", "success"})
# And without any of these, it is not the API that refuses: gateways write {"message": "Forbidden"}.
_OWN_WORDS: Final = _SPEAKERS | {"errorCode", "errorMessage"}
# Statuses that may be about what was asked.
_ASKED: Final = frozenset({400, 422})
_BARE: Final = _ASKED | {401}


def classify(
    response: Response, query: Query, reader: Reader, now: datetime, longest: float = LONGEST
) -> Verdict:
    """What an answer means. It never raises, whatever came.

    Args:
        response: The answer.
        query: What was asked; whoever it is about is masked in every reason.
        reader: Reads the models.
        now: The time, for a Retry-After that is a date.
        longest: Seconds that a Retry-After is believed at most.
    """
    status = response.status
    body = parsed(response)
    if isinstance(body, Broken):
        if _is_success(status):
            return Garbled(body.reason, None, response.body[:_BODY_KEPT])
        body = NOT_JSON
    failed = _failure(body)
    if failed is None and _is_success(status) and body is not NOT_JSON:
        return _read(response, body, reader)
    wait = asked_wait(response.headers, now, longest)
    if failed is None:
        return _by_status(response, body, query, wait)
    if _is_about_access(failed.message, status, failed.code):
        told = f"access refused{failed.told(query)}"
        return Denied(told, status, failed.code, conclusive=False)
    if _status_decides(failed, status):
        meaning = meaning_of_status(status)
        reason = f"HTTP {status}{_after(': ', meaning.text)}"
    else:
        meaning = meaning_of_code(failed.code, failed.level)
        reason = meaning.text
    return _verdict(meaning, f"{reason}{failed.told(query, reason)}", status, failed.code, wait)


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004


def _read(response: Response, body: Any, reader: Reader) -> Verdict:
    try:
        return Answered(reader.read(body))
    except SchemaMismatch as wrong:
        return Garbled(str(wrong), wrong.path or None, response.body[:_BODY_KEPT])


def _by_status(response: Response, body: Any, query: Query, wait: Wait | None) -> Verdict:
    status, meaning = response.status, meaning_of_status(response.status)
    what = ""
    if body is NOT_JSON:
        what = f" with {'a body that is not JSON' if response.body else 'an empty body'}"
        page = response.body[:_BODY_KEPT].decode("latin-1")
        if _is_about_access(page, status, None):
            return Denied(f"HTTP {status}: {_UNAUTHORISED}", status, conclusive=False)
        meaning = meaning_of_page(status, page)
    said = body.get("message") if isinstance(body, dict) else None
    reason = f"HTTP {status}{what}{_after(': ', meaning.text)}{_led_to(response, query)}"
    text = _further(said, query, reason) if isinstance(said, str) else ""
    verdict = _verdict(meaning, f"{reason}{_after(': ', text)}", status, None, wait)
    if not isinstance(verdict, Denied | Refused) or _is_own_word(response, body):
        return verdict
    if isinstance(verdict, Denied):
        return evolve(verdict, own_word=False)
    # An empty one may still be the API's, of a version that has no such path.
    bare = not response.body
    return evolve(verdict, reason=SettingsReason(verdict.reason), own_word=bare)


def _is_own_word(response: Response, body: Any) -> bool:
    """Whether a refusal is the API's, and not one of a proxy or firewall in front of it.

    A bare 401 is taken for the API's: it is HTTP's own word on credentials (RFC 9110, 15.5.2). A
    bare 400 or 422, or one in JSON of any kind, may be about one customer's spelling.
    """
    if response.status in _BARE and not response.body:
        return True
    if response.status in _ASKED and isinstance(body, dict):
        return True
    return isinstance(body, dict) and not _OWN_WORDS.isdisjoint(body)


def _led_to(response: Response, query: Query) -> str:
    """Where a redirect leads, without path and query, which may repeat what was asked."""
    if not 300 <= response.status < 400:  # noqa: PLR2004
        return ""
    found = _ORIGIN.match(response.headers.get("location", ""))
    return f" (it leads to {_masked(found[0], query)})" if found else ""


def _verdict(
    meaning: CodeMeaning, reason: str, status: int, code: int | None, wait: Wait | None
) -> Verdict:
    reason = SettingsReason(reason) if meaning.misconfigured else reason
    match meaning.kind:
        case Kind.MISSING:
            return Missing(reason, code)
        case Kind.REFUSED:
            return Refused(reason, status, code)
        case Kind.DENIED | Kind.FORBIDDEN:
            return Denied(reason, status, code, conclusive=meaning.kind is Kind.DENIED)
        case Kind.AGAIN | Kind.THROTTLED:
            throttled = meaning.kind is Kind.THROTTLED
            return trouble(reason, status, code, throttled=throttled, wait=wait)


@frozen
class _Said:
    """What one level of a body says about how it went."""

    level: Level
    failed: bool
    code: int | None
    message: str

    def told(self, query: Query, before: str = "") -> str:
        """Its code and message, as the end of a reason; only what is not told `before`."""
        known = self.code is None or f"HTTP {self.code}" in before
        code = "" if known else f" ({self.code})"
        return f"{code}{_after(': ', _further(self.message, query, before))}"


def _failure(body: Any) -> _Said | None:
    """The most specific failure that a body reports, or None."""
    if not isinstance(body, dict) or _SPEAKERS.isdisjoint(body):
        return None
    nameless: _Said | None = None
    for said in _statements(body):
        if not said.failed:
            return nameless
        if said.code is not None:
            return said
        nameless = nameless or said
    return nameless


def _statements(body: Mapping[str, Any]) -> Iterator[_Said]:
    """What the levels of a body say, the most specific first."""
    response = _object(body.get("response"))
    item = _object(_object(response.get("customer")).get("item_status"))
    if item:
        yield _said(Level.ITEM, item, item.get("success"))
    errors = body.get("errors")
    for error in errors if isinstance(errors, list) else [errors]:
        if isinstance(error, dict) and error:
            said = _said(Level.ERRORS, error, error.get("status"))
            if said.failed:
                yield said
    for status in (_object(response.get("status")), _object(body.get("status"))):
        if status:
            yield _said(Level.REQUEST, status, status.get("success"))
    word = body.get("status")
    if "success" in body or (isinstance(word, bool | str) and _truth(word) is not None):
        yield _said(Level.REQUEST, body, body.get("success", word))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _said(level: Level, status: Mapping[str, Any], success: Any) -> _Said:
    code = _code(status.get("code"))
    if code is None:
        code = _code(status.get("response_code"))
    told = _truth(success)
    if told is None:
        failed = code not in SUCCESS and (code is not None or level is Level.ERRORS)
    else:
        failed = not told
    message = status.get("message")
    return _Said(level, failed, code, message if isinstance(message, str) else "")


def _truth(value: Any) -> bool | None:
    word = value.lower() if isinstance(value, str) else value
    if word in (True, "true"):
        return True
    return False if word in (False, "false") else None


def _code(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        value = int(value)
    # Longer than any code: perhaps somebody's number.
    return value if value.__class__ is int and 0 <= value < _NO_CODE else None


def _status_decides(said: _Said, status: int) -> bool:
    """Whether HTTP's own status says more than the code in the body."""
    # The quota is felt, and a redirect is not followed, whatever else is said.
    if status == 429 or 300 <= status < 400:  # noqa: PLR2004
        return True
    if said.code not in BODY[said.level]:
        # Even a code that is not listed names a failure, where a bare 500 names none.
        named = said.code is not None and said.level is not Level.REQUEST
        return status >= 400 and not (named and status == 500)  # noqa: PLR2004
    # "All requests have failed" is what is said of a refused token, too.
    return status == 401 and said.level is Level.REQUEST  # noqa: PLR2004


def _is_about_access(text: str, status: int, code: int | None) -> bool:
    return 503 in (status, code) and _UNAUTHORISED in text[:_MESSAGE_READ].lower()  # noqa: PLR2004


def _further(message: str, query: Query, before: str) -> str:
    """What a message says beyond what is told before it."""
    short = len(message) <= _MESSAGE_READ
    repeated = short and before.endswith(_TOO_MANY) and _JUST_TOO_MANY.fullmatch(message)
    return "" if repeated else _masked(message, query)


def _masked(message: str, query: Query) -> str:
    value = query.identifier.value
    return mask_text(message, value, value.strip(), quote(value, safe=""))


def _after(separator: str, text: str) -> str:
    return f"{separator}{text}" if text else ""
