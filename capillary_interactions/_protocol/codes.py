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


class Kind(enum.Enum):
    """Which way an answer that is none goes."""

    MISSING = enum.auto()
    REFUSED = enum.auto()
    DENIED = enum.auto()
    """The credentials are refused."""
    FORBIDDEN = enum.auto()
    """The credentials, or this one request: it depends on whether they were ever accepted."""
    AGAIN = enum.auto()
    THROTTLED = enum.auto()


class Level(enum.Enum):
    """Who says it; the former knows better what it is about."""

    ITEM = enum.auto()
    ERRORS = enum.auto()
    REQUEST = enum.auto()


@frozen
class CodeMeaning:
    """What a code says.

    Attributes:
        kind: Which way the answer goes.
        text: The same for a person; "" where the number says it all.
        misconfigured: Whether it is about the settings or the deployment, not about the query.
    """

    kind: Kind
    text: str = ""
    misconfigured: bool = False


CLIENT_CERTIFICATE: Final = (
    "the server wants a client certificate (mTLS); transport= takes a session that has one"
)
ENCRYPTED: Final = "the port speaks TLS: base_url (--base-url) must begin with https://"
_CHECK: Final = "wrong version, path or method; check base_url and api"
_FAILED: Final = CodeMeaning(Kind.AGAIN, "the server failed")
_FAILURES: Final = (500, 502, 503, 504, 520, 522, 523, 524)

_EVERYWHERE: Final[Mapping[int, CodeMeaning]] = {
    400: CodeMeaning(Kind.REFUSED, "invalid or missing input"),
    401: CodeMeaning(Kind.DENIED, "credentials refused"),
    403: CodeMeaning(Kind.FORBIDDEN, "access refused"),
    429: CodeMeaning(Kind.THROTTLED, "too many requests"),
    461: CodeMeaning(Kind.AGAIN, "search engine busy"),
    # Also a content delivery network's "server down"; both pass.
    521: CodeMeaning(Kind.AGAIN, "the customer or the server is busy"),
    **dict.fromkeys(_FAILURES, _FAILED),
    501: CodeMeaning(Kind.REFUSED, "not implemented by the server"),
    505: CodeMeaning(Kind.REFUSED, "HTTP version not supported by the server"),
}
_WRONG_CALL: Final = dict.fromkeys(
    (402, 404, 405, 406, 415), CodeMeaning(Kind.REFUSED, _CHECK, misconfigured=True)
)

_ITEM: Final[Mapping[int, CodeMeaning]] = {
    **_EVERYWHERE,
    **dict.fromkeys((816, 1011, 1012, 8015), CodeMeaning(Kind.MISSING, "customer not found")),
    **dict.fromkeys((1013, 1020), CodeMeaning(Kind.MISSING, "customer not registered for loyalty")),
    **dict.fromkeys(
        (1001, 1002, 1003, 1015, 1042, 1104), CodeMeaning(Kind.REFUSED, "invalid or missing input")
    ),
    1044: CodeMeaning(Kind.FORBIDDEN, "access refused"),
    618: CodeMeaning(Kind.REFUSED, "customer marked as fraud"),
    # In a body these two are not what HTTP means by them.
    408: CodeMeaning(Kind.REFUSED, "MAC address does not match"),
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
    **dict.fromkeys(_FAILURES, CodeMeaning(Kind.AGAIN)),
    407: CodeMeaning(Kind.REFUSED, "a proxy wants credentials", misconfigured=True),
    # RFC 6585: the page of a network that wants a login, sent in place of the answer.
    511: CodeMeaning(
        Kind.AGAIN, "this network wants a login first (a captive portal)", misconfigured=True
    ),
    408: CodeMeaning(Kind.AGAIN, "the server timed out"),
}

SUCCESS: Final = frozenset({*range(200, 300), 1000})


def meaning_of_status(status: int) -> CodeMeaning:
    """What an HTTP status means, the unlisted ones too."""
    if status in HTTP:
        return HTTP[status]
    if 300 <= status < 400:  # noqa: PLR2004
        return CodeMeaning(
            Kind.REFUSED, "redirects are not followed; check base_url", misconfigured=True
        )
    return CodeMeaning(Kind.REFUSED if 400 <= status < 500 else Kind.AGAIN)  # noqa: PLR2004


# What nginx, Apache, Go and content delivery networks say with a 400, in pages of their own.
_PAGES: Final = (
    (
        re.compile(
            r"plain http request was sent to https|speaking plain http to an ssl"
            r"|http request to an https server",
            re.IGNORECASE,
        ),
        CodeMeaning(Kind.REFUSED, ENCRYPTED, misconfigured=True),
    ),
    (
        re.compile(r"no required ssl certificate|ssl certificate error", re.IGNORECASE),
        CodeMeaning(Kind.REFUSED, CLIENT_CERTIFICATE, misconfigured=True),
    ),
)
_PAGE: Final = CodeMeaning(
    Kind.REFUSED,
    "invalid or missing input; not the API's own answer: check base_url and what is in front of it",
    misconfigured=True,
)


def meaning_of_page(status: int, page: str) -> CodeMeaning:
    """What an HTTP status means that comes with a page, which the API itself does not send."""
    if status != 400 or not page:  # noqa: PLR2004
        return meaning_of_status(status)
    return next((meaning for words, meaning in _PAGES if words.search(page)), _PAGE)


def meaning_of_code(code: int | None, level: Level) -> CodeMeaning:
    """What a code in a body means that reports a failure, the unlisted ones too."""
    listed = None if code is None else BODY[level].get(code)
    if listed is not None:
        return listed
    # A failure of the request as a whole tells nothing about the customer: it may pass.
    passing = level is Level.REQUEST and (code is None or code >= 500)  # noqa: PLR2004
    return _FAILED if passing else CodeMeaning(Kind.REFUSED, "refused by the server")


# What is wrong with the question itself, by status or code; whatever else is rejected (a wrong
# path, a method, a redirect) is a fault of the application's settings.
_REQUEST_FAULTS: Final = frozenset({400, 422, 618, 1001, 1002, 1003, 1015, 1042, 1104})


def is_request_fault(outcome: Rejected) -> bool:
    """Whether the question is at fault, and not the settings."""
    if isinstance(outcome.reason, SettingsReason):
        return False
    return outcome.attempts == 0 or not _REQUEST_FAULTS.isdisjoint({outcome.status, outcome.code})
