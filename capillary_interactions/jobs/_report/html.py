"""Writes figures and text as HTML; whatever comes in is text, and is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from capillary_interactions._text.printable import printable


class FormattedNumber(str):
    """A number as text, aligned like other numbers."""

    __slots__ = ()


Cell = str | int | float
NO_VALUE: Final = "\N{EN DASH}"


def escaped(text: str) -> str:
    """The text in HTML, without control characters."""
    return escape(printable(text))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table; columns of numbers are aligned to the right.

    The caption is for a screen reader; the first cell of a row is its name.
    """
    body = [tuple(row) for row in rows]
    classes = [
        ' class="n"' if any(_is_number(row[column]) for row in body) else ""
        for column in range(len(head))
    ]
    names = "".join(
        f'<th scope="col"{class_}>{escaped(name)}</th>'
        for name, class_ in zip(head, classes, strict=True)
    )
    return (
        f'<div class="wide"><table><caption>{escaped(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead>"
        f"<tbody>{''.join(_row(row, classes) for row in body)}</tbody></table></div>"
    )


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, FormattedNumber) or not isinstance(cell, str)


def _row(row: Sequence[Cell], classes: Sequence[str]) -> str:
    first, *others = row
    cells = "".join(
        f"<td{class_}>{_cell(cell)}</td>" for cell, class_ in zip(others, classes[1:], strict=True)
    )
    return f'<tr><th scope="row"{classes[0]}>{_cell(first)}</th>{cells}</tr>'


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escaped(cell) or NO_VALUE
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.1f}"


def share(part: int, total: int) -> FormattedNumber:
    """A percentage."""
    return FormattedNumber(f"{100 * part / total:.1f} %" if total else NO_VALUE)


def stat_tiles(figures: Iterable[tuple[str, str]]) -> str:
    """A few figures, each with its name."""
    tiles = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in figures
    )
    return f'<dl class="tiles">{tiles}</dl>'


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """The roles of colours and their meanings."""
    items = "".join(
        f'<li><span class="key {escaped(role)}"></span>{escaped(meaning)}</li>'
        for role, meaning in entries
    )
    return f'<ul class="legend">{items}</ul>'


def note(text: str) -> str:
    """A sentence below a heading."""
    return f'<p class="note">{escaped(text)}</p>' if text else ""


def figure_with_table(drawing: str, table: str, *, ranked: bool = False) -> str:
    """A drawing beside a table; if ranked, its bars are level with the table's rows."""
    class_ = "beside ranked" if ranked else "beside"
    return f'<div class="{class_}"><figure>{drawing}</figure>{table}</div>'


def details(summary: str, content: str) -> str:
    """Content that is shown on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def section(name: str, heading: str, *content: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">'
        f'<h2 id="{name}-heading">{escaped(heading)}</h2>{"".join(content)}</section>'
    )
