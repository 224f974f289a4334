"""What is left of a phone number, an address or a secret when a person may see it."""

import re
import time
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions._masking import (
    _EMAIL,
    mask,
    mask_codes,
    mask_text,
    show_codes_masked,
    show_keys,
    show_masked,
)

from .given import EMAIL, MOBILE, personal

_LONGEST = 200
_MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (None, "***"),
        ("", "***"),
        ("X1", "***"),
        ("1234567", "***"),
        ("12345678", "1*****78"),
        (MOBILE, "9*********95"),
        (EMAIL, "a***@***.com"),
        ("ab@example.com", "***@***.com"),
        ("@example.com", "***@***.com"),
        ("somebody@localhost", "s***@***"),
        ("somebody@home@example.co.in", "s***@***.in"),
    ],
)
def test_shows_enough_to_recognise_and_too_little_to_use(value: str | None, masked: str) -> None:
    """Each kind of value, and what is left of it."""
    assert mask(value) == masked


@given(personal)
def test_never_holds_the_value(value: str) -> None:
    """No mask holds what it masks."""
    assert value not in mask(value)


@given(personal)
def test_shows_at_most_three_characters_of_a_number(value: str) -> None:
    """A first and two last ones, of values that are long enough."""
    if "@" not in value:
        assert len(mask(value).replace("*", "")) == (3 if len(value) >= 8 else 0)


@given(before=st.text(max_size=40), value=personal, after=st.text(max_size=40))
def test_never_holds_a_value_known_to_be_personal(before: str, value: str, after: str) -> None:
    """Wherever it stands in somebody else's sentence, and however often."""
    masked = mask_text(f"{before}{value}{after}{value}", value)

    assert value not in masked


# Few letters: values that overlap themselves, and masks that could spell them again.
@given(text=st.text("ab @.1", max_size=40), value=st.text("ab @.1", min_size=1, max_size=12))
def test_never_spells_a_known_value_again(text: str, value: str) -> None:
    """Not even where the rest of one mask and the text behind it could give the value."""
    if value.strip():
        assert value not in mask_text(f"{text}{value}{text}", value)


@pytest.mark.parametrize(
    "value", [MOBILE, EMAIL, "Ext-42 b", "c:\\1\\g<0>", "(a|b)*+?[x]", "ü.é@ö"]
)
def test_finds_a_known_value_in_any_spelling(value: str) -> None:
    """Upper and lower case, percent-encoded where that is given too, and with its line broken."""
    for spelled in (value, value.upper(), value.lower(), value.title(), quote(value, safe="")):
        masked = mask_text(f"customer {spelled} is unknown", value, quote(value, safe=""))
        assert spelled not in masked
        assert masked.startswith("customer ")
        assert masked.endswith(" is unknown")
    assert value not in mask_text(value.replace(" ", "\n"), value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("", ""),
        ("Rate limit reached", "Rate limit reached"),
        ("code 1012, HTTP 500", "code 1012, HTTP 500"),
        (f"no {MOBILE} here", "no 9*********95 here"),
        ("+91 97385-22695 is unknown", "+************95 is unknown"),
        (f"<{EMAIL}>, or 'x.y@z.in'", "<a***@***.com>, or 'x***@***.in'"),
        (f"email={EMAIL};", "email=a***@***.com;"),
        (f"GET https://host/path?mobile={MOBILE}&x=1 failed", "GET https://host/path?*** failed"),
        ("what? nothing", "what?*** nothing"),
        ("a\n\tb\x00c\x1b[31m d\u202ee", "a b c [31m d e"),
    ],
)
def test_masks_what_looks_personal(text: str, masked: str) -> None:
    """Addresses, numbers and query strings of which nobody knew; and one printable line."""
    assert mask_text(text) == masked


@given(
    st.text(max_size=300) | st.text("0123456789 -+@.a?\n", max_size=300),
    st.lists(st.text(max_size=20), max_size=3),
)
def test_is_one_bounded_printable_line(text: str, values: list[str]) -> None:
    """Whatever comes, what is shown fits into a line of a log."""
    masked = mask_text(text, *values)

    assert len(masked) <= _LONGEST
    assert masked.isprintable()
    assert not _long_runs(masked)


