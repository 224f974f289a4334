"""Primitives are checked and never coerced, and a mismatch says where and what, not which value."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions._json.dates import make_date_parser
from capillary_interactions._json.fields import (
    SchemaMismatch,
    StructureHook,
    UnparsedDateError,
    boolean,
    boolean_or_string,
    date,
    integer,
    json_type_name,
    nullable_id,
    number,
    string,
)
from tests.tables import table

from .bodies import envelope, envelope_message, enveloped, flat, flat_messages, mismatch, read

SECRET = "secret-value"

NO_INTEGERS: tuple[tuple[object, str], ...] = (
    (True, "a boolean"),
    (1.0, "a number with a fraction or exponent"),
    (3.9, "a number with a fraction or exponent"),
    ("²", "a string"),
    ("١٢", "a string"),
    ("1.0", "a string"),
    ("+1", "a string"),
    ("1_000", "a string"),
    (" 1", "a string"),
    ("1\n", "a string"),
    ("0x1F", "a string"),
    ("1e3", "a string"),
    ("--1", "a string"),
    ("9" * 21, "a string"),
    ("99999999999999999999", "a string"),
    (SECRET, "a string"),
    ("null", 'the string "null"'),
    ("", "an empty string"),
    ([1], "a list"),
    ({"id": 1}, "an object"),
)
NO_STRINGS: tuple[tuple[object, str], ...] = (
    (5, "an integer"),
    (5.5, "a number with a fraction or exponent"),
    (False, "a boolean"),
    ([SECRET], "a list"),
    ({SECRET: SECRET}, "an object"),
)


@table("field", ["id", "campaignId", "userId"])
@table(("value", "found"), NO_INTEGERS)
def test_names_the_message_whose_number_is_none(field: str, value: object, found: str) -> None:
    """The path is the server's, with the places counted from 0, and the kinds are in words."""
    good = {"id": 1}
    wrong = mismatch(flat(flat_messages(good, good, good, {field: value})["interaction"][0]))

    assert wrong.path == f"interaction[0].messageList[3].{field}"
    assert wrong.reason == f"{wrong.path}: expected an integer, found {found}"


@table("field", ["receiver", "sender", "subject", "status"])
@table(("value", "found"), NO_STRINGS)
def test_names_the_message_whose_text_is_none(field: str, value: object, found: str) -> None:
    """A number is not turned into a text."""
    wrong = mismatch(
        flat({"name": "a", "count": 0}, flat_messages({field: value})["interaction"][0])
    )

    assert wrong.path == f"interaction[1].messageList[0].{field}"
    assert wrong.reason == f"{wrong.path}: expected a string, found {found}"


@table("field", ["sentDate", "deliveredTime"])
@table(("value", "found"), NO_STRINGS)
def test_names_the_message_whose_date_is_no_text(field: str, value: object, found: str) -> None:
    """A date is odd when its text is, and wrong when it is no text at all."""
    wrong = mismatch(flat_messages({field: value}))

    assert wrong.path == f"interaction[0].messageList[0].{field}"
    assert wrong.reason == f"{wrong.path}: expected a date in a string, found {found}"


@table(
    ("body", "path", "expected", "found"),
    [
        (flat_messages(SECRET), "interaction[0].messageList[0]", "an object", "a string"),
        (flat_messages(None), "interaction[0].messageList[0]", "an object", "null"),
        (
            flat({"name": "a", "count": 0, "messageList": {"id": 1}}),
            "interaction[0].messageList",
            "a list",
            "an object",
        ),
        (
            flat({"name": "a", "count": 0, "messageList": ""}),
            "interaction[0].messageList",
            "a list",
            "an empty string",
        ),
        (
            flat({"name": "a", "count": 0, "usedStatus": "false"}),
            "interaction[0].usedStatus",
            "a boolean",
            "a string",
        ),
        (
            flat({"name": "a", "count": 0, "usedStatus": 0}),
            "interaction[0].usedStatus",
            "a boolean",
            "an integer",
        ),
        (
            flat({"name": "a", "count": 0, "surveys": [{}, {"npsScore": 9.5}]}),
            "interaction[0].surveys[1].npsScore",
            "an integer",
            "a number with a fraction or exponent",
        ),
        (
            flat({"name": "a", "count": 0, "locations": [{"lat": "north"}]}),
            "interaction[0].locations[0].lat",
            "a number",
            "a string",
        ),
        (flat(name=5), "name", "a string", "an integer"),
        (flat(warnings=SECRET), "warnings", "a list", "a string"),
        (flat(customer=[SECRET]), "customer", "an object", "a list"),
        (flat(customer={"id": "x1"}), "customer.id", "an integer", "a string"),
        (
            envelope_message(id=SECRET),
            "response.customer.interactions.network[0].interaction[0].messages.message[0].id",
            "an integer",
            "a string",
        ),
        (
            enveloped(
                {
                    "network": {
                        "name": "capillary",
                        "interaction": {"type": "sms", "messages": {"message": {"id": True}}},
                    }
                }
            ),
            "response.customer.interactions.network.interaction.messages.message.id",
            "an integer",
            "a boolean",
        ),
        (
            envelope({"type": "sms", "used_status": "yes"}),
            "response.customer.interactions.network[0].interaction[0].used_status",
            "a boolean",
            "a string",
        ),
        (
            envelope({"type": "sms", "messages": [{"id": 1}]}),
            "response.customer.interactions.network[0].interaction[0].messages",
            "an object",
            "a list",
        ),
        (
            envelope({"type": "sms", "messages": {"message": SECRET}}),
            "response.customer.interactions.network[0].interaction[0].messages.message",
            "a list",
            "a string",
        ),
        (
            envelope({"type": "s", "locs": {"loc": [{}, {"lat": "²"}]}}),
            "response.customer.interactions.network[0].interaction[0].locs.loc[1].lat",
            "a number",
            "a string",
        ),
        (envelope(mobile=919738522695), "response.customer.mobile", "a string", "an integer"),
        (envelope(id="x"), "response.customer.id", "an integer", "a string"),
    ],
)
def test_names_what_is_wrong_and_where(
    body: Mapping[str, Any], path: str, expected: str, found: str
) -> None:
    """At every level of both shapes."""
    wrong = mismatch(body)

    assert wrong.path == path
    assert wrong.reason == f"{path}: expected {expected}, found {found}"


