"""How a test reads the report of a job: its tables, its figures, its drawings, its colours."""

import re
from html.parser import HTMLParser
from pathlib import Path

from attrs import define, field

from capillary_interactions.jobs import Job

_CELLS = frozenset({"th", "td"})


@define
class Page(HTMLParser):
    """What a page says.

    Attributes:
        tables: The rows of each table, by its caption.
        tiles: Figures by their names.
        charts: The description of each drawing, by its title.
        headings: The headings, in order.
        tags: Every kind of element that there is.
        words: Everything that can be read.
    """

    tables: dict[str, list[list[str]]] = field(factory=dict)
    tiles: dict[str, str] = field(factory=dict)
    charts: dict[str, str] = field(factory=dict)
    headings: list[str] = field(factory=list)
    tags: set[str] = field(factory=set)
    words: str = ""
    _text: str = ""
    _caption: str = ""
    _name: str = ""
    _title: str = ""

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Something begins."""
        self.tags.add(tag)
        if tag in {"caption", "dt", "dd", "title", "desc", "h1", "h2", *_CELLS}:
            self._text = ""
        elif tag == "tr":
            self.tables[self._caption].append([])

    def handle_data(self, data: str) -> None:
        """Some text."""
        self._text += data
        self.words += data

    def handle_endtag(self, tag: str) -> None:
        """Something ends."""
        text = self._text
        if tag == "caption":
            self._caption = text
            self.tables[text] = []
        elif tag in _CELLS:
            self.tables[self._caption][-1].append(text)
        elif tag == "dt":
            self._name = text
        elif tag == "dd":
            self.tiles[self._name] = text
        elif tag == "title":
            self._title = text
        elif tag == "desc":
            self.charts[self._title] = text
        elif tag in {"h1", "h2"}:
            self.headings.append(text)

    def column(self, caption: str, place: int) -> dict[str, str]:
        """What stands in a column of a table, by what stands in the first one."""
        return {row[0]: row[place] for row in self.tables[caption][1:]}

    def counts(self, caption: str, place: int = 1) -> dict[str, int]:
        """A column of numbers, those that are not nought."""
        column = self.column(caption, place)
        numbers = {name: int(cell.replace(",", "")) for name, cell in column.items()}
        return {name: number for name, number in numbers.items() if number}


def read_page(written: str) -> Page:
    """A page, read."""
    page = Page()
    page.feed(written)
    page.close()
    return page


async def report_of(job_path: Path) -> str:
    """The report of a job."""
    async with Job.open(job_path) as job:
        await job.write_report(job_path.with_name("report.html"))
    return job_path.with_name("report.html").read_text("utf-8")


def colours(written: str, scheme: str) -> dict[str, tuple[int, int, int]]:
    """The colours of a page in one of its schemes, by their roles."""
    light, dark = re.findall(r":root \{(.*?)\}", written, re.DOTALL)[:2]
    found = re.findall(r"--(\w+): #(\w{6})", {"light": light, "dark": dark}[scheme])
    return {role: (int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for role, c in found}


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """How well two colours can be distinguished, from 1 to 21, as WCAG counts it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
        for part in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
