"""What `client.check()` finds, and what it costs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ConfigurationError,
    Identifier,
    InteractionsClient,
    to_jsonable,
)
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request, Response
from tests.fakes import Reply, Server, asked, customer, in_turn, now, others, response, settings
from tests.tables import table

_REFUSED = response({"errors": [{"status": False, "code": 401, "message": "no"}]})


def _client(server: Server, **changes: object) -> InteractionsClient:
    return InteractionsClient(settings(**changes), transport=server)


async def test_asks_once_for_a_customer_that_does_not_exist() -> None:
    """And not again while the report is young; another question is one more request."""
    server = Server(takes=0.25)
    async with _client(server) as client:
        report = await client.check()
        assert (report.ok, report.failed) == (True, None)
        assert [step.name for step in report.steps] == ["credentials", "quota", "clock"]
        assert report.steps[0].seconds == 0.25
        await asyncio.sleep(29.0)
        assert await client.check() is report
        assert len(server.requests) == 1
        await client.check(customer())
        await client.check(max_age=0.0)
        await asyncio.sleep(30.0)
        await client.check()
        assert len(server.requests) == 4
        assert others() == set()
    assert asked(server.requests[0])["external_id"] == "capillary-interactions-check"
    assert asked(server.requests[1])["mobile"] == customer().value


@table(
    ("reply", "detail"),
    [
        (TransportError("no connection: Connection refused"), "no connection"),
        (503, "HTTP 503"),
        (response(200), "an empty body"),
        (_REFUSED, "credentials refused"),
        ({"what": "is this"}, "interaction"),
        (403, "said by a proxy or firewall, not by the API"),
    ],
)
async def test_never_raises_for_a_failing_endpoint(reply: Reply, detail: str) -> None:
    """One request without retries tells, and the next one comes after five seconds at most."""
    server = Server(lambda _: reply)
    async with _client(server) as client:
        report = await client.check()
        assert not report.ok
        assert report.failed is report.steps[0]
        assert detail in report.steps[0].detail
        assert await client.check() is report
        sent = len(server.requests)
        await asyncio.sleep(5.0)
        assert await client.check() is not report
        assert (sent, len(server.requests)) == (1, 2)
        budget = client.snapshot().retry_budget
    assert budget == 500


@pytest.mark.parametrize("obedient", [True, False])
async def test_takes_no_longer_than_its_time(obedient: bool) -> None:
    """Also by a transport that does not look at its timeout."""

    class Late(Server):
        async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
            return await super().send(request, timeout=timeout if obedient else 3600.0)

    async with _client(Late(takes=60.0)) as client:
        started = now()
        report = await client.check(timeout=2.0)
        assert now() - started <= 2.5
    assert report.failed is not None
    assert "within 2 s" in report.failed.detail


async def test_counts_a_used_up_quota_as_ready() -> None:
    """It passes, and another process of the same quota would fare no better."""
    server = Server(in_turn(response(429, retry_after="60")))
    async with _client(server) as client:
        throttled = await client.check()
        cooling = await client.check(max_age=0.0)
    assert throttled.ok
    assert [step.status for step in throttled.steps] == ["warning", "ok", "skipped"]
    assert "too many requests" in throttled.steps[0].detail
    assert len(server.requests) == 1
    assert "deadline comes before a slot" in cooling.steps[0].detail


async def test_tells_of_credentials_that_are_disabled() -> None:
    """The client works with the others, and its owner should know."""
    tills = (BasicAuth("good", "p"), BasicAuth("bad", "p"))

    def answer(request: Request) -> Reply:
        return _REFUSED if request.credential else {"interaction": []}

    async with _client(Server(answer), auth=tills) as client:
        await client.lookup_all([customer(number) for number in range(4)])
        report = await client.check()
    assert report.ok
    assert report.steps[0].status == "warning"
    assert "1 of 2 credentials refused" in report.steps[0].detail


@table(
    ("changes", "statuses"),
    [
        ({"shared": "redis://:hush@127.0.0.1:1"}, {"shared": "failed"}),
        (
            {
                "shared": "redis://:hush@127.0.0.1:1",
                "shared_fallback": "local",
                "expected_workers": 2,
            },
            {"shared": "warning", "credentials": "ok", "quota": "ok", "clock": "skipped"},
        ),
        (
            {"shared": "file:{}/quota"},
            {"shared": "ok", "credentials": "ok", "quota": "ok", "clock": "skipped"},
        ),
    ],
)
async def test_looks_at_the_place_of_a_shared_quota(
    changes: dict[str, Any], statuses: dict[str, str], tmp_path: Path
) -> None:
    """Without it nothing is sent, or this process keeps to its part."""
    shared = changes["shared"].format(tmp_path)
    async with _client(Server(), **{**changes, "shared": shared}) as client:
        report = await client.check()

    assert {step.name: step.status for step in report.steps} == statuses
    assert ("--shared" in report.steps[0].advice) == (statuses["shared"] != "ok")
    assert "hush" not in str(report)


async def test_says_what_a_lookup_raises() -> None:
    """The same refusal, as a step."""
    async with _client(Server(lambda _: _REFUSED)) as client:
        report = await client.check()
        with pytest.raises(AuthenticationError) as refused:
            await client.lookup(customer())
    assert report.steps[0].detail == refused.value.reason


async def test_is_plain_json() -> None:
    """What a readiness probe answers with."""
    async with _client(Server(lambda _: 503)) as client:
        plain = to_jsonable(await client.check())
    assert plain["ok"] is False
    assert set(plain["steps"][0]) == {"name", "status", "detail", "advice", "seconds"}


async def test_looks_at_no_connection_that_is_not_its_own() -> None:
    """A given transport has its own way to the API."""
    async with _client(Server()) as client:
        report = await client.check(connection=True)
    assert (report.steps[0].name, report.steps[0].status) == ("connection", "skipped")
    assert report.ok


@table(("arguments", "error"), [({"timeout": 0.0}, "timeout"), ({"max_age": -1.0}, "max_age")])
async def test_refuses_what_cannot_be_checked(arguments: dict[str, float], error: str) -> None:
    """Wrong arguments, a wrong question and a closed client are the program's own faults."""
    server = Server()
    async with _client(server) as client:
        with pytest.raises(ConfigurationError, match=error):
            await client.check(**arguments)  # type: ignore[arg-type] # a row
        with pytest.raises(ValueError, match="comma"):
            await client.check(Identifier.external_id("a,b"))
    with pytest.raises(RuntimeError, match="closed"):
        await client.check()
    assert server.requests == []
