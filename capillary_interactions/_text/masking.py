"""How a phone number, an address or a secret is shown in a log, a repr or an exception text."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from capillary_interactions._text.decoded import decoded
from capillary_interactions._text.one_time_codes import mask_codes
from capillary_interactions._text.printable import one_line

# From the beginning of a run of letters or not at all: tried from each of them, a text without
# spaces took quadratic time. Without anything before the @ it may be a handle.
_ADDRESS: Final = re.compile(
    r"(?<![^\s@<>\"',;:=])(?:[^\s@<>\"',;:=]++@[^\s<>\"',;]+|@[^\s<>\"',;]{3,})"
)
# Codes that servers invent are shorter than phone numbers and card numbers. Up to four characters
# that are neither letters nor digits do not end a number: "(91) 9738.52-26/95".
_NUMBER: Final = r"\+?\d(?:[\W_]{0,4}\d){6,}"
# In a subject a number may stand behind a code: "code 482913, call 919738522695".
_LONGER_NUMBER: Final = r"\+?\d(?:(?:[^\w,;]|_){0,4}\d){8,}"
_LONE: Final = r"(?<![^\W_]){}(?![^\W_])"
# A number first that is in no word: it may hold an @ ("+91@9738 522695") and be no address.
_PERSONAL: Final = (re.compile(_LONE.replace("{}", _NUMBER)), _ADDRESS, re.compile(_NUMBER))
_PERSONAL_BESIDE_CODES: Final = (
    re.compile(_LONE.replace("{}", _LONGER_NUMBER)),
    _ADDRESS,
    re.compile(_LONGER_NUMBER),
)
_MIN_LONGER: Final = 9
_DIGIT: Final = re.compile(r"\d")
_QUERY_STRING: Final = re.compile(r"\?\S+")
_TOP_LEVEL: Final = re.compile(r"[A-Za-z]{2,10}")
# "@john.smith" has no local part, and "smith" is then no top-level domain.
_COMMON_TOP_LEVELS: Final = frozenset({"com", "edu", "gov", "in", "net", "org"})
_MAX_TEXT: Final = 200
# A text from elsewhere may be megabytes, and a person reads its beginning.
_MAX_READ: Final = 2000
_MAX_MASK: Final = 40
# A longer value is looked for as it is; in other spellings the search would take too long.
_MAX_SPELLED: Final = 100
_MIN_SPELLED: Final = 5
# What may stand at a cut: the beginning of a number or an address that is not known.
_STUMP: Final = 64
# A character is at most this much longer as an escape ("&#x0040;").
_MAX_GROWTH: Final = 8
# A number of as many digits may be a phone number.
_LONG: Final = 10**6


def mask(value: str | None) -> str:
    """A value in a form that its owner may recognise, and that is of no use to others.

    At most a quarter of it is shown, in one printable line.

    >>> mask("919738522695"), mask("91000678")
    ('9*********95', '9******8')
    >>> mask("a.person@example.com")
    'a***@***.com'
    >>> mask("X1")
    '***'
    """
    value = one_line(value or "")
    if "@" in value:
        return _mask_email(value)
    if len(value) < 8:  # noqa: PLR2004 - too short to show any of it
        return "***"
    if len(value) < 12:  # noqa: PLR2004 - three characters would be more than a quarter
        return f"{value[0]}{'*' * (len(value) - 2)}{value[-1]}"
    return f"{value[0]}{'*' * (min(len(value), _MAX_MASK) - 3)}{value[-2:]}"


def _mask_email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    shown = len(local) > 2 and local[0].isalnum()  # noqa: PLR2004 - one of two letters is half
    first = local[0] if shown else ""
    top = domain.rpartition(".")[2]
    known = _TOP_LEVEL.fullmatch(top) if local else top.lower() in _COMMON_TOP_LEVELS
    return f"{first}***@***.{top}" if known and "." in domain else f"{first}***@***"


def mask_text(text: str, *values: str) -> str:
    """A message from elsewhere with everything personal in it masked, and bounded in length.

    Args:
        text: The message of a server or an operating system.
        values: Values known to be personal (the identifier asked for), masked wherever they stand
            and however they are spelled.
    """
    cut = len(text) > _MAX_READ
    # First of all, or a line break inside a value would hide it until it is gone.
    shown = one_line(text[:_MAX_READ])
    if cut:
        # What stands at the cut may be the beginning of a value.
        shown = shown[: -_STUMP - _MAX_GROWTH * max(map(len, values), default=0)]
    known = _known(values)

    def masked(line: str) -> str:
        return _mask_personal(_QUERY_STRING.sub("?***", _mask_known(known, line)), _PERSONAL)

    shown = _in_any_spelling(shown, known, masked)
    return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"


def mask_subject(text: str, *values: str, codes_shown: bool = False) -> str:
    """A subject as a person may see it, in one printable line of bounded length.

    Args:
        text: The subject.
        values: Values known to be personal.
        codes_shown: Whether one-time codes stay readable, which numbers of up to eight digits are.
    """
    known = _known(values)

    def masked(line: str) -> str:
        line = _mask_known(known, line)
        if codes_shown:
            return _mask_personal(line, _PERSONAL_BESIDE_CODES)
        return mask_codes(_mask_personal(line, _PERSONAL))

    shown = _in_any_spelling(one_line(text[:_MAX_READ]), known, masked)
    return shown if len(text) <= _MAX_READ else f"{shown[:-_STUMP]}…"


def _in_any_spelling(line: str, known: tuple[str, ...], masked: Callable[[str], str]) -> str:
    """A line masked; decoded, where only that shows what has to be masked."""
    for letters in (True, False):
        plain = one_line(decoded(line, letters=letters))
        # Its letters are decoded for a known value only; see `decoded`.
        if not letters or any(_holds(plain, value) for value in known):
            shown = masked(plain)
            if shown != plain:
                return shown
    return masked(line)


def _known(values: Iterable[str]) -> tuple[str, ...]:
    lines = [one_line(value) for value in values]
    return tuple(filter(None, dict.fromkeys([*lines, *map(one_line, map(decoded, lines))])))


def _mask_personal(line: str, rules: Iterable[re.Pattern[str]]) -> str:
    for rule in rules:
        line = rule.sub(_mask_match, line)
    return line


def _mask_match(match: re.Match[str]) -> str:
    text = match[0]
    if "@" not in text and len(_DIGIT.findall(text)) < _MIN_LONGER:
        return _DIGIT.sub("*", text)  # it may be a code
    return mask(text)


def _mask_known(known: Iterable[str], text: str) -> str:
    for value in known:
        # A pattern for each customer would cost more than all the rest.
        if _holds(text, value):
            text = _replace_value(value, text)
    return text


def _replace_value(value: str, text: str) -> str:
    for pattern in (re.escape(value), _spelled(value)):
        known = re.compile(pattern, re.IGNORECASE)
        text = known.sub(lambda _: mask(value), text)
        # What a mask leaves may be the beginning of the next one ("ab...abab...ab").
        text = known.sub("***", text)
    return text


def _holds(text: str, value: str) -> bool:
    return _folded(value) in _folded(text)


def _folded(text: str) -> str:
    """Its letters and digits alone, in one case; also of letters such as the Turkish i."""
    return "".join(filter(str.isalnum, text.upper().casefold()))


def _spelled(value: str) -> str:
    """The pattern of a value whose blanks and punctuation are written otherwise, or left out."""
    letters = [c for c in value if c.isalnum()]
    if not _MIN_SPELLED <= len(letters) <= _MAX_SPELLED:
        return re.escape(value)
    return r"[\W_]{0,4}".join(map(re.escape, letters))


def repr_masked(value: str | None) -> str:
    """The repr of a field that holds personal data: None, or its masked form."""
    return "None" if value is None else repr(mask(value))


def show_codes_masked(value: str | None) -> str:
    """The repr of a field whose text may hold a one-time code, an address or a number."""
    return "None" if value is None else repr(mask_text(mask_codes(value[: 2 * _MAX_READ])))


def repr_keys(value: Mapping[str, object]) -> str:
    """The repr of a mapping with its keys only: the values may be personal."""
    return "{" + ", ".join(f"{mask_text(key)!r}: ..." for key in value) + "}"


def describe_value(
    value: object, *, like: re.Pattern[str] | None = None, choices: Iterable[str] = ()
) -> str:
    """A wrong argument, for the text of an error.

    Arguments in the wrong order, or a variable with the wrong name, put a phone number or a secret
    anywhere; so only what can be neither is repeated, and of the rest its type and size.

    Args:
        value: The argument.
        like: The pattern of a text that may be shown.
        choices: The valid texts; one that is nearly equal to one of them may be shown.

    >>> describe_value(-1), describe_value("919738522695")
    ('-1', 'a string of 12 characters')
    """
    if isinstance(value, str):
        harmless = (like is not None and like.fullmatch(value)) or _is_similar(value, choices)
        return str.__repr__(value) if harmless else f"a string of {len(value)} characters"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float):
        return _show_number(value)
    return f"a {type(value).__name__}"


def _is_similar(value: str, choices: Iterable[str]) -> bool:
    return bool(get_close_matches(value.strip().lower(), list(choices), cutoff=0.7))


def _show_number(value: float) -> str:
    # As it is compared, not as it is written: Python refuses to write the longest ones.
    if abs(value) >= _LONG and value not in (math.inf, -math.inf):
        return "a number of seven digits or more"
    shown = repr(value)
    return shown if len(shown) <= 8 else "a number with a long fraction"  # noqa: PLR2004
