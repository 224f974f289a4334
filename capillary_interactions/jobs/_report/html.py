"""How are figures and words written as HTML? Whatever comes in is text, and is escaped. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from capillary_interactions._text.printable import printable


class Figure(str):
    """A number as it is told, which stands where numbers stand."""

    __slots__ = ()


Cell = str | Figure | int | float
NOT_TOLD: Final = "\N{EN DASH}"


def escaped(text: str) -> str:
    """The text in HTML, without what steers whatever shows it: a terminal, a browser."""
    return escape(printable(text))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table; numbers stand to the right.

    Args:
        caption: What it holds, for whoever does not see what stands around it.
        head: The names of the columns.
        rows: The rows, the first cell of each being its name.
    """
    body = [tuple(row) for row in rows]
    numeric = [any(_is_number(row[place]) for row in body) for place in range(len(head))]
    names = "".join(
        f'<th scope="col"{_side(number)}>{escaped(name)}</th>'
        for name, number in zip(head, numeric, strict=True)
    )
    return (
        f'<div class="wide"><table><caption>{escaped(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead>"
        f"<tbody>{''.join(_row(row, numeric) for row in body)}</tbody></table></div>"
    )


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Figure) or not isinstance(cell, str)


def _row(row: Sequence[Cell], numeric: Sequence[bool]) -> str:
    first, *others = (
        (_written(cell), _side(number)) for cell, number in zip(row, numeric, strict=True)
    )
    cells = "".join(f"<td{side}>{text}</td>" for text, side in others)
    return f'<tr><th scope="row"{first[1]}>{first[0]}</th>{cells}</tr>'


def _side(number: bool) -> str:
    return ' class="n"' if number else ""


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return escaped(cell) or NOT_TOLD
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.1f}"


def share(part: int, whole: int) -> Figure:
    """A part of a whole, in hundredths."""
    return Figure(f"{100 * part / whole:.1f} %" if whole else NOT_TOLD)


def stat_tiles(figures: Iterable[tuple[str, str]]) -> str:
    """A few figures, each with its name."""
    each = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in figures
    )
    return f'<dl class="tiles">{each}</dl>'


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """What the colours of a drawing mean: each colour's role, and words."""
    each = "".join(
        f'<li><span class="key {escaped(role)}"></span>{escaped(told)}</li>'
        for role, told in entries
    )
    return f'<ul class="legend">{each}</ul>'


def note(text: str) -> str:
    """A sentence below a heading."""
    return f'<p class="note">{escaped(text)}</p>' if text else ""


def figure_with_table(drawing: str, figures: str) -> str:
    """A drawing, and the same in figures next to it."""
    return f'<div class="beside"><figure>{drawing}</figure>{figures}</div>'


def ranked_bars(drawing: str, figures: str) -> str:
    """Bars, and a table whose rows stand beside them."""
    return f'<div class="beside ranked"><figure>{drawing}</figure>{figures}</div>'


def details(summary: str, content: str) -> str:
    """What is shown only to whoever wants it."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def section(name: str, heading: str, *content: str) -> str:
    """A part of the page."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">'
        f'<h2 id="{name}-heading">{escaped(heading)}</h2>{"".join(content)}</section>'
    )
