"""Every public value filled with secrets, printed, and searched for them."""

import enum
import logging
from datetime import UTC, datetime
from typing import Any, Final

import capillary_interactions
from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    CapillaryError,
    CheckReport,
    CheckStep,
    ClientConfig,
    ConfigurationError,
    CredentialSnapshot,
    Customer,
    CustomerInteractions,
    EndpointDownError,
    Found,
    Identifier,
    IdentifierName,
    Interaction,
    InteractionsClient,
    Location,
    LookupFailedError,
    Message,
    NotFound,
    OAuth,
    PaceState,
    Query,
    RateLimit,
    Rejected,
    Request,
    Response,
    RetryPolicy,
    SlotAfterDeadlineError,
    Snapshot,
    Survey,
    Timeouts,
    Tls,
    TransportError,
    Unavailable,
    Unreadable,
    WaiterEvictedError,
)
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import layer_headers
from capillary_interactions.testing import Asked, FakeTransport
from tests.tables import table

_SECRET: Final = "correct horse battery"
_DIGEST: Final = "202cb962ac59075b964b07152d234b70"
_MOBILE: Final = "919738522695"
_EMAIL: Final = "a.person@example.com"
_EXTERNAL: Final = "EXT-0000042"
_CODE: Final = "482913"
_LAT: Final = 12.971599
_SECRETS: Final = (_SECRET, _DIGEST, _MOBILE, _EMAIL, _EXTERNAL, _CODE, str(_LAT), "X-Evil")
_NOW: Final = datetime(2025, 1, 1, tzinfo=UTC)
# Keys are words of the server's and shown; what stands behind them is not.
_EXTRA: Final = {"further": _SECRET, "mobile2": _MOBILE, "nested": {"email": _EMAIL}}
_URL: Final = f"https://host.example/v1.1/customer/interaction?mobile={_MOBILE}"

