"""Every block of Python in the README runs, against a real sandbox server."""

import asyncio
import csv
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from capillary_interactions import Found, Identifier, Query, RetryPolicy
from capillary_interactions.sandbox import SandboxProcess

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = {
    found[1]: found[2]
    for found in re.finditer(r"(?:<!-- (\w+) -->\n)?```python\n(.*?)```", README, re.DOTALL)
}


def run(name: str | None) -> dict[str, Any]:
    """What a block of the README defines."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(BLOCKS[name], f"README.md ({name})", "exec"), namespace)  # noqa: S102 - ours
    return namespace


def point_at(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what a reader of the README would have set."""
    monkeypatch.setenv("CAPILLARY_BASE_URL", base_url)
    monkeypatch.setenv("CAPILLARY_USERNAME", "sandbox")
    monkeypatch.setenv("CAPILLARY_PASSWORD", "sandbox")
    monkeypatch.setenv("CAPILLARY_RATE", "1000/1")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxProcess]:
    """A sandbox in another process, as the blocks have event loops of their own."""
    with SandboxProcess(unknown=0, messages=3, answers={"404": _NOT_FOUND}) as running:
        point_at(running.base_url, monkeypatch)
        yield running


_ONE_TRY = RetryPolicy(attempts=1)
_NOT_FOUND = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


@pytest.mark.usefixtures("sandbox")
def test_looks_one_customer_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The first block prints a line for each message."""
    run(None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("email ") for line in lines)


def test_streams_a_list_to_a_file(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Every row of the list has a line, with its own column and its own answer."""
    source, target = tmp_path / "customers.csv", tmp_path / "interactions.jsonl"
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["shop", "mobile"])
        rows.writerows([number % 7, f"91973852{number:04}"] for number in range(100))
    namespace = run("bulk")
    namespace["asyncio"].run(namespace["main"](source, target))
    lines = [orjson.loads(line) for line in target.read_bytes().splitlines()]
    assert sorted(line["query"]["identifierValue"] for line in lines) == [
        f"91973852{number:04}" for number in range(100)
    ]
    for line in lines:
        number = line["query"]["identifierValue"]
        assert line["shop"] == str(int(number[-4:]) % 7)
    assert lines[0]["answer"] == sandbox.expected(lines[0]["query"]["identifierValue"])


@pytest.mark.usefixtures("sandbox")
def test_runs_a_job(tmp_path: Path) -> None:
    """The job's block looks every row up, exports it and draws its report."""
    (tmp_path / "customers.csv").write_text("mobile\n919738520001\n919738520002\n")
    namespace = run("job")
    namespace["asyncio"].run(namespace["main"](tmp_path))
    table = pl.read_parquet(tmp_path / "interactions.parquet")
    assert "</html>" in (tmp_path / "report.html").read_text("utf-8")
    assert sorted(set(table["mobile"])) == ["919738520001", "919738520002"]
    assert len(table) == 6


def test_shows_how_to_test() -> None:
    """The block on testing passes its own assertions, without waiting."""
    run("testing")


def test_runs_every_block() -> None:
    """No block of Python is left out, here, in `tests/integrations`."""
    here = {None, "bulk", "job", "proxy", "synchronous", "testing"}
    folder = Path(__file__).parents[1]
    others = "".join(
        (folder / name / "test_recipes.py").read_text()
        for name in ("integrations/web", "integrations/consuming")
    )
    assert all(f'"{name}"' in others for name in set(BLOCKS) - here)
    assert README.count("```python") == len(BLOCKS)


async def _connect(
    asked: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """What a proxy for plain http sees: the whole address, in the request's first line."""
    asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode())
    body = b'{"interaction": []}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    writer.close()


async def test_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that reads the environment is asked to, and the client uses it."""
    point_at("http://127.0.0.1:9", monkeypatch)
    asked: list[str] = []
    async with await asyncio.start_server(partial(_connect, asked), "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        outcome = await run("proxy")["look_up"](Query(Identifier.mobile("919738522695")))
    assert isinstance(outcome, Found)
    assert asked[0].startswith("GET http://127.0.0.1:9/v1.1/customer/interaction?")


def test_serves_synchronous_code(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of threads share one client, and so one quota."""
    monkeypatch.setenv("CAPILLARY_RATE", "20/1")
    recipe = run("synchronous")
    with ThreadPoolExecutor(8) as threads:
        numbers = [str(919_000_000_000 + number) for number in range(16)]
        outcomes = list(threads.map(recipe["look_up"], numbers))
    recipe["close"]()
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert sandbox.counts().received == len(numbers)
