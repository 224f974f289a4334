"""Python blocks of the READMEs run, against a real sandbox server."""

import asyncio
import csv
import hmac
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import polars as pl
import pytest

from capillary_interactions import (
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    Query,
    Unavailable,
)
from capillary_interactions.sandbox import SandboxProcess
from tests.end_to_end.authorities import Authority
from tests.end_to_end.byte_server import ByteServer, always, answer
from tests.end_to_end.forward_proxies import tinyproxy
from tests.fakes import settings

from .readme import BLOCKS, ROOT, TEXTS, run, run_cell, set_environment


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A sandbox in another process, as the blocks have event loops of their own."""
    with SandboxProcess(unknown=0, messages=3) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The same one, as if nothing had been asked, and the environment that names it."""
    server.reset_counts()
    set_environment(monkeypatch, server.base_url)
    return server


@pytest.mark.usefixtures("sandbox")
def test_looks_one_customer_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The first block prints a line for each message."""
    run("lookup")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("email ") for line in lines)


def test_streams_a_list_to_a_file(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Every row of the list has a line, with its own column and its own answer."""
    source, target = tmp_path / "customers.csv", tmp_path / "interactions.jsonl"
    mobiles = [f"91973852{number:04}" for number in range(100)]
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["shop", "mobile"])
        rows.writerows([int(mobile[-4:]) % 7, mobile] for mobile in mobiles)
    asyncio.run(run("bulk")["main"](source, target))
    lines = [orjson.loads(line) for line in target.read_bytes().splitlines()]
    assert sorted(line["query"]["identifierValue"] for line in lines) == mobiles
    for line in lines:
        assert line["shop"] == str(int(line["query"]["identifierValue"][-4:]) % 7)
    assert lines[0]["answer"] == sandbox.expected(lines[0]["query"]["identifierValue"])


@pytest.mark.usefixtures("sandbox")
def test_runs_a_job(tmp_path: Path) -> None:
    """The job's block looks every row up, exports it and draws its report."""
    (tmp_path / "customers.csv").write_text("mobile\n919738520001\n919738520002\n")
    asyncio.run(run("job")["main"](tmp_path))
    table = pl.read_parquet(tmp_path / "interactions.parquet")
    assert "</html>" in (tmp_path / "report.html").read_text("utf-8")
    assert sorted(set(table["mobile"])) == ["919738520001", "919738520002"]
    assert len(table) == 6


@pytest.mark.usefixtures("sandbox")
async def test_looks_a_table_up_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cell's table has every customer's messages; progress is shown."""
    (tmp_path / "customers.csv").write_text("mobile\n919738520001\n919738520002\n")
    monkeypatch.chdir(tmp_path)
    answered = (await run_cell("notebook"))["answered"]
    assert answered["mobile"].to_pylist() == ["919738520001"] * 3 + ["919738520002"] * 3
    assert capsys.readouterr().out.endswith("2 of 2")


async def test_asks_in_several_ways_with_one_client(sandbox: SandboxProcess) -> None:
    """The block's page asks the cache, but not for another language; and the rest is asked once."""
    mobiles = [f"91973852{number:04}" for number in range(3)]
    outcomes = await run("with_options")["main"](ClientConfig.from_env(), mobiles)
    assert [outcome.attempts for outcome in outcomes] == [1, 0, 1, 1, 1]
    assert sandbox.counts().received == 4


@pytest.mark.usefixtures("sandbox")
async def test_ties_outcomes_to_rows() -> None:
    """The block counts the messages of each row's customer."""
    async with InteractionsClient(ClientConfig.from_env()) as client:
        rows = [(7, "919738520001"), (9, "919738520002")]
        assert await run("items")["counted"](client, rows) == {7: 3, 9: 3}