@table("value", [SECRET, [SECRET], {SECRET: SECRET}])
@table(
    "body",
    [
        lambda value: flat_messages({"id": value}),
        lambda value: flat({"name": "a", "count": value}),
        lambda value: {"interaction": value},
        lambda value: envelope_message(id=value),
        lambda value: enveloped({"network": value}),
        enveloped,
        lambda value: value,
    ],
)
def test_never_tells_the_value(body: Callable[[object], object], value: object) -> None:
    """It may be a phone number."""
    wrong = mismatch(body(value))
    assert SECRET not in wrong.reason
    assert SECRET not in (wrong.path or "")
    assert SECRET not in repr(wrong)


@table(
    ("value", "expected"),
    [(5, 5), ("5", 5), ("-7", -7), ("007", 7), (2**63, 2**63), (str(2**64 - 1), 2**64 - 1)],
)
def test_takes_whole_numbers_and_their_decimal_spelling(value: object, expected: int) -> None:
    """In both shapes."""
    assert read(flat_messages({"id": value})).interactions[0].messages[0].id == expected
    assert read(envelope_message(id=value)).interactions[0].messages[0].id == expected


@table("none", [-1, "-1", None])
def test_reads_minus_one_as_none(none: object) -> None:
    """A campaign or a user of -1 is no campaign and no user; an id of -1 stays one."""
    ((_, flat_one),) = read(
        flat_messages({"id": -1, "campaignId": none, "userId": none})
    ).messages()
    ((_, other),) = read(envelope_message(id="-1", campaign_id=none, user_id=none)).messages()

    for message in (flat_one, other):
        assert (message.id, message.campaign_id, message.user_id) == (-1, None, None)


@table(
    ("value", "expected"),
    [(22, 22.0), (22.23, 22.23), ("22.23", 22.23), ("-0.5", -0.5), ("7", 7.0)],
)
def test_takes_numbers_and_their_decimal_spelling(value: object, expected: float) -> None:
    """A latitude is a float in the model, however it was spelled."""
    body = flat({"name": "checkin", "count": 1, "locations": [{"lat": value, "long": value}]})
    (place,) = read(body).interactions[0].locations
    assert (place.lat, place.long) == (expected, expected)
    assert isinstance(place.lat, float)


@table(
    "value", [True, "²", "1e3", "nan", "inf", ".5", "5.", float("inf"), float("nan"), 2**64, [], {}]
)
def test_takes_no_number_that_json_has_not(value: object) -> None:
    """Nor one that is spelled in another way."""
    with pytest.raises(SchemaMismatch) as caught:
        number("lat")(value, None)
    assert (caught.value.path, caught.value.expected) == ("lat", "a number")


ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
HOOKS: dict[str, tuple[StructureHook, type | tuple[type, ...]]] = {
    "text": (string("x"), str),
    "integer": (integer("x"), int),
    "reference": (nullable_id("x"), int),
    "number": (number("x"), float),
    "flag": (boolean("x"), bool),
    "flag_or_word": (boolean_or_string("x"), bool),
}


@pytest.mark.parametrize("name", HOOKS)
@given(value=ANYTHING)
def test_gives_its_own_type_or_a_mismatch(name: str, value: object) -> None:
    """None stays None; everything else is of the one type or is refused."""
    hook, expected = HOOKS[name]
    try:
        found = hook(value, None)
    except SchemaMismatch as error:
        wrong = error
    else:
        assert type(found) is expected or value is None or name == "reference"
        assert found is None or type(found) is expected
        return
    assert (wrong.path, wrong.found) == ("x", json_type_name(value))


@given(value=st.text(max_size=30))
def test_reads_a_text_as_the_integer_that_python_reads_or_not_at_all(value: str) -> None:
    """There is no text that two readers read as two numbers."""
    try:
        found = integer("x")(value, None)
    except SchemaMismatch:
        return
    assert value.isascii()
    assert found == int(value)


def test_names_the_field_of_an_odd_date() -> None:
    """Its text is kept under that name."""
    with pytest.raises(UnparsedDateError) as caught:
        date(make_date_parser(UTC), "sentDate")("yesterday", None)
    assert caught.value.key == "sentDate"


def test_says_from_further_up_what_it_said_below() -> None:
    """The path grows at its front; the finding stays."""
    wrong = (
        SchemaMismatch("id", "an integer", "a string")
        .prefixed("messageList[3]")
        .prefixed("interaction[0]")
    )
    assert str(wrong) == "interaction[0].messageList[3].id: expected an integer, found a string"
    assert (
        str(SchemaMismatch("", "an object", "a list"))
        == "the answer: expected an object, found a list"
    )
