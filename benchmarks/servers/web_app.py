"""The application that `benchmarks.web` loads: one route for each thing to compare."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from capillary_interactions import Identifier, InteractionsClient
from capillary_interactions.integrations.fastapi import (
    InteractionsDependency,
    answer_failures,
    lifespan,
    response_to,
)
from capillary_interactions.integrations.web import answer_to
from capillary_interactions.testing import unavailable

_SAMPLE = (Path(__file__).parents[2] / "tests" / "samples" / "documented.json").read_bytes()
_PROBLEM = answer_to(unavailable(retry_after=60.0)).body


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with lifespan()(application) as state, aiohttp.ClientSession() as session:
        yield {**state, "session": session}


async def _session_of(request: Request) -> aiohttp.ClientSession:
    session: aiohttp.ClientSession = request.state.session
    return session


app = FastAPI(lifespan=_lifespan)
answer_failures(app)


@app.get("/bare/{mobile}")
async def bare(mobile: str) -> Response:
    """The web server and the framework alone: the same answer, without a lookup."""
    del mobile
    return Response(_SAMPLE, media_type="application/json")


@app.get("/refused/{mobile}")
async def refused(mobile: str) -> Response:
    """The web server and the framework alone, refusing everybody."""
    del mobile
    return Response(_PROBLEM, 503, {"Retry-After": "60"}, "application/problem+json")


@app.get("/given/{mobile}")
async def given(mobile: str, client: InteractionsDependency) -> Response:
    """The dependency alone: a client is given, and not asked."""
    del client, mobile
    return Response(_SAMPLE, media_type="application/json")


@app.get("/aiohttp/{mobile}")
async def forwarded(
    mobile: str, session: Annotated[aiohttp.ClientSession, Depends(_session_of)]
) -> Response:
    """Bare aiohttp in the place of the client: the bytes of the answer are the response."""
    base_url = os.environ["CAPILLARY_BASE_URL"]
    url = f"{base_url}/v1.1/customer/interaction?format=json&identifierName=mobile&mobile={mobile}"
    async with session.get(url, headers={"Accept": "application/json"}) as response:
        return Response(await response.read(), media_type="application/json")


@app.get("/lookup/{mobile}")
async def lookup(mobile: str, client: InteractionsDependency) -> Response:
    """A dependency and a lookup, as an application has them."""
    outcome = await client.lookup(Identifier.mobile(mobile), timeout=2.0)
    outcome.unwrap()
    return response_to(outcome)


@app.get("/direct/{count}/{at_once}")
async def direct(count: int, at_once: int, client: InteractionsDependency) -> list[float]:
    """Some lookups by the client alone, without the web: seconds and CPU seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    numbers = iter(range(919_000_000_000, 919_000_000_000 + count))
    await asyncio.gather(*(_work(client, numbers) for _ in range(at_once)))
    return [time.perf_counter() - began, time.process_time() - cpu]


async def _work(client: InteractionsClient, numbers: Iterator[int]) -> None:
    for number in numbers:
        response_to(await client.lookup(Identifier.mobile(str(number)), timeout=2.0))


@app.get("/cpu")
async def cpu() -> float:
    """CPU seconds of this process so far."""
    return time.process_time()
