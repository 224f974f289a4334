"""`python -m benchmarks` measures what it says: its clients look up, its figures are of pairs."""

import gzip
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Final
from urllib.request import urlopen

import orjson
import pytest

from benchmarks._suite import client_process, over_http, without_network
from benchmarks._suite.clients import ROOT, Contender, installed
from benchmarks._suite.figures import Spread, ratios, spread
from benchmarks._suite.goals import GOALS, table
from benchmarks.servers.fastest_http import fast_server, production_server
from tests.tables import table as rows

_OVER_HTTP: Final = {
    (one.target, one.style): one
    for one in installed((*over_http.OVERHEAD, *over_http.SINGLE))
    if one.loop == "asyncio"
}
_ELSEWHERE: Final = (*without_network.READING, *without_network.INSTANT)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A server that answers at once."""
    with fast_server() as url:
        yield url


async def _turn(contender: Contender, address: str) -> tuple[float, float]:
    async with client_process.opened(contender.target, address) as client:
        return await client_process.STYLES[contender.style](client, 3)


@pytest.mark.parametrize(
    "contender", _OVER_HTTP.values(), ids=lambda one: f"{one.name}, {one.style}"
)
async def test_every_client_looks_customers_up(contender: Contender, base_url: str) -> None:
    """Those that are installed here, in the style they are measured in."""
    cpu, wall = await _turn(contender, base_url)

    assert cpu > 0
    assert wall > 0


@pytest.mark.parametrize("contender", _ELSEWHERE, ids=lambda one: one.name)
async def test_what_needs_no_network_works_too(contender: Contender) -> None:
    """Reading an answer, and streams on an instant transport."""
    cpu, _ = await _turn(contender, "documented")

    assert cpu > 0


def test_production_is_tls_gzip_and_a_dozen_headers() -> None:
    """As the address and the authority that the clients are given say."""
    with production_server() as (url, authorities):
        trusted = ssl.create_default_context(cafile=authorities)
        with urlopen(url, context=trusted, timeout=10) as response:  # noqa: S310 - a loopback address
            body, headers = gzip.decompress(response.read()), response.headers

    assert orjson.loads(body)["interaction"]
    assert len(headers) == 13


def test_one_command_prints_tables_and_goals() -> None:
    """In processes of their own."""
    command = (sys.executable, "-m", "benchmarks", "single", "--rounds", "1", "--requests", "2")
    printed = subprocess.run(  # noqa: S603 - this very interpreter
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert re.search(r"^\| lookup \| \d+ \| \d+ \|", printed, re.MULTILINE)
    assert re.search(r"^\| added by a single lookup \| at most 30 ", printed, re.MULTILINE)


def test_ratios_are_of_pairs() -> None:
    """A machine that is slow for a round is slow for both of it."""
    assert spread(ratios([1.0, 20.0, 3.0], [2.0, 40.0, 6.0])) == Spread(0.5, 0.5, 0.5)
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(3.0, 2.0, 4.0)


@rows(
    ("now", "before", "expected"),
    [
        (0.85, 0.4, "| 0.40 (0.40 to 0.40) | 0.85 (0.85 to 0.85) | met |"),
        (0.84, None, "| - | 0.84 (0.84 to 0.84) | missed |"),
    ],
)
def test_goals_are_met_by_their_medians(now: float, before: float | None, expected: str) -> None:
    """Those that were measured have a row, with what was before where that was measured."""
    figures = {"lookup": Spread(now, now, now)}
    if before is not None:
        figures["lookup, before"] = Spread(before, before, before)

    *_, row = table(figures).splitlines()

    assert row.endswith(expected)


def test_goals_have_one_bound_each() -> None:
    """At least, or at most; and each its own figure."""
    assert [goal.words for goal in GOALS if (goal.least is None) == (goal.most is None)] == []
    assert len({goal.figure for goal in GOALS}) == len(GOALS)
