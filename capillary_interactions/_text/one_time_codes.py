"""One-time codes in subject lines, and how they are masked."""

import re
from typing import Final

# Hyphens, dots and blanks of any width, as texts set a code apart: "482-913", "12 34 56".
_BETWEEN: Final = r"[-\s._\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2060\u2212\ufe58\ufe63\uff0d]"
# Groups of one size with one separator, six digits or more: "482-913", but no price of 1 299.
_GROUPED: Final = re.compile(
    rf"(?<!\d)(?:\d(?:(?P<a>{_BETWEEN})\d)(?:(?P=a)\d){{2,6}}"
    rf"|\d\d(?P<b>{_BETWEEN})\d\d(?:(?P=b)\d\d){{1,3}}"
    rf"|\d{{3}}(?P<c>{_BETWEEN})\d{{3}}(?:(?P=c)\d{{3}}){{0,3}}"
    rf"|\d{{4}}(?P<d>{_BETWEEN})\d{{4}}(?:(?P=d)\d{{4}}){{0,2}})(?!\d)"
)
_RUN: Final = re.compile(r"(?<!\d)\d{4,8}(?!\d)")
_DIGIT: Final = re.compile(r"\d")
_LONE_CODE: Final = re.compile(r"\d{3,}")
_ANNOUNCED: Final = re.compile(
    r"(?<![^\W\d_])(?:otps?|[tm]?pins?|pass[ -]?codes?|passwords?|codes?|c[oó]digos?|kode|codice|"
    r"verif\w*|one[ -]time|2fa|mfa|tokens?)(?![^\W\d_])",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"[^\W_]+(?:[-\u2010-\u2015][^\W_]+)*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_MIN_CODE: Final = 3
# No code is longer, says Capillary.
_MAX_CODE: Final = 50


def mask_codes(text: str) -> str:
    """A subject line without the one-time code it may hold.

    These are runs of four to eight digits, groups of digits, and beside a word such as code or OTP
    three digits and what mixes letters with digits.

    >>> mask_codes("482913 is your code"), mask_codes("482-913"), mask_codes("OTP: A7K-92Q")
    ('****** is your code', '***-***', 'OTP: ***-***')
    """
    if not _DIGIT.search(text):
        return text
    if _ANNOUNCED.search(text):
        text = _TOKEN.sub(_without_code, text)
    text = _GROUPED.sub(lambda match: _DIGIT.sub("*", match[0]), text)
    return _RUN.sub(lambda match: "*" * len(match[0]), text)


def _without_code(token: re.Match[str]) -> str:
    """The token with stars for its letters and digits, if it may be a code."""
    text = token[0]
    if not _MIN_CODE <= len(text) <= _MAX_CODE or not _DIGIT.search(text):
        return text
    if _LETTER.search(text):
        return _LETTER_OR_DIGIT.sub("*", text)
    return _LONE_CODE.sub(lambda run: "*" * len(run[0]), text)
