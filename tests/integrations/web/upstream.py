"""A server in Capillary's place that answers when the test lets it, so that none guesses a time."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final, Self

from aiohttp import web

from capillary_interactions.testing import interactions, message

_TIMEOUT: Final = 30.0
ANSWER: Final = interactions(email=[message(1)])
BUSY: Final = "429"
"""The customer for whom the quota is used up."""


class Upstream:
    """Answers every request with one customer's history, at once or when released.

    Attributes:
        asked: For whom requests came, and how many.
        gate: Set while it answers at once; what waits is released with it.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1.1/customer/interaction", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.set()
        await self._runner.cleanup()

    @property
    def received(self) -> int:
        """How many requests came."""
        return self.asked.total()

    async def arrived(self, customers: Iterable[str]) -> None:
        """Wait until each of these has been asked for."""
        async with asyncio.timeout(_TIMEOUT):
            while not self.asked.keys() >= set(customers):
                await asyncio.sleep(0.002)

    async def _answer(self, request: web.Request) -> web.Response:
        customer = request.query["mobile"]
        self.asked[customer] += 1
        await self.gate.wait()
        if customer == BUSY:
            return web.Response(status=429, headers={"Retry-After": "30"})
        return web.json_response(ANSWER)
