"""What does a person see of the report? Opened in Chromium, where nothing from outside can load."""

import asyncio
import json
import os
import re
import shutil
import zlib
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from PIL import Image

from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import mobile, mobiles, run_job
from .pages import Page, colours, contrast, read_page, report_of

_CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="chromium is not installed")

_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_DARK, _LIGHT = 0, 1
_WIDTHS: Final = (1200, 400)
_CUSTOMERS: Final = 120
# Put into a copy of the page, which measures itself and tells the page around it.
_MEASURE: Final = """<script>
const seen = box => box.width > 0 && box.height > 0;
const boxes = chart => [...chart.querySelectorAll("text")].map(
    text => ({text: text.textContent, box: text.getBoundingClientRect()}));
const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
const charts = [...document.querySelectorAll("svg")].filter(
    chart => seen(chart.getBoundingClientRect()));
const pairs = charts.flatMap(chart => {
    const all = boxes(chart);
    return all.flatMap((a, n) => all.slice(n + 1).filter(b => cross(a.box, b.box))
        .map(b => [a.text, b.text]));
});
const texts = charts.flatMap(boxes);
parent.tell({
    width: innerWidth, needed: document.documentElement.scrollWidth, crossing: pairs,
    charts: charts.map(chart => chart.getAttribute("class")),
    outside: texts.filter(({box}) => box.left < 0 || box.right > innerWidth).map(t => t.text),
    wide: [...document.querySelectorAll(".ranked .wide")].filter(
        around => around.scrollWidth > around.clientWidth).map(
        around => around.querySelector("caption").textContent),
    smallest: Math.min(...texts.map(({box}) => box.height)),
});
</script>"""
_AROUND: Final = """<!doctype html><body style="margin: 0; display: flex">
<script>function tell(measured) {{
    const line = document.createElement("pre");
    line.textContent = JSON.stringify(measured);
    line.hidden = true;
    document.body.append(line);
}}</script>{frames}"""


@frozen
class Shown:
    """What Chromium makes of a page.

    Attributes:
        dom: The page after it was opened.
        picture: A picture of it.
        paper: It as it is printed.
    """

    dom: str
    picture: Path
    paper: Path


