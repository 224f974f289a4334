"""What a caller asks: each parameter, what is refused, and what is shown of it."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import Identifier, IdentifierName, InteractionType, Network, Query
from tests.examples import EMAIL, IDENTIFIER, MOBILE, carried, identifiers, personal, sendable
from tests.tables import table

_TIES = {
    InteractionType.CHECKIN: {Network.FOURSQUARE, Network.FACEBOOK},
    InteractionType.LIKE: {Network.FACEBOOK},
    InteractionType.COMMENT: {Network.FACEBOOK},
    InteractionType.MENTION: {Network.TWITTER},
    InteractionType.RETWEET: {Network.TWITTER},
    InteractionType.TWEET: {Network.TWITTER},
    InteractionType.FEEDBACK: {Network.CAPILLARY},
}
_EVERYTHING: Mapping[str, Any] = {
    "network": Network.CAPILLARY,
    "type": InteractionType.WHATSAPP,
    "limit": 10,
    "offset": 20,
    "source": "INSTORE",
    "account_id": "1234",
    "extra": {"start_date": "2025-01-01"},
}


@table(
    ("make", "name"),
    [
        (Identifier.mobile, "mobile"),
        (Identifier.email, "email"),
        (Identifier.external_id, "external_id"),
        (Identifier.card_number, "card_number"),
        (Identifier.card_external_id, "card_external_id"),
        (Identifier.customer_id, "customer_id"),
    ],
)
def test_makes_each_kind_of_identifier(make: Callable[[str], Identifier], name: str) -> None:
    """Each kind has a constructor, which is the plain one with the kind's text."""
    made = make("554")

    assert (IdentifierName(name), "554") == (made.name, made.value)
    assert Identifier(name, "554") == made


@table("value", ["", " ", "\n", "12\n34", "12\x0034", "\ud800", None, 919738522695])
@table("name", IdentifierName)
def test_refuses_an_identifier_that_is_none(name: IdentifierName, value: Any) -> None:
    """The message names the kind and never holds the value."""
    with pytest.raises(ValueError, match=f"^a customer's {name.value} must ") as refused:
        Identifier(name, value)

    assert "12" not in str(refused.value)
    assert MOBILE not in str(refused.value)


@table("name", ["phone", "MOBILE", "", None, 5, "id"])
def test_names_the_kinds_of_identifier(name: Any) -> None:
    """A kind that is not documented is refused with those that are."""
    with pytest.raises(ValueError, match=r"^an identifier's name must be one of ") as refused:
        Identifier(name, MOBILE)

    assert all(kind.value in str(refused.value) for kind in IdentifierName)
    assert MOBILE not in str(refused.value)


def test_asks_for_everything_by_default() -> None:
    """A query with only an identifier narrows nothing."""
    query = Query(IDENTIFIER)

    assert query.identifier == IDENTIFIER
    assert {name: getattr(query, name) for name in _EVERYTHING} == {
        **dict.fromkeys(_EVERYTHING),
        "extra": {},
    }


def test_keeps_each_parameter() -> None:
    """What is given is what is kept."""
    query = Query(IDENTIFIER, **_EVERYTHING)

    assert dict(_EVERYTHING) == {name: getattr(query, name) for name in _EVERYTHING}


def test_takes_texts_for_the_enums() -> None:
    """Strings become members."""
    query = Query(IDENTIFIER, network="twitter", type="tweet")

    assert query.network is Network.TWITTER
    assert query.type is InteractionType.TWEET


@table("network", Network)
@table("kind", [*InteractionType, InteractionType.custom("sms")])
def test_ties_a_type_to_its_networks(kind: InteractionType, network: Network) -> None:
    """A type of another network is refused with its own; every other pair is let through."""
    if network in _TIES.get(kind, set(Network)):
        assert Query(IDENTIFIER, network=network, type=kind).type == kind
        return
    with pytest.raises(ValueError, match=f"^type '{kind.value}' belongs to network ") as refused:
        Query(IDENTIFIER, network=network, type=kind)

    assert all(right.value in str(refused.value) for right in _TIES[kind])


@table("kind", _TIES)
def test_lets_a_type_stand_without_a_network(kind: InteractionType) -> None:
    """Without a network there is nothing to contradict."""
    assert Query(IDENTIFIER, type=kind).network is None


