"""What of a text is a phone number, without and with the region in which it was written."""

import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import ConfigurationError, Identifier, IdentifierName
from capillary_interactions._model.phone_numbers import digits_to_send
from capillary_interactions._model.phone_regions import digits_in_region
from capillary_interactions._model.query import InvalidMobileError
from tests.examples import carried, config
from tests.tables import table

_DIGITS = "919738522695"
# What is never part of a number, as people, web pages, chats and programs write it.
_CLEAN = (
    "+919738522695",
    "\uff0b919738522695",
    "+91 97385 22695",
    "91-97385-22695",
    "+91 (97385) 22.695",
    "[91]{97385}22695",
    "91\u00a097385\u202f22695",
    "91\u200997385\u300022695",
    "91\u201097385\u201122695",
    "91\u221297385\u201322695",
    "\uff08+91\uff0997385\uff0d22695",
    "\u202a+919738522695\u202c",
    "\u200e+91 97385 22695\u200f",
    "\ufeff919738522695\u200b",
    "91\u00ad9738522695",
    " 919738522695 ",
    "919738522695.0",
    "+919738522695.00",
)
_TRUNK = (
    "9738522695",
    "097385 22695",
    "0 97385-22695",
    "(0)97385-22695",
    "+91 (0) 97385 22695",
    "0091-9738522695",
    "00 91 97385 22695",
    "091-9738522695",
    "\uff19\uff17\uff13\uff18\uff15 \uff12\uff12\uff16\uff19\uff15",
    "\u096f\u0967\u096f\u096d\u0969\u096e\u096b\u0968\u0968\u096c\u096f\u096b",
    "\u0669\u0667\u0663\u0668\u0665\u0662\u0662\u0666\u0669\u0665",
    "tel:+91-97385-22695",
    "TEL:9738522695",
    "tel:97385-22695;phone-context=+91",
    "097385/22695",
    "97385 / 22695",
    "+91 97385\uff0f22695",
    "(97385)/22695",
)
_NONE = (
    "abc",
    "97385x22695",
    "97385 22695 ext 12",
    "9738522695#12",
    "97385/226/95",
    "++919738522695",
    "91+9738522695",
    "+",
    "-",
    "sip:919738522695",
    "\u00b2\u00b3",
    "9738522695 or 9738522696",
)


@table("spelling", _CLEAN)
def test_takes_off_what_is_never_part_of_a_number(spelling: str) -> None:
    """The value stays as it was given; the digits are what is sent, with a region and without."""
    assert Identifier.mobile(spelling).value == spelling
    assert digits_to_send(spelling) == _DIGITS
    assert digits_in_region(spelling, "IN") == _DIGITS


@table("spelling", ["9738522.0955", "97385.22.0955", "97385220955.00"])
def test_takes_off_zeros_only_where_they_are_a_fraction(spelling: str) -> None:
    """Dots also stand between the parts of a number."""
    assert digits_to_send(spelling) == "97385220955"


def test_reads_a_long_text_in_linear_time() -> None:
    """A cell may hold anything; a hundred thousand digits take no time, and are no number."""
    for text in ("9" * 100_000, "9." * 50_000, "+" * 100_000, "\u200b9" * 50_000):
        with pytest.raises(ValueError, match="a customer's mobile must "):
            digits_in_region(text, "IN")


@table("spelling", _TRUNK)
def test_reads_what_people_of_a_region_write(spelling: str) -> None:
    """A trunk zero, 00, no country code, other digits and links need the region."""
    assert Identifier.mobile(spelling).value == spelling
    assert digits_in_region(spelling, "IN") == _DIGITS


@table("spelling", _TRUNK[8:])
def test_asks_for_a_region_where_digits_are_not_ascii(spelling: str) -> None:
    """Without one they are not sent, and the text says which settings read them."""
    with pytest.raises(ValueError, match="phone_region=") as refused:
        digits_to_send(spelling)

    assert 'Identifier.custom("mobile", ...)' in str(refused.value)
    assert not any(map(str.isdigit, str(refused.value)))


@table("spelling", _NONE)
def test_refuses_where_it_is_made_what_no_region_reads(spelling: str) -> None:
    """No digit is in the text; the way on is; and the customer that was meant is masked."""
    with pytest.raises(InvalidMobileError, match=r"^a customer's mobile must ") as refused:
        Identifier.mobile(spelling)

    text = str(refused.value)
    assert not any(map(str.isdigit, text))
    assert "phone_region=" in text
    assert 'Identifier.custom("mobile", ...)' in text
    assert refused.value.identifier == Identifier.custom("mobile", spelling)
    assert str(carried(refused.value)) == text
    with pytest.raises(ValueError, match=r"^a customer's mobile must "):
        digits_in_region(spelling, "IN")
    assert Identifier.custom("mobile", spelling).value == spelling