_MESSAGE: Final = Message(
    id=1, receiver=_EMAIL, sender=_MOBILE, subject=f"{_CODE} is the code of {_EMAIL}, {_MOBILE}",
    status="SENT", sent_at=_NOW, extra=_EXTRA,
)  # fmt: skip
_INTERACTION: Final = Interaction(
    name="email",
    count=1,
    messages=(_MESSAGE,),
    surveys=(Survey(name="nps", sent_by=_EMAIL, response_url=_URL, extra=_EXTRA),),
    locations=(Location(lat=_LAT, long=_LAT, time=_NOW, extra=_EXTRA),),
    extra=_EXTRA,
)
_CUSTOMER: Final = Customer(
    id=int(_MOBILE), mobile=_MOBILE, email=_EMAIL, external_id=_EXTERNAL, extra=_EXTRA
)
_WHOLE: Final = CustomerInteractions(
    name=_EMAIL,
    interactions=(_INTERACTION,),
    warnings=(f"{_MOBILE} is odd", {"email": _EMAIL}),
    customer=_CUSTOMER,
    extra=_EXTRA,
)
_QUERIES: Final = tuple(
    Query(Identifier(name, value), extra={"further": _SECRET})
    for name in (
        *(name for name in IdentifierName if name is not IdentifierName.MOBILE),
        IdentifierName.custom("mobile"),
        # A caller may exchange the two.
        IdentifierName.custom(_MOBILE),
    )
    for value in (_MOBILE, _EMAIL, _EXTERNAL)
)
_COMMON: Final[dict[str, Any]] = {
    "query": Query(Identifier.mobile(f"+{_MOBILE}")),
    "sent_value": _MOBILE,
    "item": {"password": _SECRET, "m": _MOBILE},
}
_FAILED: Final = (
    NotFound(reason="unknown", **_COMMON),
    Rejected(reason="invalid", **_COMMON),
    Unreadable(reason="odd", path="name", body=_EMAIL.encode(), **_COMMON),
    Unavailable(reason="late", **_COMMON),
)
_AUTH: Final = (
    BasicAuth(_EXTERNAL, _SECRET),
    BasicAuth.from_md5(_EXTERNAL, _DIGEST),
    OAuth(_EXTERNAL, _SECRET),
)
_CONFIG: Final = ClientConfig(
    "eu",
    _AUTH,
    headers={"X-Key": _SECRET},
    proxy=f"http://{_EXTERNAL}:{_DIGEST}@proxy.example:3128",
    tls=Tls(client_cert="till.pem", client_key_password=_SECRET),
)
_VALUES: Final[tuple[Any, ...]] = (
    *_QUERIES,
    *(query.identifier for query in _QUERIES),
    *_AUTH,
    _CONFIG,
    RateLimit(),
    RetryPolicy(),
    Timeouts(),
    _CONFIG.tls,
    _MESSAGE,
    *_INTERACTION.surveys,
    *_INTERACTION.locations,
    _INTERACTION,
    _CUSTOMER,
    _WHOLE,
    Found(customer=_WHOLE, **_COMMON),
    *_FAILED,
    *(LookupFailedError(outcome) for outcome in _FAILED),
    CheckReport(steps=(CheckStep(name="dns", status="ok", detail="found"),)),
    CheckStep(name="dns", status="ok", detail="found"),
    AuthenticationError("refused", 401),
    CapillaryError("no"),
    ConfigurationError("no"),
    EndpointDownError(1, "no", {}),
    Request(url=_URL, headers={"Authorization": _SECRET}, body=_SECRET.encode()),
    Response(status=200, headers={"set-cookie": _SECRET}, body=_EMAIL.encode()),
    TransportError("the connection was reset"),
    PaceState(rate=1.0, slots_left=1, waiting=0, in_flight=0, cool_down=0.0),
    SlotAfterDeadlineError(1.0),
    WaiterEvictedError(),
    InteractionsClient(_CONFIG, transport=FakeTransport()),
    InteractionsClient(_CONFIG, transport=FakeTransport()).snapshot(),
    *InteractionsClient(_CONFIG, transport=FakeTransport()).snapshot().credentials,
)
# Not exported, but a debugger, a plugin or a foreign transport sees them.
_INNER: Final[tuple[Any, ...]] = (
    Request(url=_URL, headers=layer_headers({"Authorization": _SECRET}, {"X-Key": _SECRET})),
    InteractionsClient(_CONFIG, transport=FakeTransport()).with_options(headers={"X-Y": _SECRET}),
    Asked(
        url=_URL,
        path="/v1.1/customer/interaction",
        params={"mobile": _MOBILE},
        headers={"Authorization": _SECRET},
        timeout=1.0,
        body=_SECRET.encode(),
    ),
    AttemptResult(ResultKind.ANSWER, customer=_WHOLE),
    AttemptResult(ResultKind.UNREADABLE, "odd", path="name", body=_EMAIL.encode()),
    AttemptResult(ResultKind.CREDENTIALS_REFUSED, "refused", 401),
)


def _named(value: object) -> str:
    return type(value).__name__


@table("value", [*_VALUES, *_INNER])
def test_shows_none_of_the_secrets_it_holds(value: object) -> None:
    """Neither by repr, nor by str, nor in a format, a list or a log record."""
    record = logging.LogRecord("x", logging.DEBUG, "x", 1, "%s %r", (value, value), None)
    shown = f"{value!r} {value} {[value]} {record.getMessage()}"

    assert [secret for secret in _SECRETS if secret in shown] == []


def test_leaves_no_public_value_out() -> None:
    """Whatever is exported and holds anything is among the values above."""
    seen = {type(value).__name__ for value in _VALUES}
    names = getattr(capillary_interactions, "__all__")  # noqa: B009 - not for type checkers
    enums = {
        name for name in names if isinstance(getattr(capillary_interactions, name), enum.EnumMeta)
    }

    # Their base, a function, and protocols.
    not_values = {"Outcome", "to_jsonable", "Transport", "Pace"}
    assert set(names) - enums - not_values == seen
    assert {Snapshot.__name__, CredentialSnapshot.__name__} <= seen


@table("value", [_MESSAGE, _WHOLE, _QUERIES[0], _CONFIG])
def test_keeps_what_it_does_not_show(value: Any) -> None:
    """Masks are for people: what a program reads is whole (so the search above can fail)."""
    held = repr([getattr(value, name) for name in type(value).__annotations__ if name[0] != "_"])
    values = {
        Message: _MESSAGE.receiver == _EMAIL,
        CustomerInteractions: _CUSTOMER.mobile == _MOBILE,
        Query: _QUERIES[0].identifier.value == _MOBILE,
        ClientConfig: _CONFIG.headers["X-Key"] == _SECRET,
    }

    assert held
    assert values[type(value)]