@table(
    ("setting", "value", "reason"),
    [
        ("network", "myspace", "network must be one of facebook, twitter, foursquare, capillary"),
        ("network", 5, "network must be one of .* not a int"),
        ("type", "sms", r"type must be one of email, .*viber.*InteractionType\.custom"),
        ("type", "", "type must be one of "),
        ("limit", 0, "limit must be a whole number of 1 or more"),
        ("limit", -1, "limit must be"),
        ("limit", 1.0, "limit must be"),
        ("limit", "10", "limit must be"),
        ("limit", True, "limit must be"),
        ("offset", -1, "offset must be a whole number of 0 or more"),
        ("offset", False, "offset must be"),
        ("offset", "0", "offset must be"),
        ("source", " ", "source must not be blank"),
        ("source", "A\nB", "source must not hold control characters"),
        ("source", 5, "source must be a string"),
        ("account_id", "", "account_id must not be blank"),
        ("account_id", 1234, "account_id must be a string"),
        ("account_id", "\ud800", "account_id must be valid Unicode"),
        ("extra", {"": "x"}, "extra: the name of parameter 1 must not be blank"),
        ("extra", {"a\n": "x"}, "extra: the name of parameter 1 must not hold control"),
        ("extra", {5: "x"}, "extra: the name of parameter 1 must be a string"),
        ("extra", {"a": 5}, "extra: the value of parameter 1 must be a string"),
        ("extra", {"a": None}, "extra: the value of parameter 1 must be a string"),
        ("extra", {"a": "x\ny"}, "extra: the value of parameter 1 must not hold control"),
        ("extra", {"a": "\ud800"}, "extra: the value of parameter 1 must be valid Unicode"),
        ("extra", None, "extra must be a mapping"),
        ("extra", "a=b", "extra must be a mapping"),
        ("extra", [("a", "b")], "extra must be a mapping"),
    ],
)
def test_refuses_a_parameter_where_it_is_made(setting: str, value: Any, reason: str) -> None:
    """A wrong parameter is a ValueError whose message begins with its name."""
    with pytest.raises(ValueError, match=f"^{reason}"):
        Query(IDENTIFIER, **{setting: value})


@table(
    "name",
    ["format", "source", "accountId", "identifierName", "identifierValue", "mobile", "email",
     "external_id", "card_number", "card_external_id", "id", "network", "type", "limit", "offset"],
)  # fmt: skip
def test_keeps_its_own_parameters_out_of_extra(name: str) -> None:
    """A second identifier, or a second limit, cannot be smuggled in."""
    with pytest.raises(ValueError, match=f"^extra must not hold '{name}'"):
        Query(IDENTIFIER, extra={name: "x"})


@table("value", [MOBILE, None, ("mobile", MOBILE)])
def test_needs_an_identifier(value: Any) -> None:
    """A bare number is refused with the way to say it, and not repeated."""
    with pytest.raises(ValueError, match=r"Identifier\.mobile") as refused:
        Query(value)

    assert MOBILE not in str(refused.value)


def test_takes_only_the_identifier_by_place() -> None:
    """What narrows a query is given by name."""
    with pytest.raises(TypeError):
        Query(IDENTIFIER, "twitter")  # type: ignore[call-arg]


def test_is_frozen() -> None:
    """A query is a value: it can be a key while it is in the air."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Query(IDENTIFIER).limit = 5  # type: ignore[misc]


def test_does_not_follow_the_mapping_it_was_given() -> None:
    """The caller may go on using it."""
    extra = {"a": "1"}
    query = Query(IDENTIFIER, extra=extra)
    extra["b"] = "2"

    assert query.extra == {"a": "1"}


@given(
    identifiers,
    st.fixed_dictionaries({}, optional={
        "network": st.none() | st.just(Network.CAPILLARY),
        "type": st.none() | sendable.map(InteractionType.custom),
        "limit": st.none() | st.integers(1, 10**6),
        "offset": st.none() | st.integers(0, 10**6),
        "source": st.none() | sendable,
        "extra": st.dictionaries(sendable.map("x{}".format), sendable, max_size=2),
    }),
)  # fmt: skip
def test_equals_itself_made_again(identifier: Identifier, parameters: dict[str, Any]) -> None:
    """Equal questions are equal, hash alike, and stay so through a pickle."""
    first = Query(identifier, **parameters)
    again = Query(Identifier(identifier.name, identifier.value), **parameters)
    arrived = carried(first)

    assert first == again == arrived
    assert hash(first) == hash(again) == hash(arrived)
    assert arrived.type is None or isinstance(arrived.type, InteractionType)


@table(
    "change",
    [
        {"identifier": Identifier.mobile("91660499160")},
        {"identifier": Identifier.external_id(MOBILE)},
        *({name: None} for name in _EVERYTHING if name != "extra"),
        {"extra": {"start_date": "2025-01-02"}},
        {"extra": {}},
    ],
)
def test_differs_in_any_parameter(change: dict[str, Any]) -> None:
    """A query that asks anything else is another query."""
    query = Query(IDENTIFIER, **_EVERYTHING)

    assert attrs.evolve(query, **change) != query


@table("value", [MOBILE, EMAIL, "X1", "XTERNAL-00042"])
def test_masks_its_identifier(value: str) -> None:
    """Neither repr nor str of an identifier or a query holds the value; both name its kind."""
    identifier = Identifier.external_id(value)
    shown = [f"{one!r} {one}" for one in (identifier, Query(identifier, extra={"x": value}))]

    assert all(value not in text and "external_id" in text for text in shown)


@given(personal)
def test_never_shows_its_identifier(value: str) -> None:
    """The law behind it: no value at all is found in a repr, but as part of the words around it."""
    shown = repr(Query(Identifier.custom("mobile", value), extra={"further": value}))
    around = repr(Query(Identifier.custom("mobile", "*"), extra={"further": "*"}))

    assert value not in shown or value in around