async def test_reads_headers_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block finds what a server in front has added, also where there is no answer."""
    async with ByteServer(always(answer(400, b"{}", "CF-RAY: 8f-BOM"))) as server:
        set_environment(monkeypatch, server.base_url)
        async with InteractionsClient(ClientConfig.from_env()) as client:
            query = Query(Identifier.mobile("919738520001"))
            found = await run("answer_headers")["for_a_ticket"](client, query)
    assert found == {"status": 400, "request": None, "ray": "8f-BOM"}


async def test_signs_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block's signature is that of the URL that arrives."""
    async with ByteServer(always(answer())) as server:
        set_environment(monkeypatch, server.base_url)
        async with run("request_headers")["signing"](ClientConfig.from_env(), b"secret") as client:
            (await client.lookup(Identifier.mobile("919738520001"))).unwrap()
        (received,) = server.received
        url = f"{server.base_url}{received.target}".encode()
    assert received.headers["x-signature"] == hmac.new(b"secret", url, "sha256").hexdigest()


async def test_answers_from_a_folder(tmp_path: Path) -> None:
    """The block's transport answers what was saved; anything else has no answer."""
    client = InteractionsClient(settings(), transport=run("own_transport")["Recorded"](tmp_path))
    async with client:
        url = client._calls.runner.url(Query(Identifier.mobile("919738520001")))
        file = tmp_path / f"{sha256(url.encode()).hexdigest()}.json"
        file.write_bytes(b'{"interaction": []}')
        (await client.lookup(Identifier.mobile("919738520001"))).unwrap()
        outcome = await client.lookup(Identifier.mobile("919738520002"), timeout=0.05)
    assert isinstance(outcome, Unavailable)
    assert "no recorded answer" in outcome.reason


async def test_sends_few_at_once(sandbox: SandboxProcess) -> None:
    """The block's pace lets so many pass, each within its deadline, and all in the end."""
    pace = run("own_pace")["AtOnce"](3)
    in_flight: list[int] = []
    async with InteractionsClient(
        ClientConfig.from_env(),
        pace=pace,
        observers=[lambda _: in_flight.append(pace.state().in_flight)],
    ) as client:
        mobiles = [Identifier.mobile(f"91973852{number:04}") for number in range(50)]
        assert all(isinstance(each, Found) for each in await client.lookup_all(mobiles))
        pace.slots = asyncio.Semaphore(0)
        late = await client.lookup(mobiles[0], timeout=0.01)
    assert max(in_flight) == 3
    assert in_flight[-1] == 0
    assert isinstance(late, Unavailable)
    assert sandbox.counts().received == 50


@pytest.mark.parametrize("name", ["testing", "testing_outcomes"])
def test_shows_how_to_test(name: str) -> None:
    """The blocks on testing pass their own assertions, without waiting."""
    run(name)


async def test_shows_the_sandbox(sandbox: SandboxProcess) -> None:
    """The block's faults reach its client."""
    await run("testing_sandbox")["survives_an_expired_token"](sandbox)
    assert sandbox.counts().tokens_issued == 2


async def test_shows_its_certificate_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe of the README: a proxy with a password, a company's authority, a certificate."""
    authority = Authority(tmp_path)
    authority.certificate("till")
    (tmp_path / "authority.pem").rename(tmp_path / "company.pem")
    async with ByteServer(always(answer()), tls=authority.asking_server()) as server:
        set_environment(monkeypatch, server.base_url)
        with tinyproxy() as proxy:
            config = run("company")["behind"](proxy.known_url, tmp_path)
            async with InteractionsClient(config) as client:
                assert isinstance(await client.lookup(Identifier.mobile("919738522695")), Found)
            assert proxy.tunnels() == 1


def test_runs_every_block() -> None:
    """Every Python block of every README has a name, which a test of recipes runs."""
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_recipes.py"))
    assert [name for name in BLOCKS if f'"{name}"' not in tests] == []
    assert sum(text.count("```python") for text in TEXTS.values()) == len(BLOCKS)
