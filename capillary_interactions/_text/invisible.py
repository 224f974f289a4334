"""Which characters of a text are not seen, and are copied along from a chat or a web page?"""

import re
from typing import Final

# Zero-width and directional characters, fillers, the soft hyphen, byte-order marks, tags.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Joiners and variation selectors shape Indic and Persian letters and emoji; beside ASCII and at
# the ends they do nothing.
_JOINERS: Final = "[\u200c\u200d\ufe00-\ufe0f]+"
_IDLE_JOINERS: Final = re.compile(
    rf"(?<![^\x00-\x7f]){_JOINERS}|{_JOINERS}(?![^\x00-\x7f])", re.ASCII
)


def remove_invisible(text: str) -> str:
    return text if text.isascii() else _IDLE_JOINERS.sub("", _INVISIBLE.sub("", text))
