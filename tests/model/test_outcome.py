"""In which ways a lookup can end, and what is raised."""

from collections.abc import Mapping
from typing import Any, assert_never, get_args, get_type_hints

import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from capillary_interactions import (
    AuthenticationError,
    CapillaryError,
    ConfigurationError,
    CustomerInteractions,
    EndpointDownError,
    Found,
    Interaction,
    LookupFailedError,
    NotFound,
    Outcome,
    Query,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.outcome import ENDINGS, with_all_endings
from tests.examples import IDENTIFIER, MOBILE, carried
from tests.tables import table

_COMMON: Mapping[str, Any] = {
    "query": Query(IDENTIFIER, type="whatsapp"),
    "item": {"row": 7},
    "attempts": 3,
    "elapsed": 1.5,
    "waited": 0.25,
    "request_id": "r-1",
    "sent_value": None,
    "status": 418,
    # As aiohttp gives them; they can be neither copied nor pickled.
    "headers": CIMultiDictProxy(CIMultiDict({"X-A": "b"})),
}
_WHOLE = CustomerInteractions(name="capillary", interactions=(Interaction(name="sms", count=0),))
_FAILED: tuple[NotFound | Rejected | Unreadable | Unavailable, ...] = (
    NotFound(reason="unknown (1012)", code=1012, **_COMMON),
    Rejected(reason="invalid", code=1015, **_COMMON),
    Unreadable(reason="not an int", path="interaction[0].count", body=b"{}", **_COMMON),
    Unavailable(reason="HTTP 503", retry_after=2.5, **_COMMON),
)
_ALL: tuple[Outcome, ...] = (Found(customer=_WHOLE, **_COMMON), *_FAILED)


def test_is_a_closed_union_of_five() -> None:
    """No ending but these, each with its name."""
    assert tuple(outcome.ending for outcome in _ALL) == ENDINGS
    assert len({type(outcome) for outcome in _ALL}) == len(ENDINGS)
    assert ENDINGS == ("found", "not_found", "rejected", "unreadable", "unavailable")


def test_names_the_type_of_its_item_at_run_time() -> None:
    """In annotations that a framework reads, alone and in unions."""

    def handler(outcome: Outcome[int], other: Outcome[str] | None, bare: Outcome) -> Found[int]:
        raise NotImplementedError

    hints = get_type_hints(handler)
    assert get_args(hints["outcome"]) == (int,)
    assert type(None) in get_args(hints["other"])
    assert hints["bare"] == Outcome
    assert hints["return"] == Found[int]
    assert type(Found[int](query=_COMMON["query"], item=7, customer=_WHOLE)) is Found


def test_is_an_instance_of_their_union() -> None:
    """`isinstance` and a class pattern ask for any of the five, and for no other value."""
    union: Any = Outcome
    assert all(isinstance(outcome, union) for outcome in _ALL)
    assert not isinstance(_WHOLE, union)
    assert union.__name__ == "Outcome"


@table("outcome", _ALL)
def test_tells_what_every_outcome_tells(outcome: Outcome) -> None:
    """The common fields, whatever the ending."""
    assert {name: getattr(outcome, name) for name in _COMMON} == {
        **_COMMON,
        "headers": {"x-a": "b"},
    }


@table(
    ("kind", "fields"),
    [
        (Found, {"customer"}),
        (NotFound, {"reason", "code"}),
        (Rejected, {"reason", "code"}),
        (Unreadable, {"reason", "path", "body"}),
        (Unavailable, {"reason", "retry_after"}),
    ],
)
def test_has_the_fields_of_its_ending(kind: type[Any], fields: set[str]) -> None:
    """The contract's fields beyond the common ones, and no others."""
    assert {each.alias for each in attrs.fields(kind)} - set(_COMMON) == fields


@table("outcome", _ALL)
def test_travels_whole(outcome: Outcome) -> None:
    """A pickle of an outcome holds every field, the body and the item too."""
    arrived = carried(outcome)

    assert arrived == outcome
    assert arrived.headers == outcome.headers
    assert type(arrived) is type(outcome)


@table("outcome", _ALL)
def test_is_frozen(outcome: Outcome) -> None:
    """An outcome is a value to look at twice."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        outcome.attempts = 9  # type: ignore[misc]


def test_gives_the_answer_when_unwrapped() -> None:
    """For callers who prefer exceptions, the answer or one."""
    assert Found(customer=_WHOLE, **_COMMON).unwrap() is _WHOLE


@table("outcome", _FAILED)
def test_raises_itself_when_unwrapped(
    outcome: NotFound | Rejected | Unreadable | Unavailable,
) -> None:
    """The exception holds the outcome, and its text masks whose it is."""
    with pytest.raises(LookupFailedError) as raised:
        outcome.unwrap()

    assert raised.value.outcome is outcome
    assert str(raised.value).startswith(f"{outcome.ending}: {outcome.reason} (")
    assert MOBILE not in f"{raised.value} {raised.value!r}"


def _web_status(outcome: Outcome) -> int:
    match outcome:
        case Found():
            return 200
        case NotFound():
            return 404
        case Rejected() | Unreadable():
            return 502
        case Unavailable():
            return 503
        case _:
            assert_never(outcome)


def test_is_matched_by_five_cases() -> None:
    """A `match` over the five leaves nothing, which mypy proves here."""
    assert [_web_status(outcome) for outcome in _ALL] == [200, 404, 502, 502, 503]


@table(
    ("raised", "text"),
    [
        (CapillaryError("no"), "no"),
        (ConfigurationError("in_flight must be 1 or more"), "in_flight must be 1 or more"),
        (AuthenticationError("refused"), "refused"),
        (AuthenticationError("refused", 401), "refused (HTTP 401)"),
        (AuthenticationError("refused", None, 1044), "refused (code 1044)"),
        (AuthenticationError("refused", 403, 1044), "refused (HTTP 403, code 1044)"),
        (
            EndpointDownError(20, "HTTP 503", {"found": 1, "unavailable": 20}),
            (
                "20 lookups in a row had no answer (last: HTTP 503); is the endpoint up, and are "
                "base_url and the network right?"
            ),
        ),
        *((LookupFailedError(outcome), str(LookupFailedError(outcome))) for outcome in _FAILED),
    ],
)
def test_raises_plain_values_that_travel(raised: CapillaryError, text: str) -> None:
    """Each exception comes back from a pickle with its text and every attribute."""
    arrived = carried(raised)

    assert (type(arrived), str(arrived), str(raised)) == (type(raised), text, text)
    assert vars(arrived) == vars(raised)
    assert repr(arrived) == repr(raised)


def test_keeps_counts_of_its_own() -> None:
    """What a stream counts on does not change an exception that was raised."""
    counts = {"found": 1}
    raised = EndpointDownError(1, "x", counts)
    counts["found"] = 2

    assert raised.counts == {"found": 1}


@table("kind", [ConfigurationError, AuthenticationError, EndpointDownError, LookupFailedError])
def test_has_one_root(kind: type[Exception]) -> None:
    """One `except` catches whatever this library raises; a setting's error is a ValueError too."""
    assert issubclass(kind, CapillaryError)
    assert issubclass(kind, ValueError) == (kind is ConfigurationError)


def test_counts_endings_that_never_came() -> None:
    """Every ending has a count, in the order of the union."""
    assert with_all_endings({"rejected": 2}) == dict.fromkeys(ENDINGS, 0) | {"rejected": 2}
    assert tuple(with_all_endings({"rejected": 2})) == ENDINGS
