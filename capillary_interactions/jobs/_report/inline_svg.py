"""How does a drawing become a part of a page, with the page's colours and fonts? Pure.

A drawing is made with colours that stand for roles and with `@0`, `@1`, ... for words that are not
ours; here the roles become the page's variables, and the words are put in, escaped.
"""

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from capillary_interactions.jobs._report.html import escaped

# The page's style sheet has a variable for each, in light and in dark.
ROLES: Final = (
    *("card", "ink", "muted", "rule", "quota", "lookups", "further", "failed", "bar"),
    *("found", "not_found", "rejected", "unreadable", "unavailable", "open"),
)
COLOURS: Final = {role: f"#fe{number:02x}fe" for number, role in enumerate(ROLES)}
"""What to draw with for each role; no drawing has any other colour."""

_STYLE: Final = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_OPENING: Final = re.compile(r'<svg[^>]*(viewBox="[^"]*")[^>]*>')
_REFERENCES: Final = re.compile(r'(\bid="|url\(#|href="#)')
_FONT: Final = re.compile(r"""font:[^;"]*?([\d.]+px)[^;"]*""")
_FAMILY: Final = re.compile(r"""\s*font-family:[^;"]*;?""")
_COLOUR: Final = re.compile("#fe([0-9a-f]{2})fe")
_WORD: Final = re.compile(r"(?<=>)@(\d+)(?=<)")


@frozen
class Caption:
    """What is said of a drawing.

    Attributes:
        name: A name that no other drawing of the page has.
        title: What it is.
        told: What it shows, for whoever does not see it.
    """

    name: str
    title: str
    told: str


def inline(drawn: str, caption: Caption, words: Sequence[str] = ()) -> str:
    """A drawing as it stands in a page.

    Args:
        drawn: An SVG file.
        caption: What is said of it.
        words: What stands for `@0`, `@1`, ...
    """
    name = caption.name
    body = _STYLE.sub("", drawn[drawn.index("<svg") :])
    body = _REFERENCES.sub(rf"\g<1>{name}-", body).replace("xlink:href", "href")
    body = _FAMILY.sub("", _FONT.sub(r"font-size: \1", body))
    body = _COLOUR.sub(lambda found: f"var(--{ROLES[int(found[1], 16)]})", body)
    told = (
        rf'<svg \1 class="chart {name}" role="img" aria-labelledby="{name}-title {name}-told">'
        f'<title id="{name}-title">@0</title><desc id="{name}-told">@1</desc>'
    )
    body = _OPENING.sub(lambda found: found.expand(told), _later(body), count=1)
    every = (caption.title, caption.told, *words)
    return _WORD.sub(lambda found: escaped(every[int(found[1])]), body).strip()


def _later(body: str) -> str:
    """A drawing whose words come after the title and the description."""
    return _WORD.sub(lambda found: f"@{int(found[1]) + 2}", body)
