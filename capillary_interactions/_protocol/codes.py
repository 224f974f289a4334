"""What does a status or a code mean? Tables, and nothing else.

Source: the status codes published for this call and its siblings (docs.capillarytech.com), and the
IANA registry for HTTP's own.
"""

import enum
import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from capillary_interactions._errors import SettingsReason
from capillary_interactions._model.outcome import Rejected


class ResultKind(enum.Enum):
    """How an attempt or a lookup ends; the value is its name in `AttemptEnded.ending`."""

    ANSWER = "found"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"
    CREDENTIALS_REFUSED = "denied"
    RETRYABLE = "failed"
    UNAVAILABLE = "unavailable"
    """No answer, and no further attempt."""


class Level(enum.Enum):
    """The part of a body that a code is in, the most specific one first."""

    ITEM = enum.auto()
    ERRORS = enum.auto()
    REQUEST = enum.auto()


@frozen
class CodeMeaning:
    """What a status or a code means.

    Attributes:
        kind: How the attempt ends.
        text: A description; "" where the number is enough.
        misconfigured: Whether it is about the settings or the deployment, not about the query.
        throttled: Whether the request was refused for its rate.
        conclusive: Whether refused credentials are wrong for sure; otherwise it may be about this
            one request, if they were ever accepted.
    """

    kind: ResultKind
    text: str = ""
    misconfigured: bool = False
    throttled: bool = False
    conclusive: bool = True


CLIENT_CERTIFICATE: Final = (
    "the server wants a client certificate (mTLS); transport= takes a session that has one"
)
ENCRYPTED: Final = "the port speaks TLS: base_url (--base-url) must begin with https://"
_CHECK: Final = "wrong version, path or method; check base_url and api"
_INVALID: Final = CodeMeaning(ResultKind.REJECTED, "invalid or missing input")
_UNKNOWN: Final = CodeMeaning(ResultKind.NOT_FOUND, "customer not found")
_UNREGISTERED: Final = CodeMeaning(ResultKind.NOT_FOUND, "customer not registered for loyalty")
_FORBIDDEN: Final = CodeMeaning(ResultKind.CREDENTIALS_REFUSED, "access refused", conclusive=False)
_CAPTIVE_PORTAL: Final = "this network wants a login first (a captive portal)"
_FAILED: Final = CodeMeaning(ResultKind.RETRYABLE, "the server failed")
_FAILURES: Final = (500, 502, 503, 504, 520, 522, 523, 524)

_EVERYWHERE: Final[Mapping[int, CodeMeaning]] = {
    400: _INVALID,
    401: CodeMeaning(ResultKind.CREDENTIALS_REFUSED, "credentials refused"),
    403: _FORBIDDEN,
    429: CodeMeaning(ResultKind.RETRYABLE, "too many requests", throttled=True),
    461: CodeMeaning(ResultKind.RETRYABLE, "search engine busy"),
    # Also a content delivery network's "server down"; both pass.
    521: CodeMeaning(ResultKind.RETRYABLE, "the customer or the server is busy"),
    **dict.fromkeys(_FAILURES, _FAILED),
    501: CodeMeaning(ResultKind.REJECTED, "not implemented by the server"),
    505: CodeMeaning(ResultKind.REJECTED, "HTTP version not supported by the server"),
}
_WRONG_CALL: Final = dict.fromkeys(
    (402, 404, 405, 406, 415), CodeMeaning(ResultKind.REJECTED, _CHECK, misconfigured=True)
)

_ITEM: Final[Mapping[int, CodeMeaning]] = {
    **_EVERYWHERE,
    **dict.fromkeys((816, 1011, 1012, 8015), _UNKNOWN),
    **dict.fromkeys((1013, 1020), _UNREGISTERED),
    **dict.fromkeys((1001, 1002, 1003, 1015, 1042, 1104), _INVALID),
    1044: _FORBIDDEN,
    618: CodeMeaning(ResultKind.REJECTED, "customer marked as fraud"),
    # In a body these two are not what HTTP means by them.
    408: CodeMeaning(ResultKind.REJECTED, "MAC address does not match"),
    407: _FAILED,
}