def _long_runs(text: str) -> list[str]:
    """Runs of seven digits or more."""
    runs = "".join(c if c.isascii() and c.isdigit() else " " for c in text).split()
    return [run for run in runs if len(run) >= 7]


@pytest.mark.parametrize("given_as", [MOBILE, EMAIL, "external 42"])
@pytest.mark.parametrize("place", [180, 195, 1980, 1990, 1999, 2000])
def test_holds_no_beginning_of_a_value_at_a_cut(place: int, given_as: str) -> None:
    """A long text is cut; a value that the cut goes through is not left as a stump."""
    text = ". " * (place // 2) + given_as + "x" * 3000

    assert given_as[:7] not in mask_text(text, given_as)


@pytest.mark.parametrize("value", [EMAIL, "external 42"])
def test_leaves_no_stump_though_blanks_shrink_the_text(value: str) -> None:
    """Blanks that become one bring the place of the cut into what is shown."""
    for shift in range(len(value)):
        text = " " * (2000 - len(value) + shift) + value

        assert value[:7] not in mask_text(text + " " * 100, value)


@pytest.mark.parametrize(
    "part", ["a", "a@", "@", "1", "1 ", "1-", "+", "?", " ", "\x00", "12345 ", "a.b:"], ids=ascii
)
def test_takes_no_quadratic_time(part: str) -> None:
    """A megabyte takes milliseconds; at the square of that it would take hours."""
    # The smaller size comes first, so that a mistake is a failure and not an afternoon.
    for size in (_MEGABYTE // 32, _MEGABYTE):
        text = part * (size // len(part)) + "x"
        began = time.process_time()
        shown = mask_text(text, MOBILE, text[:50]), show_codes_masked(text)

        assert time.process_time() - began < 2
        assert all(len(one) <= _LONGEST + 2 for one in shown)


_ADDRESS_FROM_ANYWHERE: Final = re.compile(r"[^\s@<>\"',;:=]+@[^\s@<>\"',;]+")


@given(st.text("ab.1 @:=,;<>'\"?\n-", max_size=60) | st.text(max_size=60))
@example("a@b:c@d@@e=f@g")
def test_finds_the_same_addresses_as_a_search_from_every_letter(text: str) -> None:
    """Beginning only where a word begins saves the time, and misses nothing."""
    assert _EMAIL.findall(text) == _ADDRESS_FROM_ANYWHERE.findall(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("482913 is your code", "****** is your code"),
        ("Use 1234.", "Use ****."),
        ("12345678", "********"),
        ("123", "123"),
        ("123456789", "123456789"),
        ("a1234b5678", "a****b****"),
        ("2025-06-01 12:30", "****-06-01 12:30"),
    ],
)
def test_masks_runs_of_four_to_eight_digits(text: str, masked: str) -> None:
    """One-time codes, and nothing shorter or longer."""
    assert mask_codes(text) == masked


def test_shows_a_missing_value_as_missing() -> None:
    """None is no secret."""
    assert (show_masked(None), show_codes_masked(None)) == ("None", "None")


def test_shows_codes_numbers_and_addresses_masked() -> None:
    """A subject line in a repr holds none of the three."""
    shown = show_codes_masked(f"482913 for {EMAIL}, {MOBILE}")

    assert shown == "'****** for a***@***.com, 9*********95'"


@given(st.dictionaries(st.sampled_from(["a", "b"]), personal))
def test_shows_only_the_keys(mapping: dict[str, str]) -> None:
    """What stands behind a key is not shown."""
    assert show_keys(mapping) == "{" + ", ".join(f"'{key}': ..." for key in mapping) + "}"


def test_finds_a_known_value_whose_own_blanks_are_odd() -> None:
    """A text is shown with plain blanks, so a value is looked for with plain ones."""
    assert "Ada Lovelace" not in mask_text("no Ada Lovelace here", " Ada\u00a0 Lovelace")
