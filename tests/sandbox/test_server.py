"""The sandbox as a server: when it runs, canned answers, and many callers at once."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .asking import V1_1, ask, basic, get


async def test_is_started_once_and_stopped_as_often_as_one_likes() -> None:
    """Starting twice is an error, stopping twice is not, and it starts anew."""
    sandbox = Sandbox()
    await sandbox.stop()
    await sandbox.start()
    with pytest.raises(RuntimeError, match="running already"):
        await sandbox.start()
    assert (await ask(sandbox.base_url, "1")).status == 200
    await sandbox.stop()
    await sandbox.stop()
    await sandbox.start()
    assert (await ask(sandbox.base_url, "1")).status == 200
    await sandbox.stop()


def test_has_no_address_before_it_runs() -> None:
    """The error says how it is started."""
    with pytest.raises(RuntimeError, match="async with Sandbox"):
        _ = Sandbox().base_url
    assert Sandbox().counts.received == Sandbox().counts.connections == 0


async def test_closes_its_port() -> None:
    """After the end nothing listens, and no task is left."""
    before = asyncio.all_tasks()
    async with Sandbox() as sandbox:
        address = urlsplit(sandbox.base_url)
        await ask(sandbox.base_url, "1")
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection(address.hostname, address.port)
    assert asyncio.all_tasks() == before


async def test_says_that_its_port_is_taken() -> None:
    """The error of the system is let out, and the sandbox is not running."""
    async with Sandbox() as first:
        second = Sandbox(port=urlsplit(first.base_url).port or 0)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        with pytest.raises(RuntimeError):
            _ = second.base_url
        await second.stop()


async def test_writes_an_ipv6_address_in_brackets() -> None:
    """The address is of use to a client as it is."""
    try:
        async with Sandbox(host="::1") as sandbox:
            assert sandbox.base_url.startswith("http://[::1]:")
            assert (await ask(sandbox.base_url, "1")).status == 200
    except OSError:
        pytest.skip("this machine has no IPv6")


@table("latency", [0.03, (0.03, 0.04)])
async def test_takes_its_time(latency: Any) -> None:
    """An answer is as late as it is set to be; a refusal comes at once."""
    async with Sandbox(latency=latency) as sandbox:
        began = time.monotonic()
        await ask(sandbox.base_url, "1")
        assert time.monotonic() - began >= 0.025


async def test_stops_while_answers_wait() -> None:
    """A latency of an hour delays no end."""
    async with Sandbox(latency=3600) as sandbox:
        asking = asyncio.create_task(ask(sandbox.base_url, "1"))
        while not sandbox.counts.received:
            await asyncio.sleep(0.001)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    with pytest.raises(aiohttp.ClientError):
        await asking


CANNED: list[tuple[Any, int, str, bytes, Any]] = [
    ({"a": 1}, 200, "application/json", b'{"a":1}', {"a": 1}),
    ([1], 200, "application/json", b"[1]", None),
    (b"\xff\xfe", 200, "application/json", b"\xff\xfe", None),
    (b'{"a": 1}', 200, "application/json", b'{"a": 1}', {"a": 1}),
    ((418, {}, {"a": 1}), 418, "application/json", b'{"a":1}', {"a": 1}),
    ((502, {"content-type": "text/html"}, b"<html>"), 502, "text/html", b"<html>", None),
    ((429, {"Retry-After": "7"}, b""), 429, "application/json", b"", None),
]


@table(("canned", "status", "content_type", "body", "expected"), CANNED)
async def test_gives_a_canned_answer(
    canned: Any, status: int, content_type: str, body: bytes, expected: object
) -> None:
    """As it was given, to this identifier and no other; `expected` knows of it."""
    async with Sandbox(unknown=0, answers={"1": canned}) as sandbox:
        reply = await ask(sandbox.base_url, "1")
        assert (reply.status, reply.headers["Content-Type"], reply.body) == (
            status,
            content_type,
            body,
        )
        assert reply.headers["X-Cap-Requestid"]
        assert sandbox.expected("1") == expected
        assert sandbox.received_for("1") == 1
        assert (await ask(sandbox.base_url, "2")).json == sandbox.expected("2")


async def test_takes_over_the_canned_answers_of_another() -> None:
    """What one sandbox holds, another can be given."""
    first = Sandbox(answers={"1": (418, {}, b"tea")})
    async with Sandbox(answers=first.answers) as second:
        reply = await ask(second.base_url, "1")
    assert (reply.status, reply.body) == (418, b"tea")


async def test_sends_the_headers_of_a_canned_answer() -> None:
    """Whatever they are."""
    answers = {"1": (429, {"retry-after": "7", "X-Mine": "yes"}, b"")}
    async with Sandbox(answers=answers) as sandbox:
        headers = (await ask(sandbox.base_url, "1")).headers
    assert (headers["Retry-After"], headers["X-Mine"]) == ("7", "yes")


@table(("status", "refused"), [(200, 0), (404, 0), (401, 1), (403, 1)])
async def test_counts_canned_refusals_as_refused(status: int, refused: int) -> None:
    """A canned 401 or 403 is one, and everything else is an answer."""
    async with Sandbox(answers={"1": (status, {}, {})}) as sandbox:
        assert (await ask(sandbox.base_url, "1")).status == status
        assert (sandbox.counts.refused, sandbox.counts.answered) == (refused, 1 - refused)


async def test_puts_credentials_quota_and_faults_before_canned_answers() -> None:
    """A canned answer is what the customer has, not a way around."""
    async with Sandbox(answers={"1": {"a": 1}}, rate=(2, 60), script=["error_500"]) as sandbox:
        replies = [await ask(sandbox.base_url, "1", headers={})]
        replies += [await ask(sandbox.base_url, "1") for _ in range(3)]
    assert [reply.status for reply in replies] == [401, 500, 200, 429]


async def test_expects_everything_on_one_page_in_the_flat_shape() -> None:
    """Whatever shape and page size are served."""
    async with Sandbox(unknown=0, messages=7, page_size=2, shape="envelope_old") as sandbox:
        expected = sandbox.expected("1")
        sandbox.shape, sandbox.page_size = "flat", 50
        assert (await ask(sandbox.base_url, "1")).json == expected
        sandbox.unknown = 1
        assert sandbox.expected("1") is None


async def test_answers_many_at_once_each_with_their_own() -> None:
    """No answer goes to another caller, and nothing is counted twice."""
    people = [str(number) for number in range(300)]
    async with Sandbox(unknown=0.2, latency=(0, 0.01)) as sandbox:
        url = f"{sandbox.base_url}{V1_1}"
        connector = aiohttp.TCPConnector(limit=64)
        async with aiohttp.ClientSession(connector=connector, headers=basic()) as session:

            async def one(identifier: str) -> tuple[str, Mapping[str, Any], str]:
                async with session.get(url, params={"mobile": identifier, "limit": 999}) as got:
                    body = orjson.loads(await got.read())
                    return identifier, body, got.headers["X-Cap-Requestid"]

            answers = await asyncio.gather(*map(one, people))
        for identifier, body, _ in answers:
            assert body == sandbox.expected(identifier) or "errors" in body
            assert ("errors" in body) == (sandbox.expected(identifier) is None)
            assert sandbox.received_for(identifier) == 1
        assert len({request_id for _, _, request_id in answers}) == 300
        assert sandbox.counts.answered == sandbox.counts.received == 300
        assert sandbox.counts.connections <= 64


async def test_serves_two_sandboxes_in_one_loop() -> None:
    """Neither knows of the other."""
    async with Sandbox(seed=1, unknown=0) as one, Sandbox(seed=2, unknown=0) as other:
        await ask(one.base_url, "1")
        assert (one.counts.received, other.counts.received) == (1, 0)
        assert one.expected("1") != other.expected("1")


async def test_writes_nothing_when_a_request_cannot_be_read(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A broken request line may hold a phone number: no log has it."""
    async with Sandbox() as sandbox:
        address = urlsplit(sandbox.base_url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET /v1.1/customer/interaction?mobile=919738522695 HTTP/9\x00.1\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        assert (await get(sandbox.base_url, f"{V1_1}?mobile=1")).status == 200
    assert caplog.text == ""
    assert "919738522695" not in "".join(capfd.readouterr())