BODY: Final[Mapping[Level, Mapping[int, CodeMeaning]]] = {
    Level.ITEM: _ITEM,
    Level.ERRORS: {**_ITEM, **_WRONG_CALL},
    Level.REQUEST: {**_ITEM, **_WRONG_CALL},
}

HTTP: Final[Mapping[int, CodeMeaning]] = {
    **_EVERYWHERE,
    **_WRONG_CALL,
    **dict.fromkeys(_FAILURES, CodeMeaning(ResultKind.RETRYABLE)),
    407: CodeMeaning(ResultKind.REJECTED, "a proxy wants credentials", misconfigured=True),
    # RFC 6585: the page of a network that wants a login, sent in place of the answer.
    511: CodeMeaning(ResultKind.RETRYABLE, _CAPTIVE_PORTAL, misconfigured=True),
    408: CodeMeaning(ResultKind.RETRYABLE, "the server timed out"),
}

SUCCESS: Final = frozenset({*range(200, 300), 1000})


def meaning_of_status(status: int) -> CodeMeaning:
    """What an HTTP status means, the unlisted ones too."""
    if status in HTTP:
        return HTTP[status]
    if 300 <= status < 400:  # noqa: PLR2004
        return CodeMeaning(
            ResultKind.REJECTED, "redirects are not followed; check base_url", misconfigured=True
        )
    return CodeMeaning(ResultKind.REJECTED if 400 <= status < 500 else ResultKind.RETRYABLE)  # noqa: PLR2004


# The pages of nginx, Apache, Go and content delivery networks that come with a 400.
_PAGES: Final = (
    (
        re.compile(
            r"plain http request was sent to https|speaking plain http to an ssl"
            r"|http request to an https server",
            re.IGNORECASE,
        ),
        CodeMeaning(ResultKind.REJECTED, ENCRYPTED, misconfigured=True),
    ),
    (
        re.compile(r"no required ssl certificate|ssl certificate error", re.IGNORECASE),
        CodeMeaning(ResultKind.REJECTED, CLIENT_CERTIFICATE, misconfigured=True),
    ),
)
_PAGE: Final = CodeMeaning(
    ResultKind.REJECTED,
    "invalid or missing input; not the API's own answer: check base_url and what is in front of it",
    misconfigured=True,
)


def meaning_of_page(status: int, page: str) -> CodeMeaning:
    """What an HTTP status means with a page, which the API itself does not send."""
    if status != 400 or not page:  # noqa: PLR2004
        return meaning_of_status(status)
    return next((meaning for pattern, meaning in _PAGES if pattern.search(page)), _PAGE)


def meaning_of_code(code: int | None, level: Level) -> CodeMeaning:
    """What a code in a body means that reports a failure, the unlisted ones too."""
    listed = None if code is None else BODY[level].get(code)
    if listed is not None:
        return listed
    # A failure of the whole request is not about the customer: it may pass.
    passing = level is Level.REQUEST and (code is None or code >= 500)  # noqa: PLR2004
    return _FAILED if passing else CodeMeaning(ResultKind.REJECTED, "refused by the server")


# What is wrong with the question itself, by status or code; whatever else is rejected (a wrong
# path, a method, a redirect) is a fault of the application's settings.
_REQUEST_FAULTS: Final = frozenset({400, 422, 618, 1001, 1002, 1003, 1015, 1042, 1104})


def is_request_fault(outcome: Rejected) -> bool:
    """Whether the question is at fault, and not the settings."""
    if isinstance(outcome.reason, SettingsReason):
        return False
    return outcome.attempts == 0 or not _REQUEST_FAULTS.isdisjoint({outcome.status, outcome.code})