@table("rounded", ["9.19739E+11", "9,19739e+11", "91E10", "-9.E+11"])
def test_names_what_a_spreadsheet_has_rounded(rounded: str) -> None:
    """Its digits are lost; the reason is its own."""
    with pytest.raises(ValueError, match="a spreadsheet's rounding of a long number") as refused:
        Identifier.mobile(rounded)

    assert not any(map(str.isdigit, str(refused.value)))


@table(
    ("number", "digits"),
    [
        # The page's own example is possible, and not valid.
        ("91660499160", "91660499160"),
        ("+91 660 499 160", "91660499160"),
        # With another country code, as the API wants it.
        ("447911123456", "447911123456"),
        ("+44 7911 123456", "447911123456"),
        ("0044 7911 123456", "447911123456"),
        ("+39 06 12345678", "390612345678"),
        # National numbers that begin like a country code.
        ("9198765432", "919198765432"),
        ("6591234567", "916591234567"),
    ],
)
def test_changes_only_what_is_valid(number: str, digits: str) -> None:
    """All else goes as it stands, but for what is never part of a number."""
    assert digits_in_region(number, "IN") == digits


@table("number", ["12", "112", "00", "+9738522695", "9" * 20, "\uff11\uff12"])
def test_refuses_what_cannot_be_a_number(number: str) -> None:
    """Too short, too long, or of no country; the text holds no digit."""
    with pytest.raises(ValueError, match="must be a phone number, of region IN") as refused:
        digits_in_region(number, "IN")

    assert not any(map(str.isdigit, str(refused.value)))


@table("number", ["tel:+919738522695;ext=12", "tel:9738522695;ext=12;phone-context=+91"])
def test_refuses_an_extension(number: str) -> None:
    """No message is sent to one."""
    with pytest.raises(ValueError, match="must not have an extension"):
        digits_in_region(number, "IN")


def test_sends_the_digits_of_every_example_of_libphonenumber() -> None:
    """Its own examples for all regions, as they are written there and abroad."""
    wrong, checked = [], 0
    styles = phonenumbers.PhoneNumberFormat
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            digits = phonenumbers.format_number(number, styles.E164)[1:]
            written = [
                phonenumbers.format_number(number, style)
                for style in (styles.NATIONAL, styles.INTERNATIONAL, styles.RFC3966, styles.E164)
            ]
            for spelling in (*written, digits, f"00{digits}"):
                checked += 1
                if digits_in_region(spelling, region) != digits:
                    wrong.append((region, spelling, digits))

    assert wrong == []
    assert checked > 2500


@given(st.text(st.sampled_from("0123456789+ -.()[]{}\u00a0\u200e\uff10\u0660x,;:tel")))
def test_sends_digits_or_nothing(text: str) -> None:
    """The law: whatever is made of a text is ASCII digits, and no refusal holds a digit."""
    for read in (digits_to_send, lambda value: digits_in_region(value, "IN")):
        refusal, digits = "", "0"
        try:
            digits = read(text)
        except ValueError as error:
            refusal = str(error)
        assert not any(map(str.isdigit, refusal))
        assert digits.isascii()
        assert digits.isdigit()


@given(st.characters(categories=["Zs"]))
def test_ignores_every_space(space: str) -> None:
    """Whichever of Unicode's it is, with a region and without."""
    spelling = f"{space}91{space}{space}97385{space}22695{space}"

    assert digits_to_send(spelling) == digits_in_region(spelling, "IN") == _DIGITS


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the setting is refused with the way on."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(ConfigurationError, match=r"^phone_region needs .*interactions\[phone\]"):
        config(phone_region="IN")


@table("region", ["XX", "India", "", "001", 91, _DIGITS])
def test_refuses_a_region_that_is_none(region: object) -> None:
    """With what was meant, unless that is personal."""
    with pytest.raises(ConfigurationError, match=r"^phone_region must be a region's") as refused:
        config(phone_region=region)

    assert _DIGITS not in str(refused.value)


def test_reads_a_region_in_either_case() -> None:
    """It is stored in capitals."""
    assert config(phone_region=" in ").phone_region == "IN"
    assert config().phone_region is None


@table("name", ["mobile", "wechat", "id", "customer_id", "91 97385 22695"])
def test_keeps_a_custom_name(name: str) -> None:
    """Its text, in a pickle and a copy too; it is custom even with the name of a known type."""
    made = IdentifierName.custom(name)

    for kind in (made, carried(made), carried(Identifier.custom(name, "1")).name):
        assert (kind, kind.value, kind.parameter, kind.is_custom) == (name, name, name, True)
        assert kind is not IdentifierName.MOBILE
        assert _DIGITS[2:7] not in repr(kind)
    assert carried(IdentifierName.MOBILE) is IdentifierName.MOBILE


@table("name", ["", " ", "a\n", "type", "limit", "identifierValue", 5, None])
def test_refuses_a_custom_name_that_means_something_else(name: object) -> None:
    """A parameter of another meaning would be sent twice."""
    with pytest.raises(ValueError, match=r"^an identifier's name must "):
        Identifier.custom(name, "1")  # type: ignore[arg-type]
