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
from capillary_interactions._model.query import Query
from capillary_interactions._model.vocabulary import ApiVersion


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
        misconfigured: Whether it is about the settings or the deployment, not about the query, so
            that every lookup ends the same. Its reason is then a `SettingsReason`.
        query_fields: Fields of a query that override the setting: a query that sets one of them is
            at fault itself.
        settings: Which settings are to be looked at, where it is about these; "" for the address.
        query_fault: Whether what is asked is at fault (HTTP 400 in a web application).
        about_identifier: Whether the identifier is missing or invalid, which may also mean that
            the other version of the API spells it.
        throttled: Whether the request was refused for its rate.
        conclusive: Whether refused credentials are wrong for sure; otherwise it may be about this
            one request, if they were ever accepted.
        remedy: What to do, at the end of the reason; once retries are spent, if it is retried.
        vague: Whether another code beside it says more.
    """

    kind: ResultKind
    text: str = ""
    misconfigured: bool = False
    query_fields: tuple[str, ...] = ()
    settings: str = ""
    query_fault: bool = False
    about_identifier: bool = False
    throttled: bool = False
    conclusive: bool = True
    remedy: str = ""
    vague: bool = False


CLIENT_CERTIFICATE: Final = (
    "the server wants a client certificate (mTLS): the file of one is tls.client_cert "
    "(--client-cert, CAPILLARY_CLIENT_CERT)"
)
CLIENT_REFUSED: Final = (
    "the server does not accept the client certificate (tls.client_cert, --client-cert)"
)
ENCRYPTED: Final = "the port speaks TLS: base_url (--base-url) must begin with https://"
OTHER_VERSION: Final[Mapping[ApiVersion, str]] = {
    ApiVersion.V1_1: 'check the kind of identifier, or try api="v2" (--api v2)',
    ApiVersion.V2: 'check the kind of identifier, or try api="v1.1" (--api v1.1)',
}
_CHECK: Final = "wrong version, path or method; check base_url and api"
_INVALID: Final = CodeMeaning(ResultKind.REJECTED, "invalid or missing input", query_fault=True)
_UNKNOWN: Final = CodeMeaning(ResultKind.NOT_FOUND, "customer not found")
_ELSEWHERE: Final = CodeMeaning(
    ResultKind.NOT_FOUND, "no customer with this identifier in the given source"
)
_DELETED: Final = CodeMeaning(ResultKind.NOT_FOUND, "customer deleted, with all personal data")
_UNREGISTERED: Final = CodeMeaning(ResultKind.NOT_FOUND, "customer not registered for loyalty")
_FORBIDDEN: Final = CodeMeaning(
    ResultKind.CREDENTIALS_REFUSED,
    "access refused",
    conclusive=False,
    settings="the rights of the credentials (their access group)",
    remedy=(
        "the access group of an OAuth client needs the Customer resource (Read or Write), and a "
        "change of it takes an hour"
    ),
)
UNAUTHORISED: Final = CodeMeaning(
    ResultKind.RETRYABLE,
    "authorization status unavailable",
    remedy=(
        "check the access group of the OAuth client, which needs the Customer resource (Read or "
        "Write)"
    ),
)
_WRONG_ORGANISATION: Final = CodeMeaning(
    ResultKind.CREDENTIALS_REFUSED,
    "invalid organisation, child organisation or till",
    misconfigured=True,
    conclusive=False,
    settings="the organisation or till of the credentials, or of attribution= and headers=",
    remedy="check the credentials, attribution= and headers=",
)
_WRONG_SOURCE: Final = CodeMeaning(
    ResultKind.REJECTED,
    "source or account id missing or invalid; check source and account_id",
    misconfigured=True,
    query_fields=("source", "account_id"),
    settings="source and account_id (CAPILLARY_SOURCE, CAPILLARY_ACCOUNT_ID)",
)
_WRONG_IDENTIFIER: Final = CodeMeaning(
    ResultKind.REJECTED, "identifier missing or invalid", query_fault=True, about_identifier=True
)
_WRONG_PAGE: Final = CodeMeaning(
    ResultKind.REJECTED,
    "offset or limit out of range; check page_size, limit and offset",
    misconfigured=True,
    query_fields=("limit", "offset"),
    settings="page_size (CAPILLARY_PAGE_SIZE)",
)
_UNFETCHED: Final = CodeMeaning(
    ResultKind.RETRYABLE, "the server was unable to fetch the data", vague=True
)
_CAPTIVE_PORTAL: Final = "this network wants a login first (a captive portal)"
_FAILED: Final = CodeMeaning(ResultKind.RETRYABLE, "the server failed")
_FAILURES: Final = (500, 502, 503, 504, 520, 522, 523, 524)

_EVERYWHERE: Final[Mapping[int, CodeMeaning]] = {
    400: _INVALID,
    401: CodeMeaning(ResultKind.CREDENTIALS_REFUSED, "credentials refused"),
    403: _FORBIDDEN,
    422: _INVALID,
    429: CodeMeaning(ResultKind.RETRYABLE, "too many requests", throttled=True),
    461: CodeMeaning(ResultKind.RETRYABLE, "search engine busy"),
    498: CodeMeaning(ResultKind.CREDENTIALS_REFUSED, "the token has expired"),
    # Also a content delivery network's "server down"; both pass.
    521: CodeMeaning(ResultKind.RETRYABLE, "the customer or the server is busy"),
    **dict.fromkeys(_FAILURES, _FAILED),
    501: CodeMeaning(ResultKind.REJECTED, "not implemented by the server"),
    505: CodeMeaning(ResultKind.REJECTED, "HTTP version not supported by the server"),
}
_WRONG_CALL: Final = dict.fromkeys(
    (402, 404, 405, 406, 415),
    CodeMeaning(
        ResultKind.REJECTED,
        _CHECK,
        misconfigured=True,
        settings="base_url and api (--base-url, --api)",
    ),
)

_ITEM: Final[Mapping[int, CodeMeaning]] = {
    **_EVERYWHERE,
    **dict.fromkeys((816, 1011, 1012, 8015), _UNKNOWN),
    **dict.fromkeys((8065, 8089, 8121), _ELSEWHERE),
    **dict.fromkeys((1013, 1020, 8090), _UNREGISTERED),
    **dict.fromkeys((8026, 8109), _DELETED),
    **dict.fromkeys((1001, 1002, 1003, 1042), _INVALID),
    **dict.fromkeys((1007, 1015, 1045, 1104, 8002, 8013, 8092, 8093), _WRONG_IDENTIFIER),
    **dict.fromkeys((1044, 4000), _FORBIDDEN),
    4001: UNAUTHORISED,
    **dict.fromkeys((1064, 8126, 91020, 91021), _WRONG_ORGANISATION),
    **dict.fromkeys((8001, 8003, 8011, 8012, 8016, 8045, 8091, 8127), _WRONG_SOURCE),
    **dict.fromkeys((8100, 8101, 8102), _WRONG_PAGE),
    1060: CodeMeaning(
        ResultKind.REJECTED, "the identifier is read as several customers", query_fault=True
    ),
    # That header is one of the setting `headers`.
    1061: CodeMeaning(
        ResultKind.REJECTED,
        "lookup header without its type",
        misconfigured=True,
        settings="headers=",
    ),
    **dict.fromkeys((1109, 8025, 8061, 8062, 8063, 8088, *range(91001, 91005)), _UNFETCHED),
    618: CodeMeaning(ResultKind.REJECTED, "customer marked as fraud", query_fault=True),
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
    407: CodeMeaning(
        ResultKind.REJECTED,
        "a proxy wants credentials, in its URL (proxy, CAPILLARY_PROXY: http://user:password@host)",
        misconfigured=True,
    ),
    # RFC 6585: the page of a network that wants a login, sent in place of the answer.
    511: CodeMeaning(ResultKind.RETRYABLE, _CAPTIVE_PORTAL, misconfigured=True),
    408: CodeMeaning(ResultKind.RETRYABLE, "the server timed out"),
}

SUCCESS: Final = frozenset({*range(200, 300), 1000})

# The vendor: "try again after some time". The code for it is not always there.
_UNAUTHORISED: Final = re.compile(r"authori[sz]ation status (?:is )?unavailable", re.IGNORECASE)
# A message may be megabytes long, and only its beginning is read.
MAX_MESSAGE_READ: Final = 2000


def is_unauthorised(text: str) -> bool:
    """Whether a text says what 4001 means, which passes, whatever the status beside it is."""
    return _UNAUTHORISED.search(text, 0, MAX_MESSAGE_READ) is not None


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
        re.compile(r"no required ssl certificate", re.IGNORECASE),
        CodeMeaning(ResultKind.REJECTED, CLIENT_CERTIFICATE, misconfigured=True),
    ),
    (
        re.compile(r"ssl certificate error", re.IGNORECASE),
        CodeMeaning(ResultKind.REJECTED, CLIENT_REFUSED, misconfigured=True),
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


def is_about_settings(meaning: CodeMeaning, query: Query) -> bool:
    """Whether it is a setting that is wrong, and not what the query has in its place."""
    return meaning.misconfigured and not _overrides(query, meaning)


def _overrides(query: Query, meaning: CodeMeaning) -> bool:
    return any(getattr(query, name) is not None for name in meaning.query_fields)


def meaning_of_rejection(outcome: Rejected) -> CodeMeaning | None:
    """What its code means, or its status where the code is in no table; None without both."""
    code, status = outcome.code, outcome.status
    meaning = None if code is None else BODY[Level.REQUEST].get(code)
    return meaning_of_status(status) if meaning is None and status is not None else meaning


def is_request_fault(outcome: Rejected) -> bool:
    """Whether the question is at fault, and not the settings.

    Whatever the tables do not list (a named failure) is no question's fault.
    """
    if isinstance(outcome.reason, SettingsReason):
        return False
    if outcome.attempts == 0:
        return True
    meaning = meaning_of_rejection(outcome)
    if meaning is None:
        return False
    return meaning.query_fault or _overrides(outcome.query, meaning)
