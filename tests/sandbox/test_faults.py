"""Each fault, as a caller meets it."""

import asyncio
import random
import time
from collections import Counter
from typing import Any

import aiohttp
import orjson
import pytest

from capillary_interactions.sandbox import FAULTS, MIXED_FAULTS, Sandbox
from capillary_interactions.sandbox._faults import pick_fault
from tests.tables import table

from .asking import ask, get, read_wire, sample

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@table(
    ("fault", "status", "content_type", "retry_after"),
    [
        ("error_500", 500, JSON, None),
        ("html_502", 502, HTML, None),
        ("error_503", 503, JSON, None),
        ("error_503_retry_after", 503, JSON, "1"),
        ("throttle_429", 429, JSON, "1"),
        ("throttle_429_bare", 429, JSON, None),
        ("malformed_json", 200, JSON, None),
        ("html_200", 200, HTML, None),
        ("wrong_types", 200, JSON, None),
        ("empty_200", 200, JSON, None),
        ("unknown_fields", 200, JSON, None),
        ("error_in_200", 200, JSON, None),
    ],
)
async def test_answers_with(
    fault: str, status: int, content_type: str, retry_after: str | None
) -> None:
    """A fault above the wire has its status, its type and its Retry-After."""
    async with Sandbox(unknown=0, script=[fault]) as sandbox:
        reply = await ask(sandbox.base_url, "1")
        assert reply.status == status
        assert reply.headers["Content-Type"] == content_type
        assert reply.headers.get("Retry-After") == retry_after
        assert reply.headers["X-Cap-Requestid"]
        assert sandbox.counts.faulted == 1
        assert (await ask(sandbox.base_url, "1")).json == sandbox.expected("1")


@table(
    ("fault", "status", "published"),
    [
        ("code_498_200", 200, "error_token_expired"),
        ("code_498_401", 401, "error_token_expired"),
        ("code_498_498", 498, "error_token_expired"),
        ("code_401_200", 200, "error_token_invalid"),
        ("code_401_401", 401, "error_token_invalid"),
        ("code_403_403", 403, "error_no_access"),
        ("code_4000_200", 200, {"errorCode": 4000, "errorMessage": "Access denied"}),
        ("code_4000_403", 403, {"errorCode": 4000, "errorMessage": "Access denied"}),
        ("code_4001_200", 200, "error_authorization_unavailable"),
        ("code_4001_503", 503, "error_authorization_unavailable"),
        ("text_4001_503", 503, None),
        ("code_8109_200", 200, "error_customer_deleted"),
        ("code_1012_200", 200, "error_customers_not_found"),
        ("code_320001_200", 200, "error_token_endpoint_refused"),
        ("code_320001_401", 401, "error_token_endpoint_refused"),
        ("code_320002_200", 200, {"data": None, "errors": [{"code": 320002, "message": "..."}]}),
    ],
)
async def test_answers_with_what_is_published(
    fault: str, status: int, published: str | dict[str, Any] | None
) -> None:
    """A published body, with each HTTP status that may stand beside it."""
    async with Sandbox(unknown=0, script=[fault]) as sandbox:
        reply = await ask(sandbox.base_url, "919000000001")
        assert (reply.status, sandbox.counts.faulted) == (status, 1)
    if published is None:
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert reply.body == b"Authorization status unavailable!"
    else:
        expected = sample(published) if isinstance(published, str) else published
        assert _skeleton(reply.json) == _skeleton(expected)


def _skeleton(value: Any) -> Any:
    """The value without what differs from answer to answer: times, numbers and texts."""
    if isinstance(value, dict):
        spared = ("message", "mobile")
        return {name: ... if name in spared else _skeleton(held) for name, held in value.items()}
    return [_skeleton(held) for held in value] if isinstance(value, list) else value


@table(("seconds", "header"), [(7, "7"), (0.2, "1"), (0, "0"), (None, None)])
async def test_throttles_on_purpose_as_the_setting_says(
    seconds: float | None, header: str | None
) -> None:
    """With the Retry-After that every other 429 has."""
    async with Sandbox(unknown=0, script=["throttle_429"], retry_after=seconds) as sandbox:
        reply = await ask(sandbox.base_url, "1")
    assert (reply.status, reply.headers.get("Retry-After")) == (429, header)


@table("fault", ["malformed_json", "html_200", "empty_200", "html_502"])
async def test_sends_what_is_no_json(fault: str) -> None:
    """These bodies cannot be read as JSON."""
    async with Sandbox(unknown=0, script=[fault]) as sandbox:
        reply = await ask(sandbox.base_url, "1")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(reply.body)


