"""Marks the cells of a CSV so that a spreadsheet shows them as they are.

A spreadsheet runs what begins like a formula, and the text may come from a customer
(https://owasp.org/www-community/attacks/CSV_Injection), and takes what looks like a number for
one: +919..., 00919... and numbers of more than 15 digits are not the same afterwards. An apostrophe
in front says that a cell is text.
"""

import re
from typing import Any, Final

BYTE_ORDER_MARK: Final = "\ufeff"
"""By this a spreadsheet recognises UTF-8."""

_APOSTROPHE: Final = "'"
_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA: Final = re.compile(rf"\s*[{_SIGNS}]|[\t\r\n|%]")
# Where a semicolon separates columns, as in many countries, a spreadsheet may split within a cell.
_FORMULA_INSIDE: Final = re.compile(rf"([;\t\r\n]\s*\"?)(?=[=@\uff1d\uff20]|[{_SIGNS}][\w(.])")
# More than eleven digits are shown as 9.19E+11, and more than fifteen are lost.
_PLAIN: Final = re.compile(r"(0|[1-9]\d{0,10})(\.\d{0,9}[1-9])?", re.ASCII)
_NUMBER: Final = re.compile(
    r"\s*[\d.,'\u00a0\u202f ]*\d[\d.,'\u00a0\u202f ]*(e[+-]?\d+)?\s*%?\s*", re.IGNORECASE
)
_DATE: Final = re.compile(r"\s*\d{1,4}([-/.]\d{1,4}){1,2}\s*")
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def safe_cell(value: Any) -> Any:
    """The cell, with an apostrophe where a spreadsheet would change its value."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        # Such as message ids; counts are never as long.
        return value if _PLAIN.fullmatch(str(abs(value))) else f"{_APOSTROPHE}{value}"
    return safe_text(value) if isinstance(value, str) else value


def safe_text(text: str) -> str:
    """A text that a spreadsheet neither runs nor takes for a number.

    What already begins with an apostrophe gets one more: the first one is always ours.
    """
    text = text[:1] + _FORMULA_INSIDE.sub(r"\1'", text[1:])
    return f"{_APOSTROPHE}{text}" if _needs_mark(text) else text


def _needs_mark(text: str) -> bool:
    if text.startswith(_APOSTROPHE) or _FORMULA.match(text):
        return True
    if _PLAIN.fullmatch(text) or _ISO_DATE.fullmatch(text):
        return False
    return bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text))
