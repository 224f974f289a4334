"""Who has signed a certificate that is not accepted? Read from its DER, without a check of it.

Python's `ssl` describes accepted certificates only, and the issuer of another one is what tells a
proxy that inspects TLS from a wrong server.
"""

from collections.abc import Iterator
from typing import Final

from capillary_interactions._text.printable import one_line

_CONTEXT_0: Final = 0xA0
# The names of an organisation and of a common name (X.520), as DER writes them.
_NAMES: Final = (b"\x55\x04\x0a", b"\x55\x04\x03")
_ENCODINGS: Final = {0x0C: "utf-8", 0x1E: "utf-16-be"}
_MAX_NAME: Final = 60


def issuer_of(der: bytes) -> str:
    """The organisation and the common name of a certificate's issuer; "" if they cannot be read."""
    try:
        return _issuer(der)
    except (IndexError, ValueError):
        return ""


def _issuer(der: bytes) -> str:
    (_, certificate), *_ = _elements(der)
    (_, signed), *_ = _elements(certificate)
    fields = [content for tag, content in _elements(signed) if tag != _CONTEXT_0]
    # The serial number, the algorithm, the issuer (RFC 5280, 4.1).
    found = dict(_names(fields[2]))
    return shown_issuer(found.get(_NAMES[0], ""), found.get(_NAMES[1], ""))


def shown_issuer(organisation: str, name: str) -> str:
    """An issuer's names as one line for a person."""
    names = dict.fromkeys(one_line(text)[:_MAX_NAME] for text in (organisation, name) if text)
    return ", ".join(names)


def _names(issuer: bytes) -> Iterator[tuple[bytes, str]]:
    for _, set_ in _elements(issuer):
        for _, pair in _elements(set_):
            (_, identifier), (tag, text) = _elements(pair)
            if identifier in _NAMES:
                yield identifier, text.decode(_ENCODINGS.get(tag, "latin-1"), "replace")


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """The elements of a sequence or set: their tags and contents."""
    found, at = [], 0
    while at < len(der):
        tag, length, begin = der[at], der[at + 1], at + 2
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(der[at + 2 : begin], "big")
        at = begin + length
        if at > len(der):
            raise ValueError("cut off")
        found.append((tag, der[begin:at]))
    return found
