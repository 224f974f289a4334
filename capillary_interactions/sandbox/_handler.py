"""What becomes of one request?

In this order: it is counted; a reused connection may be dropped; credentials are checked, then the
quota; then the script or the dice decide between a fault and the right answer.
"""

import asyncio
import itertools
import random
import time
from functools import lru_cache
from typing import Any, Final

from aiohttp import web

from capillary_interactions.sandbox._accounts import Accounts
from capillary_interactions.sandbox._book import AnswerFormat, look_up
from capillary_interactions.sandbox._broken_connections import (
    CONNECTION_FAULTS,
    BrokenResponse,
    ConnectionAction,
)
from capillary_interactions.sandbox._counters import UNKNOWN_CREDENTIAL, Counters
from capillary_interactions.sandbox._customers import Population
from capillary_interactions.sandbox._faults import pick_fault
from capillary_interactions.sandbox._quota import Quota
from capillary_interactions.sandbox._replies import RESPONSE_FAULTS, throttled, unavailable
from capillary_interactions.sandbox._requests import V1_1, V2
from capillary_interactions.sandbox._responses import Answer, error_answer
from capillary_interactions.sandbox._settings import SandboxSettings

_TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path
_CACHED: Final = 2048
_REFUSING: Final = (401, 403)


class RequestHandler:
    """Answers requests as the settings of the moment want it.

    Attributes:
        tally: What came in, and how it ended.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self.tally = Counters()
        self._settings = settings
        self._gate = Accounts(settings.accounts, settings.oauth)
        self._quota = Quota()
        self._dice = random.Random(settings.seed)  # noqa: S311 - dice for faults
        self._look_up = lru_cache(_CACHED)(look_up)
        self._numbers = itertools.count(1)
        self._pausing: set[asyncio.Task[Any] | None] = set()

    async def receive(self, request: web.BaseRequest, *, reused: bool) -> web.StreamResponse:
        """The answer to any request, or what takes its place.

        Args:
            request: What came in.
            reused: Whether its connection has carried a request before.
        """
        now = time.monotonic()
        path, _, query = request.raw_path.partition("?")
        if request.method == "GET" and path in (V1_1, V2):
            return await self._interactions(request, path, query, now, reused=reused)
        if request.method == "POST" and path == _TOKEN_PATH:
            return self._token(await request.read(), now)
        self.tally.note(UNKNOWN_CREDENTIAL, now, None)
        self.tally.answered += 1
        return self._respond(error_answer(404, 404, "Requested resource does not exist"))

    async def _interactions(
        self, request: web.BaseRequest, path: str, query: str, now: float, *, reused: bool
    ) -> web.StreamResponse:
        settings = self._settings
        answer = self._right_answer(path, query)
        credential, proven = self._gate.identify(request.headers, now)
        self.tally.note(credential, now, answer.identifier)
        if reused and settings.drop_keepalive and self._dice.random() < settings.drop_keepalive:
            self.tally.dropped += 1
            return BrokenResponse()
        if not proven:
            self.tally.refused += 1
            return self._respond(error_answer(401, 401, "Invalid credentials"))
        wait = self._quota.wait(credential, now, settings.rate)
        if wait > 0:
            self.tally.throttled += 1
            return self._respond(self._throttled(wait))
        fault = (
            settings.script.popleft()
            if settings.script
            else pick_fault(settings.faults, self._dice)
        )
        if settings.latency:
            await self._pause()
        return self._respond(self._counted(answer)) if fault is None else self._fail(fault, answer)

    def _right_answer(self, path: str, query: str) -> Answer:
        settings = self._settings
        answer = self._look_up(
            path,
            query,
            population(settings),
            AnswerFormat(
                shape=settings.shape,
                page_size=settings.page_size,
                ignore_offset=settings.ignore_offset,
            ),
        )
        canned = settings.answers.get(answer.identifier) if answer.identifier is not None else None
        return answer if canned is None else canned.about(answer.identifier)

    def _counted(self, answer: Answer) -> Answer:
        if answer.status in _REFUSING:
            self.tally.refused += 1
        else:
            self.tally.answered += 1
        return answer

    def _throttled(self, wait: float) -> Answer:
        """429, with the header that `retry_after` asks for."""
        seconds = self._settings.retry_after
        return throttled(max(wait, 1.0) if isinstance(seconds, type(...)) else seconds)

    def _fail(self, fault: str, answer: Answer) -> web.StreamResponse:
        self.tally.faulted += 1
        if fault in CONNECTION_FAULTS:
            act = CONNECTION_FAULTS[fault](answer, self._request_id(), self._settings.slow_body)
            return BrokenResponse(self._watched(act))
        if fault == "throttle_429":
            return self._respond(self._throttled(0.0))
        if fault == "error_503_retry_after":
            return self._respond(unavailable(self._settings.fault_retry_after))
        return self._respond(RESPONSE_FAULTS[fault](answer))

    def _token(self, body: bytes, now: float) -> web.Response:
        answer = self._gate.issue(body, now, self._settings.token_ttl)
        if answer.status in _REFUSING:
            self.tally.refused += 1
        else:
            self.tally.tokens_issued += 1
        return self._respond(answer)

    def _respond(self, answer: Answer) -> web.Response:
        headers = {
            "Content-Type": answer.content_type,
            "X-Cap-Requestid": self._request_id(),
            **answer.headers,
        }
        return web.Response(body=answer.body, status=answer.status, headers=headers)

    def _request_id(self) -> str:
        return f"sandbox-{next(self._numbers):x}"

    async def _pause(self) -> None:
        latency = self._settings.latency
        seconds = self._dice.uniform(*latency) if isinstance(latency, tuple) else latency
        self._pausing.add(task := asyncio.current_task())
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing.discard(task)

    def _watched(self, act: ConnectionAction) -> ConnectionAction:
        async def watched(transport: asyncio.Transport) -> None:
            self._pausing.add(task := asyncio.current_task())
            try:
                await act(transport)
            finally:
                self._pausing.discard(task)

        return watched

    def revoke_tokens(self) -> None:
        """Make every token issued so far worthless."""
        self._gate.revoke()

    def reset(self) -> None:
        """Count anew, with the whole quota free."""
        self.tally = Counters()
        self._quota.clear()

    async def abandon(self) -> None:
        """Let go of every request that is being kept waiting."""
        pausing = [task for task in self._pausing if task is not None]
        for task in pausing:
            task.cancel()
        await asyncio.gather(*pausing, return_exceptions=True)


def population(settings: SandboxSettings) -> Population:
    """The customers that there are under these settings."""
    return Population(seed=settings.seed, unknown=settings.unknown, messages=settings.messages)
