"""Makes a drawing a part of a page, with the page's colours and fonts.

A drawing is made with colours that stand for roles, and with `@0`, `@1`, ... for labels from
outside; here the roles become CSS variables of the page, and the labels are inserted, escaped.
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
"""The placeholder for each role; a drawing has no other colour."""

_STYLE: Final = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_ROOT: Final = re.compile(r'<svg[^>]*(viewBox="[^"]*")[^>]*>')
_REFERENCES: Final = re.compile(r'(\bid="|url\(#|href="#)')
_FONT: Final = re.compile(r"""font:[^;"]*?([\d.]+px)[^;"]*""")
_FAMILY: Final = re.compile(r"""\s*font-family:[^;"]*;?""")
_COLOUR: Final = re.compile("#fe([0-9a-f]{2})fe")
_LABEL: Final = re.compile(r"(?<=>)@(\d+)(?=<)")


@frozen
class Caption:
    """A drawing's title, its description for a screen reader, and its name, unique on the page."""

    name: str
    title: str
    description: str


def inline(svg: str, caption: Caption, labels: Sequence[str] = ()) -> str:
    """An SVG file as an element of the page; the labels replace `@0`, `@1`, ..."""
    name = caption.name
    body = _STYLE.sub("", svg[svg.index("<svg") :])
    body = _REFERENCES.sub(rf"\g<1>{name}-", body).replace("xlink:href", "href")
    body = _FAMILY.sub("", _FONT.sub(r"font-size: \1", body))
    body = _COLOUR.sub(lambda match: f"var(--{ROLES[int(match[1], 16)]})", body)
    body = _LABEL.sub(lambda match: escaped(labels[int(match[1])]), body)
    root = (
        f'class="chart {name}" role="img" aria-labelledby="{name}-title {name}-description">'
        f'<title id="{name}-title">{escaped(caption.title)}</title>'
        f'<desc id="{name}-description">{escaped(caption.description)}</desc>'
    )
    return _ROOT.sub(lambda match: f"<svg {match[1]} {root}", body, count=1).strip()
