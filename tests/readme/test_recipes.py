"""Every block of Python in the README runs, against a real sandbox server."""

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import uvicorn
from attrs import define, field

from capillary_interactions import InteractionsClient, Outcome, RetryPolicy
from capillary_interactions.sandbox import Sandbox, SandboxProcess

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


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """An application under a real server, and a session that asks it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    server.should_exit = True
    await task


async def test_answers_a_web_request(sandbox: SandboxProcess) -> None:
    """Each outcome becomes the status of the table, and 503 tells when to come again."""
    async with serving(run("web")["app"]) as web:
        async with web.get("/customers/919738522695/interactions") as found:
            assert found.status == 200
            assert await found.json() == sandbox.expected("919738522695")
        for mobile, status in (("404", 404), ("%20", 422)):
            async with web.get(f"/customers/{mobile}/interactions") as refused:
                assert refused.status == status
        sandbox.change(faults={"error_503_retry_after": 1.0}, fault_retry_after=7)
        async with web.get("/customers/919738522696/interactions") as busy:
            assert busy.status == 503
            assert busy.headers["Retry-After"] == "7"
            assert "919738522696" not in await busy.text()


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


@define
class Message:
    """A broker's message that remembers what became of it."""

    body: dict[str, str]
    fate: list[str] = field(factory=list)

    async def ack(self) -> None:
        """Done."""
        self.fate.append("ack")

    async def nack(self) -> None:
        """Again."""
        self.fate.append("nack")

    async def reject(self) -> None:
        """Never again."""
        self.fate.append("reject")


async def test_acknowledges_after_the_outcome() -> None:
    """Each message has one fate, that of the table, and is stored before it is acknowledged."""
    answers = {"404": _NOT_FOUND, "unreadable": {"interaction": 5}, "wrong": (400, {}, b"")}
    async with Sandbox(unknown=0, answers=answers) as server:
        config = server.client_config()
        mobiles = ["1", "404", "unreadable", "wrong", " ", "2"]
        messages = [Message({"mobile": mobile}) for mobile in mobiles] + [Message({})]
        stored: list[str] = []

        async def deliver() -> AsyncIterator[Message]:
            for message in messages:
                yield message

        async def store(outcome: Outcome) -> None:
            assert outcome.item[0].fate == []
            stored.append(outcome.query.identifier.value)

        async with InteractionsClient(config) as client:
            await run("consumer")["consume"](client, deliver(), store)
    fates = ["ack", "ack", "reject", "reject", "reject", "ack", "reject"]
    assert [message.fate for message in messages] == [[fate] for fate in fates]
    assert sorted(stored) == ["1", "2", "404"]


async def test_gives_an_unavailable_message_back() -> None:
    """What had no answer is redelivered, not lost."""
    async with Sandbox(faults={"error_500": 1.0}) as server:
        config = server.client_config(retry=_ONE_TRY)
        message = Message({"mobile": "1"})

        async def deliver() -> AsyncIterator[Message]:
            yield message

        async def store(outcome: Outcome) -> None:
            raise AssertionError(outcome)

        async with InteractionsClient(config) as client:
            await run("consumer")["consume"](client, deliver(), store)
    assert message.fate == ["nack"]


def test_shows_how_to_test() -> None:
    """The block on testing passes its own assertions, without waiting."""
    run("testing")


def test_runs_every_block() -> None:
    """No block of Python is left out here."""
    assert set(BLOCKS) == {None, "web", "bulk", "consumer", "testing"}
    assert README.count("```python") == len(BLOCKS)