@table("shape", ["flat", "envelope", "envelope_old"])
async def test_sends_wrong_types_in_every_shape(shape: str) -> None:
    """A count that is a word breaks every shape."""
    async with Sandbox(unknown=0, script=["wrong_types"], shape=shape) as sandbox:  # type: ignore[arg-type]
        assert b'"count":"many"' in (await ask(sandbox.base_url, "1")).body


async def test_sends_wrong_types_where_there_is_no_customer() -> None:
    """An unknown customer's answer has no count to spoil, so another answer comes."""
    async with Sandbox(unknown=1, script=["wrong_types"]) as sandbox:
        reply = await ask(sandbox.base_url, "1")
        assert reply.json["interaction"][0]["count"] == "many"


async def test_adds_unknown_fields_at_each_level_and_changes_nothing_else() -> None:
    """Without the additions it is the right answer."""
    async with Sandbox(unknown=0, messages=2, script=["unknown_fields"]) as sandbox:
        answer = (await ask(sandbox.base_url, "1")).json
        levels = (answer, answer["interaction"][2], answer["interaction"][2]["messageList"][0])
        for level in levels:
            assert level["addedLater"] == {"x": 1}
        without = orjson.dumps(answer).replace(b',"addedLater":{"x":1}', b"")
        assert orjson.loads(without) == sandbox.expected("1")


async def test_says_failure_inside_a_success() -> None:
    """The request level says 500 under an HTTP status of 200."""
    async with Sandbox(script=["error_in_200"]) as sandbox:
        status = (await ask(sandbox.base_url, "1")).json["response"]["status"]
    assert (status["success"], status["code"]) == ("false", 500)


@table(("seconds", "header"), [(0, "0"), (0.2, "1"), (1.0, "1"), (1.5, "2"), (30, "30")])
async def test_asks_for_whole_seconds(seconds: float, header: str) -> None:
    """Fractions are rounded up, and zero is possible."""
    script = ["error_503_retry_after"]
    async with Sandbox(script=script, fault_retry_after=seconds) as sandbox:
        assert (await ask(sandbox.base_url, "1")).headers["Retry-After"] == header


async def test_resets_before_the_first_byte() -> None:
    """Nothing but a reset comes."""
    async with Sandbox(script=["reset_before"]) as sandbox:
        assert await read_wire(sandbox.base_url) == (b"", True)


async def test_resets_in_mid_body() -> None:
    """The head and half of what it promises come before the reset."""
    async with Sandbox(unknown=0, script=["reset_mid_body"]) as sandbox:
        came, reset = await read_wire(sandbox.base_url)
        whole = orjson.dumps(sandbox.expected("1"))
    head, _, body = came.partition(b"\r\n\r\n")
    assert reset
    assert f"Content-Length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2]


async def test_truncates_with_an_orderly_close() -> None:
    """Less comes than promised, and no reset."""
    async with Sandbox(unknown=0, script=["truncated"]) as sandbox:
        came, reset = await read_wire(sandbox.base_url)
    head, _, body = came.partition(b"\r\n\r\n")
    promised = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert not reset
    assert 0 < len(body) < promised


async def test_cuts_a_chunked_answer() -> None:
    """The last chunk never comes, and no reset."""
    async with Sandbox(unknown=0, script=["cut_chunked"]) as sandbox:
        came, reset = await read_wire(sandbox.base_url)
    head, _, body = came.partition(b"\r\n\r\n")
    assert not reset
    assert b"Transfer-Encoding: chunked" in head
    assert b"{" in body
    assert not body.endswith(b"0\r\n\r\n")


@table("fault", ["reset_before", "reset_mid_body", "truncated", "cut_chunked"])
async def test_fails_a_client_of_aiohttp(fault: str) -> None:
    """What is wrong on the wire is an error of the client, never an answer."""
    async with Sandbox(unknown=0, script=[fault]) as sandbox:
        with pytest.raises(aiohttp.ClientError):
            async with asyncio.timeout(5.0):
                await ask(sandbox.base_url, "1")
        assert sandbox.counts.faulted == 1


async def test_leaves_a_client_of_aiohttp_waiting() -> None:
    """Nothing comes, not even an error."""
    async with Sandbox(unknown=0, script=["hang"]) as sandbox:
        asking = asyncio.create_task(ask(sandbox.base_url, "1"))
        async with asyncio.timeout(5.0):
            while not sandbox.counts.faulted:
                await asyncio.sleep(0.001)
        done, _ = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        asking.cancel()
        await asyncio.wait({asking})