async def show(page: Path, folder: Path, scheme: int) -> Shown:
    """Open a page in a light or dark Chromium of its own."""
    shown = folder / "shown.png", folder / "shown.pdf"
    process = await asyncio.create_subprocess_exec(
        str(_CHROMIUM),
        *_OPTIONS,
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1600,3400",
        "--dump-dom",
        f"--screenshot={shown[0]}",
        f"--print-to-pdf={shown[1]}",
        page.as_uri(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )
    async with asyncio.timeout(60):
        dom, _ = await process.communicate()
    return Shown(dom.decode(), *shown)


@frozen
class Seen:
    """A job's report: as it was written, in a dark browser, and measured in a light one."""

    written: str
    dark: Shown
    light: Shown
    served: Counter[str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """The report of a job with every ending, opened twice at the same time."""
    folder = tmp_path_factory.mktemp("browser")
    for scheme in ("dark", "light"):
        (folder / scheme).mkdir()
    return asyncio.run(_seen(folder))


async def _seen(folder: Path) -> Seen:
    served: Counter[str] = Counter()
    wrong: dict[str, Any] = {
        mobile(3): (503, {}, b"down"), mobile(4): {"interaction": 7}, mobile(5): (400, {}, b"{}"),
    }  # fmt: skip
    async with Sandbox(unknown=0.1, answers=wrong) as sandbox:
        await run_job(sandbox, mobiles(folder / "a <b>.csv", range(_CUSTOMERS)), folder / "a.job")
        for number in set(range(_CUSTOMERS)) - {3, 4, 5}:
            answer = sandbox.expected(mobile(number)) or {"interaction": []}
            for interaction in answer["interaction"]:
                served.update(each["status"] for each in interaction.get("messageList", ()))
    written = await report_of(folder / "a.job")
    copy = re.sub(r"<meta http-equiv[^>]*>", "", written).replace("</body>", f"{_MEASURE}</body>")
    style = "border: 0; flex: none; height: 3400px; width"
    frames = "".join(
        f'<iframe style="{style}: {width}px" srcdoc="{escape(copy)}"></iframe>' for width in _WIDTHS
    )
    around = folder / "around.html"
    around.write_text(_AROUND.format(frames=frames), "utf-8")
    dark, light = await asyncio.gather(
        show(folder / "report.html", folder / "dark", _DARK),
        show(around, folder / "light", _LIGHT),
    )
    return Seen(written, dark, light, served)


def pixels(picture: Path, box: tuple[int, int, int, int] | None = None) -> Counter[Any]:
    """How many pixels a picture has of each colour."""
    with Image.open(picture) as image:
        part = image.convert("RGB").crop(box or (0, 0, *image.size))
        return Counter({
            colour: number for number, colour in part.getcolors(part.width * part.height) or ()
        })  # fmt: skip


def test_shows_the_numbers_of_the_job(seen: Seen) -> None:
    """After it was opened, the page holds every drawing and every figure."""
    page: Page = read_page(seen.dark.dom)
    ended = page.counts("Rows by how they ended")

    assert page.headings[0] == "a <b>.csv"
    assert page.counts("Messages by status") == seen.served
    assert sum(ended.values()) == _CUSTOMERS
    assert {**ended, "found": 0, "not found": 0} == {
        "found": 0, "not found": 0, "rejected": 1, "unreadable": 1, "unavailable": 1,
    }  # fmt: skip
    assert len(page.tables["Rows that failed"]) == 4
    assert seen.dark.dom.count("<svg") == seen.written.count("<svg") == 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_seen(seen: Seen, scheme: str) -> None:
    """Text, bars and lines are there, and stand out from the ground that they stand on."""
    shown = seen.light if scheme == "light" else seen.dark
    drawn = pixels(shown.picture)
    role = colours(seen.written, scheme)
    ground = role["card"]

    assert drawn[ground] > drawn.total() / 5
    # At least this many pixels: of whole letters, lines and bars, not of their edges.
    for name, number, least in (
        ("page", 10_000, 1.0), ("ink", 1_500, 7.0), ("muted", 300, 4.5), ("rule", 2_000, 1.2),
        ("found", 5_000, 3.0), ("not_found", 100, 3.0), ("rejected", 20, 3.0),
        ("unreadable", 20, 3.0), ("unavailable", 20, 3.0), ("bar", 5_000, 3.0),
    ):  # fmt: skip
        assert drawn[role[name]] >= number, name
        assert contrast(role[name], ground) >= least, name
    for name in ("lookups", "further", "failed", "quota", "open"):
        assert contrast(role[name], ground) >= 3.0, name


def test_is_dark_where_somebody_wants_it_dark(seen: Seen) -> None:
    """The ground of the one is the ink of the other, or nearly."""
    light, dark = (pixels(each.picture, (0, 0, 5, 5)) for each in (seen.light, seen.dark))

    assert list(light) == [colours(seen.written, "light")["page"]]
    assert list(dark) == [colours(seen.written, "dark")["page"]]


@pytest.mark.parametrize("width", _WIDTHS)
def test_fits(seen: Seen, width: int) -> None:
    """On a screen and on a telephone nothing overlaps, is cut off or is too small to be read."""
    measured = re.findall(r"<pre hidden=\"\">(.*?)</pre>", seen.light.dom)
    by_width = {each["width"]: each for each in map(json.loads, measured)}[width]

    assert by_width["needed"] <= width
    assert by_width["crossing"] == []
    assert by_width["outside"] == []
    # How long its durations are is a matter of this machine; it scrolls where they are too long.
    assert [text for text in by_width["wide"] if not text.startswith("The slowest")] == []
    assert by_width["smallest"] >= 10
    pace = "wide" if width > 760 else "narrow"
    assert [each.split()[1] for each in by_width["charts"]] == [
        "endings", f"pace-{pace}", "slowest", "channels", "statuses", "months",
    ]  # fmt: skip


def test_is_printed_in_black_on_white(seen: Seen) -> None:
    """Also by a browser that prefers the dark; the drawings are on the paper."""
    content = seen.dark.paper.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    painted = b"\n".join(filter(None, map(_unpacked, streams)))
    filled = {
        tuple(round(255 * float(part)) for part in found.split()[:3])
        for found in re.findall(rb"[\d.]+ [\d.]+ [\d.]+ rg", painted)
    }
    light, dark = (colours(seen.written, scheme) for scheme in ("light", "dark"))

    assert content.startswith(b"%PDF")
    assert {light["ink"], light["found"], light["not_found"], light["rejected"]} <= filled
    assert filled.isdisjoint({dark["card"], dark["page"], dark["ink"], dark["found"]})


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""  # a picture or a font
