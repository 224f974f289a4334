"""What is left of a phone number, an address or a secret when a person may see it."""

import re
import time
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions._text.masking import (
    mask,
    mask_subject,
    mask_text,
    repr_keys,
    repr_masked,
    show_codes_masked,
)
from capillary_interactions._text.one_time_codes import mask_codes
from tests.examples import EMAIL, MOBILE, personal
from tests.tables import table

_LONGEST = 200
_MEGABYTE = 2**20


@table(
    ("value", "masked"),
    [
        (None, "***"),
        ("", "***"),
        ("X1", "***"),
        ("1234567", "***"),
        ("12345678", "1******8"),
        ("12345678901", "1*********1"),
        (MOBILE, "9*********95"),
        (EMAIL, "a***@***.com"),
        ("ab@example.com", "***@***.com"),
        ("@example.com", "***@***.com"),
        ("someone@localhost", "s***@***"),
        ("someone@home@example.co.in", "s***@***.in"),
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
def test_shows_at_most_a_quarter_of_a_number(value: str) -> None:
    """A first and two last characters, of values that are long enough; of short ones nothing."""
    if "@" not in value:
        shown = len(mask(value).replace("*", ""))
        assert shown <= 3
        assert 4 * shown <= len(value)


_FOREIGN: Final = st.text(max_size=60) | st.text(
    "0123456789 -.@/+ab\x1b\x07\u200b\u202e\u0661\uff19%&;#", max_size=60
)


@given(_FOREIGN)
@example("someone@example.\x1b]0;PWNED\x1b\\\x1b[2J\x1b]52;c;cm0gLXJmIH4=\x1b\\919738522695")
@example("\x1b[31mred")
@example("abc@x.919738522695")
@example("+91@9738.522695")
def test_a_mask_is_one_short_printable_line_without_digits_of_the_value(value: str) -> None:
    """A mask steers no terminal and holds no four digits in a row, whatever it masks."""
    masked = mask(value)

    assert masked.isprintable()
    assert len(masked) <= _LONGEST
    assert not re.search(r"\d{4}", masked)
    assert mask(masked) == masked


@table(
    ("value", "masked"),
    [
        ("abc@x.919738522695", "a***@***"),
        ("+91@9738.522695", "***@***"),
        ("@john.smith", "***@***"),
        ("a.person@example.\x1b[2Jcom", "a***@***"),
        ("a.person@example.123", "a***@***"),
        ("a.person@example.abcdefghijk", "a***@***"),
        ("a.person@example.photography", "a***@***"),
        ("a.person@example.technology", "a***@***.technology"),
        ("a.person@x\u202e.com", "a***@***.com"),
        ("\x1b[31mred", "***"),
        ("\x1b\x1b\x1b", "***"),
        ("\x9b2J919738522695", "2***********95"),
        ("9" * 100_000, "9" + 37 * "*" + "99"),
    ],
)
def test_shows_of_an_address_no_more_than_a_letter_and_a_top_level_domain(
    value: str, masked: str
) -> None:
    """What stands behind the last dot is shown only if it can be nothing else."""
    assert mask(value) == masked


@given(before=st.text(max_size=40), value=personal, after=st.text(max_size=40))
def test_never_holds_a_value_known_to_be_personal(before: str, value: str, after: str) -> None:
    """Wherever it stands in a server's sentence, and however often."""
    masked = mask_text(f"{before}{value}{after}{value}", value)

    assert value not in masked


# Few letters: values that overlap themselves, and masks that could spell them again.
@given(text=st.text("ab @.1", max_size=40), value=st.text("ab @.1", min_size=1, max_size=12))
def test_never_spells_a_known_value_again(text: str, value: str) -> None:
    """Not even where the rest of one mask and the text behind it could give the value."""
    if value.strip():
        assert value not in mask_text(f"{text}{value}{text}", value)


@table("value", [MOBILE, EMAIL, "Ext-42 b", "c:\\1\\g<0>", "(a|b)*+?[x]", "ü.é@ö"])
def test_finds_a_known_value_in_any_spelling(value: str) -> None:
    """Upper and lower case, percent-encoded where that is given too, and with its line broken."""
    for spelled in (value, value.upper(), value.lower(), value.title(), quote(value, safe="")):
        masked = mask_text(f"customer {spelled} is unknown", value, quote(value, safe=""))
        assert spelled not in masked
        assert masked.startswith("customer ")
        assert masked.endswith(" is unknown")
    assert value not in mask_text(value.replace(" ", "\n"), value)


@table(
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
        ("what? nothing", "what? nothing"),
        ("what?nothing else", "what?*** else"),
        ("a\n\tb\x00c\x1b[31m d\u202ee", "a b c [31m d e"),
        ("rate 100%25 & more", "rate 100%25 & more"),
        ("@john.smith knows", "***@*** knows"),
        ("@0, 5 @ 3", "@0, 5 @ 3"),
        ("jane@home@example.co.in", "j***@***.in"),
    ],
)
def test_masks_what_looks_personal(text: str, masked: str) -> None:
    """Addresses, numbers and query strings that were not known; and one printable line."""
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


@table("given_as", [MOBILE, EMAIL, "external 42"])
@table("place", [180, 195, 1980, 1990, 1999, 2000])
def test_holds_no_beginning_of_a_value_at_a_cut(place: int, given_as: str) -> None:
    """A long text is cut; a value that the cut goes through is not left as a stump."""
    text = ". " * (place // 2) + given_as + "x" * 3000

    assert given_as[:7] not in mask_text(text, given_as)


@table("value", [EMAIL, "external 42"])
def test_leaves_no_stump_though_blanks_shrink_the_text(value: str) -> None:
    """Blanks that become one bring the place of the cut into what is shown."""
    for shift in range(len(value)):
        text = " " * (2000 - len(value) + shift) + value

        assert value[:7] not in mask_text(text + " " * 100, value)


@table("part", ["a", "a@", "@", "1", "1 ", "1-", "+", "?", " ", "\x00", "12345 ", "a.b:"])
def test_takes_no_quadratic_time(part: str) -> None:
    """A megabyte takes milliseconds; at the square of that it would take hours."""
    # The smaller size comes first, so that a mistake is a failure and not an afternoon.
    for size in (_MEGABYTE // 32, _MEGABYTE):
        text = part * (size // len(part)) + "x"
        began = time.process_time()
        shown = mask_text(text, MOBILE, text[:50]), show_codes_masked(text)

        assert time.process_time() - began < 2
        assert all(len(one) <= _LONGEST + 2 for one in shown)


_SPELLINGS: Final = (
    "91.9738.522695",
    "919738/522695",
    "+91 (0) 9738-522695",
    "91\u20119738\u2011522695",
    "91\u00a09738\u202f522695",
    "91\u200b9738\u2060522695",
    "91\u00ad9738\u00ad522695",
    "9_1_9_7_3_8_5_2_2_6_9_5",
    "91%2D9738%2D522695",
    "91%252D9738%25252D522695",
    "%39%31%39%37%33%38%35%32%32%36%39%35",
    "&#57;&#x31;97385&#50;2695",
    "9&amp;#49;9738522695",
    "\\u0039\\u0031\\u0039738522695",
    "\\x391973%u003852\\u{32}2695",
    "\uff19\uff11\uff19\uff17\uff13\uff18\uff15\uff12\uff12\uff16\uff19\uff15",
    "\u0669\u0661\u0669\u0667\u0663\u0668\u0665\u0662\u0662\u0666\u0669\u0665",
    "\u096f\u0967\u096f\u096d\u0969\u096e\u096b\u0968\u0968\u096c\u096f\u096b",
    "9\u20e31\u20e39\u20e37\u20e33\u20e38\u20e35\u20e32\u20e32\u20e36\u20e39\u20e35\u20e3",
    "919,738,522,695",
    "+91@9738.522695",
    "+91@9738 522695",
    "91 9738@522695",
    "abc@x.919738522695",
)


@table("spelled", _SPELLINGS)
def test_masks_a_number_in_any_spelling(spelled: str) -> None:
    """No run of four of its digits is left, whether it is known or not."""
    for known in ((), (MOBILE,), (spelled,)):
        for text in (spelled, f"no customer {spelled}, sorry", f"<a href='{spelled}'>"):
            left = unicodedata.normalize("NFKC", mask_text(text, *known))
            digits = "".join(str(unicodedata.digit(c)) for c in left if c.isdigit())
            assert not [i for i in range(len(MOBILE) - 3) if MOBILE[i : i + 4] in digits], left


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True), st.data())
def test_holds_no_four_digits_in_a_row_of_any_number(number: str, data: st.DataObject) -> None:
    """Up to four characters that are neither letters nor digits may stand between its digits."""
    between = st.text(" .-/()_\u2011\u00a0\u200b@&", max_size=3)
    spelled = "".join(digit + data.draw(between) for digit in number)

    for rule in (mask_text, mask_subject):
        masked = rule(f"no {spelled} here")
        left = re.sub(r"\D", "", masked)
        assert not [i for i in range(len(number) - 3) if number[i : i + 4] in left]


@table(
    "spelled",
    [
        "jane.doe+shop@example.com",
        "jane.doe%2Bshop%40example.com",
        "jane.doe%252Bshop%2540example.com",
        "jane.doe%25252525252Bshop%252525252540example.com",
        "jane.doe+shop&#64;example.com",
        "jane.doe+shop&commat;example&period;com",
        "jane.doe+shop&amp;amp;#x40;example.com",
        "jane.doe+shop\\u0040example.com",
        "jane.doe+shop\\\\u0040example.com",
        "jane.doe+shop\uff20example\uff0ecom",
        "Jane.Doe+Shop@EXAMPLE.com",
        "jane doe shop example com",
        "jane.doe\u200b+shop@example.com",
    ],
)
def test_masks_a_known_address_in_any_spelling(spelled: str) -> None:
    """Encoded once or often, with other blanks, in other letters."""
    masked = mask_text(f"no customer {spelled} here", "jane.doe+shop@example.com").lower()

    assert "jane" not in masked
    assert "example" not in masked


@table("size", [10_000, 100_000])
@table(
    "part",
    ["1", "1 ", "1 - ", "a@", "%25", "&amp;", "\\", "\u0315\u0301", "a1-", "verif"],
)
def test_every_rule_takes_linear_time(part: str, size: int) -> None:
    """A hundred thousand characters take milliseconds; at the square they would take minutes."""
    text = "otp " + part * (size // len(part))
    began = time.process_time()
    mask(text), mask_text(text, text[:90]), mask_subject(text, text[:90]), mask_codes(text)

    assert time.process_time() - began < 2


@table(
    ("text", "masked"),
    [
        ("482913 is your code", "****** is your code"),
        ("Use 1234.", "Use ****."),
        ("12345678", "********"),
        ("12", "12"),
        ("123", "***"),
        ("123456789", "*********"),
        ("a1234b5678", "a****b****"),
        ("12 34", "** **"),
        ("2 for 1, 50% off, 7:30", "2 for 1, 50% off, 7:30"),
        # Years and prices look like codes.
        ("Sale 2025: from 1,299.00", "Sale ****: from 1,***.**"),
        ("2025-06-01 12:30", "****-**-** **:30"),
        ("482-913", "***-***"),
        ("Use 482 913 now", "Use *** *** now"),
        ("482\u2011913", "***\u2011***"),
        ("482\u00a0913", "***\u00a0***"),
        ("12-34-56", "**-**-**"),
        ("4 8 2 9 1 3", "* * * * * *"),
        ("1234-5678", "****-****"),
        ("G-482913", "G-******"),
        ("Rs 1 299 off", "Rs * *** off"),
        ("OTP: 7F3K9Q", "OTP: ******"),
        ("Your verification code is A7K-92Q.", "Your verification code is ***-***."),
        ("Your code is K9_P2_Q7.", "Your code is **_**_**."),
        ("OTP: K9.P2.Q7, v2", "OTP: **.**.**, v2"),
        ("Code K9\u200bP2\u00b7Q7", "Code **\u200b**\u00b7**"),
        ("a7k92q is your PIN", "****** is your PIN"),
        ("passcode 123", "passcode ***"),
        ("A7K92Q is a colour", "A7K92Q is a colour"),
        ("decoded AB12 barcodes", "decoded AB12 barcodes"),
        # As apps, banks and shops write them.
        (
            "Dear Customer, 4821 is the OTP for your txn of INR 5,500.00 at ACME",
            "Dear Customer, **** is the OTP for your txn of INR 5,***.** at ACME",
        ),
        (
            "[Shop]Your code is: 482913, valid for 10 min",
            "[Shop]Your code is: ******, valid for 10 min",
        ),
        ("<#> Code: 48 29 13\nFA+9qCX9VSu", "<#> Code: ** ** **\nFA+********"),
        ("Your code 482\u2013913 (do not share)", "Your code ***\u2013*** (do not share)"),
        ("Enter 4829-13AB as one-time password", "Enter ****-**** as one-time password"),
        ("R5VQ7 is your guard code", "***** is your guard code"),
        ("Tu código es 7F3K9Q", "Tu código es ******"),
        ("TU CO\u0301DIGO ES 7F3K9Q", "TU CO\u0301DIGO ES ******"),
        ("Seu código de verificação: A1B2C3", "Seu código de verificação: ******"),
        ("Votre mot de passe : 8ZK4", "Votre mot de passe : ****"),
        ("Ihr Sicherheitscode lautet K7M2P9", "Ihr Sicherheitscode lautet ******"),
        ("Kode OTP anda 9XK21", "Kode OTP anda *****"),
        ("Mã xác thực của bạn là Q8W7E6", "Mã xác thực của bạn là ******"),
        ("ŞİFRENİZ: T5R4E3", "ŞİFRENİZ: ******"),
        ("Ваш код: 7F3K9Q", "Ваш код: ******"),
        ("आपका ओटीपी 7F3K9Q है", "आपका ओटीपी ****** है"),
        ("您的验证码是A7K92Q\uff0c请勿泄露", "您的验证码是******\uff0c请勿泄露"),
        ("確認コードはA7K92Qです", "確認コードは******です"),
        ("인증번호 [A7K92Q]", "인증번호 [******]"),
        ("รหัสA7K92Qของคุณ", "รหัส******ของคุณ"),
        ("رمز التحقق ٤٨٢٩١٣", "رمز التحقق ******"),
        ("\uff14\uff18\uff12\uff19", "****"),
        ("4\ufe0f\u20e38\ufe0f\u20e32\ufe0f\u20e3", "*\ufe0f\u20e3*\ufe0f\u20e3*\ufe0f\u20e3"),
        ("①②③④", "****"),
        ("4\u200b8\u200b2", "*\u200b*\u200b*"),
    ],
)
def test_masks_what_may_be_a_one_time_code(text: str, masked: str) -> None:
    """Runs and groups of digits, and letters with digits where a code is named."""
    assert mask_codes(text) == masked


@given(_FOREIGN | st.text("otp code123-. aB", max_size=40))
def test_leaves_no_run_of_digits(text: str) -> None:
    """No three digits, with what sets groups apart between them or not; masked twice is once."""
    masked = mask_codes(text)

    assert not re.search(r"\d([-\s.\u200b]?\d){2,}", masked)
    assert mask_codes(masked) == masked


@given(st.text("1234567890\u0661\uff19 -.,:%aBé\u0301", max_size=40))
def test_changes_nothing_but_digits_of_runs(text: str) -> None:
    """Without a word for a code in it; a digit or two between letters stay, too."""
    masked = mask_codes(text)

    assert len(masked) == len(text)
    for before, after, inside in zip(text, masked, _runs(text), strict=True):
        assert after == ("*" if inside else before)


def _runs(text: str) -> Iterator[bool]:
    """For each character, whether it is a digit of a run of three and more."""
    digits = [at for at, character in enumerate(text) if character.isdigit()]
    runs: list[list[int]] = [[]]
    for at in digits:
        last = runs[-1][-1] if runs[-1] else at
        apart = text[last + 1 : at]
        if at - last > 4 or not all(character in " -." for character in apart):
            runs.append([])
        runs[-1].append(at)
    inside = {at for run in runs if len(run) >= 3 for at in run}
    return (at in inside for at in range(len(text)))


@table(
    ("text", "shown"),
    [
        ("Are you there?", "Are you there?"),
        ("\x1b[2Jgone\nnext\x07", "[2Jgone next"),
        ("call 919111111111 now", "call 9*********11 now"),
        ("call 919.111/111-111 now", "call 9************11 now"),
        ("for jane%40example.com", "for j***@***.com"),
        ("code 12345678", "code ********"),
        ("call the till.1@home", "call the t***@***"),
    ],
)
def test_shows_a_subject_without_codes_numbers_and_addresses(text: str, shown: str) -> None:
    """And without what steers a terminal."""
    assert mask_subject(text, MOBILE) == shown


def test_shows_codes_of_a_subject_only_if_asked_to() -> None:
    """Numbers of nine digits and more are no codes."""
    assert (
        mask_subject(f"code 12345678, {MOBILE}", codes_shown=True) == "code 12345678, 9*********95"
    )
    assert len(mask_subject("x" * 5000)) < 2000


def test_shows_a_missing_value_as_missing() -> None:
    """None is no secret."""
    assert (repr_masked(None), show_codes_masked(None)) == ("None", "None")


def test_shows_codes_numbers_and_addresses_masked() -> None:
    """A subject line in a repr holds none of the three."""
    shown = show_codes_masked(f"482913 for {EMAIL}, {MOBILE}")

    assert shown == "'****** for a***@***.com, ************'"


@given(st.dictionaries(st.sampled_from(["a", "b"]), personal))
def test_shows_only_the_keys(mapping: dict[str, str]) -> None:
    """What stands behind a key is not shown."""
    assert repr_keys(mapping) == "{" + ", ".join(f"'{key}': ..." for key in mapping) + "}"


def test_finds_a_known_value_whose_own_blanks_are_odd() -> None:
    """A text is shown with plain blanks, so a value is looked for with plain ones."""
    assert "Ada Lovelace" not in mask_text("no Ada Lovelace here", " Ada\u00a0 Lovelace")