async def test_trickles_the_whole_answer() -> None:
    """A slow body takes its time and is whole in the end."""
    async with Sandbox(unknown=0, script=["slow_body"], slow_body=0.04) as sandbox:
        began = time.monotonic()
        reply = await ask(sandbox.base_url, "1")
        assert time.monotonic() - began >= 0.035
        assert reply.json == sandbox.expected("1")


@pytest.mark.measures
async def test_stops_at_once_while_requests_hang() -> None:
    """A hanging request delays no stop, and leaves no task."""
    before = asyncio.all_tasks()
    sandbox = Sandbox(faults={"hang": 1.0})
    await sandbox.start()
    hanging = [asyncio.create_task(read_wire(sandbox.base_url)) for _ in range(5)]
    while sandbox.counts.faulted < 5:
        await asyncio.sleep(0.001)
    began = time.monotonic()
    await sandbox.stop()
    assert time.monotonic() - began < 0.15
    assert [came for came, _ in await asyncio.gather(*hanging)] == [b""] * 5
    assert asyncio.all_tasks() == before


async def test_frees_a_hanging_request_when_its_caller_leaves() -> None:
    """A caller that goes away takes its request along."""
    async with Sandbox(script=["hang"]) as sandbox:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask(sandbox.base_url, "1")
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert not sandbox._handler._pending


async def test_plays_the_script_in_order_and_then_behaves() -> None:
    """None in a script is a right answer; after the end come the rng."""
    async with Sandbox(script=["error_500", None, "html_502"]) as sandbox:
        sandbox.inject("error_503", None)
        statuses = [(await ask(sandbox.base_url, "1")).status for _ in range(6)]
    assert statuses == [500, 200, 502, 503, 200, 200]


async def test_keeps_the_script_for_requests_that_get_so_far() -> None:
    """Refused and throttled requests and unknown paths use up no line of it."""
    async with Sandbox(script=["error_500"], rate=(1, 0.05), retry_after=None) as sandbox:
        assert (await ask(sandbox.base_url, "1", headers={})).status == 401
        assert (await get(sandbox.base_url, "/other")).status == 404
        assert list(sandbox.script) == ["error_500"]
        assert (await ask(sandbox.base_url, "1")).status == 500
        sandbox.inject("error_503")
        assert (await ask(sandbox.base_url, "1")).status == 429
        assert list(sandbox.script) == ["error_503"]


async def test_changes_its_faults_while_it_runs() -> None:
    """The attribute counts from the next request on."""
    async with Sandbox() as sandbox:
        assert (await ask(sandbox.base_url, "1")).status == 200
        sandbox.faults = {"error_500": 1.0}
        assert (await ask(sandbox.base_url, "1")).status == 500
        sandbox.faults = 0
        assert (await ask(sandbox.base_url, "1")).status == 200


def test_mixes_only_faults_after_which_asking_again_is_right() -> None:
    """A plain probability picks from the mix, and each of them about as often."""
    rng = random.Random(1)
    drawn = Counter(pick_fault(0.3, rng) for _ in range(10_000))
    assert set(drawn) == {None, *MIXED_FAULTS}
    assert drawn[None] == pytest.approx(7_000, rel=0.05)
    assert drawn["html_502"] == pytest.approx(10_000 * 0.3 / len(MIXED_FAULTS), rel=0.2)


def test_draws_each_fault_with_its_own_probability() -> None:
    """Named probabilities are kept."""
    rng = random.Random(2)
    drawn = Counter(pick_fault({"hang": 0.1, "html_200": 0.2}, rng) for _ in range(10_000))
    assert set(drawn) == {None, "hang", "html_200"}
    assert drawn["hang"] == pytest.approx(1_000, rel=0.15)
    assert drawn["html_200"] == pytest.approx(2_000, rel=0.15)


def test_describes_every_fault_in_one_line() -> None:
    """Each is found under its own name."""
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.description
        assert "\n" not in fault.description


async def test_drops_reused_connections_without_a_byte() -> None:
    """The first request of a connection is answered, the second counted and dropped."""
    async with Sandbox(drop_keepalive=1.0) as sandbox:
        assert (await ask(sandbox.base_url, "1")).status == 200
        async with aiohttp.ClientSession() as session:
            url = f"{sandbox.base_url}/v1.1/customer/interaction?mobile=2"
            # POST is never sent twice by aiohttp, so GETs are what shows it.
            for _ in range(3):
                async with session.get(url, headers={}) as response:
                    await response.read()
        # Three answers took five requests: the second and third were dropped once each.
        assert sandbox.counts.dropped == 2
        assert sandbox.received_for("2") == 5
        assert sandbox.counts.connections == 4
