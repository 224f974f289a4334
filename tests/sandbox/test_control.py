"""The private path: what it answers, and to whom."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import orjson
import pytest
from aiohttp import web

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._control import is_control
from tests.tables import table

from .asking import ask, get, post


@table(
    ("path", "remote", "expected"),
    [
        ("/_sandbox/counts", "127.0.0.1", True),
        ("/_sandbox/counts", "127.3.2.1", True),
        ("/_sandbox/counts", "::1", True),
        ("/_sandbox/counts", "192.168.1.2", False),
        ("/_sandbox/counts", "2001:db8::1", False),
        ("/_sandbox/counts", "", False),
        ("/_sandbox/counts", "unix:", False),
        ("/_sandbox/counts", None, False),
        ("/_sandboxes", "127.0.0.1", False),
        ("/v1.1/customer/interaction", "127.0.0.1", False),
    ],
)
def test_is_for_this_machine_only(path: str, remote: str | None, expected: bool) -> None:
    """From anywhere else it is a path like any other that does not exist."""
    request = cast("web.BaseRequest", SimpleNamespace(raw_path=path, remote=remote))
    assert is_control(request) is expected


async def test_answers_a_stranger_as_it_answers_unknown_paths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """404 in Capillary's words, and counted like every request."""
    monkeypatch.setattr(web.BaseRequest, "remote", "203.0.113.7")
    async with Sandbox() as sandbox:
        reply = await post(sandbox.base_url, "/_sandbox/change", {"unknown": 1.0})
        assert reply.status == 404
        assert reply.json["errors"][0]["code"] == 404
        assert (sandbox.unknown, sandbox.counts.received) == (0.05, 1)


async def test_is_in_no_count() -> None:
    """Asking for the counts changes none of them, connections included."""
    async with Sandbox() as sandbox:
        await ask(sandbox.base_url, "1")
        before = sandbox.counts
        for _ in range(3):
            counts = (await post(sandbox.base_url, "/_sandbox/counts", {})).json
            assert (counts["received"], counts["connections"]) == (1, 1)
        # A connection is counted when it is made: let the last one be seen to the end.
        await asyncio.sleep(0)
        assert sandbox.counts == before


@table(
    ("question", "arguments", "answer"),
    [
        ("received_for", {"identifier": "1"}, 2),
        ("most_in_any_window", {"per": 60}, 2),
        ("most_in_any_window", {"per": 60, "credential": "unknown"}, 0),
        ("arrivals", {"credential": "unknown"}, []),
        ("expected", {"identifier": "canned"}, {"a": 1}),
        ("inject", {"names": ["hang", None]}, None),
        ("revoke_tokens", {}, None),
        ("reset_counts", {}, None),
        ("change", {"unknown": 0.5, "retry_after": "auto"}, None),
    ],
)
async def test_answers(question: str, arguments: dict[str, Any], answer: object) -> None:
    """JSON arguments in, a JSON value out."""
    async with Sandbox(answers={"canned": {"a": 1}}) as sandbox:
        for _ in range(2):
            await ask(sandbox.base_url, "1")
        reply = await post(sandbox.base_url, f"/_sandbox/{question}", arguments)
        assert (reply.status, reply.json) == (200, answer)
        changed = (list(sandbox.script), sandbox.counts.received, sandbox.unknown)
    assert changed == {
        "inject": (["hang", None], 2, 0.05),
        "reset_counts": ([], 0, 0.05),
        "change": ([], 2, 0.5),
    }.get(question, ([], 2, 0.05))


@table(
    ("question", "body", "status", "word"),
    [
        ("shutdown", {}, 404, "received_for"),
        ("", {}, 404, "counts"),
        ("received_for", {}, 400, "identifier"),
        ("received_for", {"other": 1}, 400, "other"),
        ("most_in_any_window", {}, 400, "per"),
        ("inject", {}, 400, "names"),
        ("inject", {"names": ["fire"]}, 400, "fire"),
        ("change", {"page_size": 0}, 400, "page_size"),
        ("counts", "text", 400, "mapping"),
    ],
)
async def test_says_what_is_wrong(question: str, body: object, status: int, word: str) -> None:
    """A bad question is answered, and the sandbox goes on."""
    async with Sandbox() as sandbox:
        reply = await post(sandbox.base_url, f"/_sandbox/{question}", body)
        assert reply.status == status
        assert word in orjson.dumps(reply.json).decode()
        assert (await ask(sandbox.base_url, "1")).status == 200


async def test_takes_nothing_but_post() -> None:
    """A GET on the private path learns how it is meant."""
    async with Sandbox() as sandbox:
        reply = await get(sandbox.base_url, "/_sandbox/counts")
        assert reply.status == 404
        assert reply.json["error"].startswith("POST ")


_PAGE = {"Origin": "https://evil.example"}


@table(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        (_PAGE, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "text/plain", **_PAGE}, 403),
    ],
)
async def test_takes_nothing_from_a_web_page(headers: dict[str, str], status: int) -> None:
    """Any page in a developer's browser could send it, also by a name that leads here."""
    async with Sandbox() as sandbox:
        sent = {"Content-Type": "application/json", **headers}
        url = f"{sandbox.base_url}/_sandbox/change"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=b'{"unknown": 0.5}', headers=sent) as response,
        ):
            assert response.status == status
        assert sandbox.unknown == (0.5 if status == 200 else 0.05)


@table(
    "name",
    [
        "_handler",
        "_runner",
        "_connections",
        "_base_url",
        "stop",
        "__class__",
        "base_url",
        "counts",
        "nothing",
    ],
)
async def test_changes_nothing_but_settings(name: str) -> None:
    """What the sandbox needs to run cannot be changed from outside."""
    async with Sandbox() as sandbox:
        reply = await post(sandbox.base_url, "/_sandbox/change", {"unknown": 0.5, name: 1})

        assert (reply.status, sandbox.unknown) == (400, 0.05)
        assert name in reply.json["error"]


@table("body", [{"port": 1}, [], 5, "x", {"unknown": "much"}, {"answers": 5}])
async def test_names_what_is_wrong_with_a_change(body: Any) -> None:
    """In place of an error of the server's own."""
    async with Sandbox() as sandbox:
        reply = await post(sandbox.base_url, "/_sandbox/change", body)

        assert reply.status == 400
