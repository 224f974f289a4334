"""The documented words, and what is said about a word that is not one of them."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions._model.vocabulary import check_text, parse_enum
from tests.examples import EMAIL, MOBILE, carried, sendable
from tests.tables import table


def test_are_the_documented_identifiers() -> None:
    """The kinds of identifier are those that the vendor's pages list."""
    expected = {"mobile", "email", "external_id", "card_number", "card_external_id", "customer_id"}

    assert expected == {name.value for name in IdentifierName}


def test_are_the_documented_networks() -> None:
    """The networks are the four of the page."""
    assert {"facebook", "twitter", "foursquare", "capillary"} == set(Network)


def test_are_the_documented_types() -> None:
    """The types are those of the page, and viber of its siblings."""
    expected = (
        "email emailbulk checkin like comment mention retweet tweet feedback whatsapp zalo line "
        "viber"
    )

    assert set(expected.split()) == set(InteractionType)


def test_are_the_two_versions() -> None:
    """The versions are spelled as in the path."""
    assert list(ApiVersion) == ["v1.1", "v2"]


@table("value", [Network.TWITTER, "twitter"])
def test_takes_a_member_or_its_text(value: object) -> None:
    """A string is as good as the enum's member."""
    assert parse_enum(Network, value, "network") is Network.TWITTER


@table("value", ["Twitter", "TWITTER", " twitter", "", 3, None, b"twitter"])
def test_names_what_is_accepted(value: object) -> None:
    """Anything else is refused, and the message lists what would do."""
    with pytest.raises(ValueError, match=r"^network must be one of ") as refused:
        parse_enum(Network, value, "network")

    assert all(name.value in str(refused.value) for name in Network)


@table("value", [MOBILE, EMAIL, f"+{MOBILE}", "91 97385 22695"])
def test_masks_an_identifier_that_stands_in_the_place_of_a_word(value: str) -> None:
    """Arguments in the wrong order do not put a customer into an exception's text."""
    with pytest.raises(ValueError, match=rf"not a string of {len(value)} characters$") as refused:
        parse_enum(IdentifierName, value, "an identifier's name")

    assert value not in str(refused.value)


@table("value", ["facebok", "Twitter", " CAPILLARY"])
def test_shows_a_word_with_a_typing_error(value: str) -> None:
    """What is nearly an accepted value is no secret, and is repeated."""
    with pytest.raises(ValueError, match=f"not '{value}'$"):
        parse_enum(Network, value, "network")


@given(sendable)
def test_lets_any_visible_text_through(text: str) -> None:
    """Whatever is not blank and holds nothing invisible to a URL can be sent."""
    check_text(text, "this")


@table(
    ("value", "reason"),
    [
        (None, "must be a string, not a NoneType"),
        (5, "must be a string, not a int"),
        (b"x", "must be a string, not a bytes"),
        ("", "must not be blank"),
        (" \u3000", "must not be blank"),
        ("\t", "must not be blank"),
        ("secret\n", "control characters"),
        ("sec\x00ret", "control characters"),
        ("secret\x7f", "control characters"),
        ("secret\x85", "control characters"),
        ("secret\ud800", "lone surrogate"),
    ],
)
def test_refuses_what_no_url_should_hold_and_does_not_repeat_it(value: object, reason: str) -> None:
    """The message says what is wrong, without the text itself."""
    with pytest.raises(ValueError, match=f"^this .*{reason}") as refused:
        check_text(value, "this")

    assert "ret" not in str(refused.value)


@given(st.characters(categories=("Cc", "Cs")))
def test_refuses_every_control_character_and_surrogate(character: str) -> None:
    """None of them passes, wherever it stands."""
    with pytest.raises(ValueError, match=r"control characters|surrogate"):
        check_text(f"a{character}b", "this")


def test_lets_a_blank_through_where_it_makes_sense() -> None:
    """A blank is refused only where it cannot mean anything."""
    check_text("", "this", blank=True)


@given(sendable)
def test_takes_any_name_for_a_custom_type(name: str) -> None:
    """A custom type is a type, equal to its text, and comes back from a pickle and a copy."""
    custom = InteractionType.custom(name)

    assert isinstance(custom, InteractionType)
    assert (custom, custom.value, str(custom), f"{custom}") == (name, name, name, name)
    assert hash(custom) == hash(InteractionType.custom(name))
    assert carried(custom) == custom
    assert copy.deepcopy(custom) == custom


@table("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@table("kind", [InteractionType.custom("sms"), InteractionType.WHATSAPP])
def test_pickles_by_every_protocol(kind: InteractionType, protocol: int) -> None:
    """Types travel between processes, whichever protocol carries them."""
    back = carried(kind, protocol)

    assert (kind, InteractionType) == (back, type(back))


@table("kind", InteractionType)
def test_gives_the_known_member_where_there_is_one(kind: InteractionType) -> None:
    """A custom type by a known name is the known type, and stays itself in a pickle."""
    assert InteractionType.custom(kind.value) is kind
    assert carried(kind) is kind


@table("name", ["", "  ", "a\nb", "\ud800", 5])
def test_refuses_a_custom_type_that_cannot_be_sent(name: str) -> None:
    """A custom type is free, but no less checked than any other text."""
    with pytest.raises(ValueError, match=r"^an interaction type must"):
        InteractionType.custom(name)


def test_leaves_custom_types_out_of_the_members() -> None:
    """A made-up type is not listed as documented."""
    custom = InteractionType.custom("telepathy")

    assert custom not in list(InteractionType)
    with pytest.raises(ValueError, match=r"^type must be one of"):
        parse_enum(InteractionType, "telepathy", "type")
