"""The FastAPI application that uvicorn serves in another process for these tests."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from capillary_interactions import Identifier, to_jsonable
from capillary_interactions.events import Event, LookupBegan
from capillary_interactions.integrations.fastapi import (
    InteractionsDependency,
    answer_failures,
    identified,
    lifespan,
)

_begun = 0


def _count(event: Event) -> None:
    global _begun  # noqa: PLW0603 - one process, one application
    _begun += isinstance(event, LookupBegan)


app = FastAPI(lifespan=lifespan(observers=[_count]))
answer_failures(app)


@app.get("/customers/{mobile}")
async def one(mobile: str, client: InteractionsDependency) -> Any:
    """One customer."""
    outcome = await client.lookup(identified("mobile", mobile), timeout=20.0)
    return to_jsonable(outcome.unwrap())


@app.get("/view/{mobile}")
async def view(mobile: str, client: InteractionsDependency) -> list[int]:
    """A page whose parts ask for the same customer one after the other."""
    who = identified("mobile", mobile)
    return [len(list((await client.lookup(who)).unwrap().messages())) for _ in range(3)]


@app.get("/all/{count}")
async def many(count: int, client: InteractionsDependency) -> StreamingResponse:
    """Many customers, a line each as they end."""

    async def lines() -> AsyncIterator[bytes]:
        customers = (Identifier.mobile(str(919_000_000_000 + number)) for number in range(count))
        async with client.stream(customers, in_flight=2) as outcomes:
            async for outcome in outcomes:
                yield orjson.dumps(outcome.ending) + b"\n"

    return StreamingResponse(lines())


@app.get("/started")
async def started() -> int:
    """How many lookups have started."""
    return _begun
