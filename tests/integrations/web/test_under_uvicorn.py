"""A FastAPI application under a real uvicorn; in another process where that is to end."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from .app import app
from .serving import elsewhere, environment, here
from .upstream import ANSWER, BUSY, Upstream


@asynccontextmanager
async def application(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, **settings: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """The application, and a session that asks it."""
    for name, value in environment(upstream.base_url, **settings).items():
        monkeypatch.setenv(name, value)
    async with here(app) as session:
        yield session


async def answer(session: aiohttp.ClientSession, path: str) -> tuple[int, bytes]:
    """A response's status and whole body."""
    async with session.get(path) as response:
        return response.status, await response.read()


async def test_asks_once_for_a_hundred_who_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One customer, a hundred requests in the air, one request upstream."""
    async with Upstream() as upstream, application(upstream, monkeypatch) as session:
        _, before = await answer(session, "/started")
        upstream.gate.clear()
        asking = [asyncio.create_task(answer(session, "/customers/1")) for _ in range(100)]
        while (await answer(session, "/started"))[1] != b"%d" % (int(before) + 100):
            await asyncio.sleep(0.005)
        upstream.gate.set()
        answers = await asyncio.gather(*asking)
        assert upstream.received == 1
    assert len(set(answers)) == 1
    assert answers[0][0] == 200


@pytest.mark.parametrize(("ttl", "requests"), [("30", 1), ("0", 3)])
async def test_asks_once_within_a_page_view(
    ttl: str, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `cache_ttl` set the parts of a page share one answer; by default each asks anew."""
    async with (
        Upstream() as upstream,
        application(upstream, monkeypatch, CAPILLARY_CACHE_TTL=ttl) as session,
    ):
        assert await answer(session, "/view/1") == (200, b"[1,1,1]")
        assert upstream.received == requests


async def test_answers_503_at_once_while_it_cools_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seconds to wait; no handler hangs until its deadline, nothing is sent upstream."""
    async with Upstream() as upstream, application(upstream, monkeypatch) as session:
        upstream.gate.clear()
        # Some are in the air when the refusal comes; the others ask after it.
        asking = [
            asyncio.create_task(answer(session, f"/customers/{mobile}"))
            for mobile in (BUSY, "1", "2")
        ]
        await upstream.arrived((BUSY, "1", "2"))
        upstream.gate.set()
        # The handler's deadline is 20 s, the cool-down 30 s.
        async with asyncio.timeout(10):
            assert [status for status, _ in await asyncio.gather(*asking)] == [503, 200, 200]
            for _ in range(20):
                async with session.get("/customers/3") as response:
                    assert response.status == 503
                    assert 20 <= int(response.headers["Retry-After"]) <= 31
                    problem = await response.json()
        assert upstream.received == 3
    assert problem["outcome"] == "unavailable"
    assert problem["status"] == 503


async def test_loses_no_response_that_had_begun() -> None:
    """SIGTERM in the middle: what waits for an answer gets it, what streams goes on to its end."""
    async with (
        Upstream() as upstream,
        elsewhere("tests.integrations.web.app:app", upstream.base_url) as served,
        aiohttp.ClientSession(served.base_url) as session,
    ):
        async with session.get("/all/50") as streaming:
            first = await streaming.content.readline()
            upstream.gate.clear()
            customers = [str(number) for number in range(20)]
            asking = [
                asyncio.create_task(answer(session, f"/customers/{who}")) for who in customers
            ]
            await upstream.arrived(customers)
            served.terminate()
            await served.wrote(b"Shutting down")
            async with aiohttp.ClientSession(served.base_url) as late:
                with pytest.raises(aiohttp.ClientConnectionError):
                    await answer(late, "/started")
            upstream.gate.set()
            answers = await asyncio.gather(*asking)
            lines = [first, *(await streaming.read()).splitlines(keepends=True)]
        await served.wrote(b"Application shutdown complete")
        status = await served.process.wait()
    assert [code for code, _ in answers] == [200] * 20
    assert all(ANSWER["name"].encode() in body for _, body in answers)
    assert lines == [b'"found"\n'] * 50
    # uvicorn ends as the signal would have ended it.
    assert status in {0, -signal.SIGTERM}
