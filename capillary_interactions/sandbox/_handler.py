"""How one request is answered.

In this order: it is counted; a reused connection may be dropped; credentials are checked, then the
quota; then the script or a random draw decides between a fault and the right answer.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from attrs import evolve

from capillary_interactions.sandbox._accounts import Accounts, Problem
from capillary_interactions.sandbox._broken_connections import (
    CONNECTION_FAULTS,
    BrokenResponse,
    ConnectionFault,
)
from capillary_interactions.sandbox._counters import UNKNOWN_CREDENTIAL, Counters, Quota
from capillary_interactions.sandbox._customers import Population
from capillary_interactions.sandbox._faults import (
    RESPONSE_FAULTS,
    pick_fault,
    throttled,
    unavailable,
)
from capillary_interactions.sandbox._openapi import PATH as OPENAPI_PATH
from capillary_interactions.sandbox._openapi import description_bytes
from capillary_interactions.sandbox._published_errors import token_expired, token_invalid
from capillary_interactions.sandbox._requests import TOKEN_PATH, V1_1, V2
from capillary_interactions.sandbox._responses import Answer, AnswerFormat, error_answer, look_up
from capillary_interactions.sandbox._settings import SandboxSettings
from capillary_interactions.sandbox._spelling import Spelling

_CACHED: Final = 2048
_METHODS: Final = {V1_1: "GET", V2: "GET", TOKEN_PATH: "POST", OPENAPI_PATH: "GET"}
_REFUSING: Final = (401, 403)
_WHAT_ANSWERS_DEPEND_ON: Final = attrgetter(
    *("seed", "unknown", "messages", "shape", "page_size", "ignore_offset", "phone_mirrors_sms"),
    *("timezone", "iso_fields", "delivered_offset", "customers", "warnings", "item_warnings"),
)


class RequestHandler:
    """Answers requests by the settings of the moment."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.counters = Counters()
        self._settings = settings
        self._accounts = Accounts(settings.accounts, settings.oauth)
        self._quota = Quota()
        self._rng = random.Random(settings.seed)  # noqa: S311 - draws faults
        self._looks_up_for: object = None
        self._look_up: Callable[[str, str], Answer]
        self._numbers = itertools.count(1)
        self._pending: set[asyncio.Task[Any] | None] = set()

    async def receive(self, request: web.BaseRequest, *, reused: bool) -> web.StreamResponse:
        """The answer to any request, or what takes its place."""
        now = time.monotonic()
        path, _, query = request.raw_path.partition("?")
        if request.method == "GET" and path in (V1_1, V2):
            return await self._interactions(request, path, query, now, reused=reused)
        if request.method == "POST" and path == TOKEN_PATH:
            return self._token(await request.read(), now)
        if request.method == "GET" and path == OPENAPI_PATH:
            return self._respond(Answer(description_bytes()))
        self.counters.record_arrival(UNKNOWN_CREDENTIAL, now, None)
        self.counters.ended["answered"] += 1
        return self._respond(_no_such(path))

    async def _interactions(
        self, request: web.BaseRequest, path: str, query: str, now: float, *, reused: bool
    ) -> web.StreamResponse:
        settings = self._settings
        answer = self._correct_answer(path, query)
        credential, problem = self._accounts.identify(request.headers, now)
        self.counters.record_arrival(credential, now, answer.identifier)
        if reused and settings.drop_keepalive and self._rng.random() < settings.drop_keepalive:
            self.counters.ended["dropped"] += 1
            return BrokenResponse()
        if problem is not None:
            self.counters.ended["refused"] += 1
            return self._respond(self._refused(problem))
        wait = self._quota.wait(credential, now, settings.rate)
        if wait > 0:
            self.counters.ended["throttled"] += 1
            return self._respond(self._throttled(wait))
        fault = (
            settings.script.popleft() if settings.script else pick_fault(settings.faults, self._rng)
        )
        if settings.latency:
            await self._delay()
        if fault is not None:
            return self._fail(fault, answer)
        self._count(answer, "answered")
        return self._respond(answer)

    def _count(self, answer: Answer, ended: str) -> None:
        self.counters.ended["refused" if answer.status in _REFUSING else ended] += 1

    def _correct_answer(self, path: str, query: str) -> Answer:
        settings = self._settings
        depends_on = _WHAT_ANSWERS_DEPEND_ON(settings)
        if depends_on != self._looks_up_for:
            look_up_now = partial(look_up, population(settings), answer_format(settings))
            self._look_up = lru_cache(_CACHED)(look_up_now)
            self._looks_up_for = depends_on
        answer = self._look_up(path, query)
        canned = settings.answers.get(answer.identifier) if answer.identifier is not None else None
        return answer if canned is None else canned.about(answer.identifier)

    def _refused(self, problem: Problem) -> Answer:
        status = self._settings.token_status
        if problem == "attribution":
            return error_answer(403, 91020, "Invalid entity type in the attribution headers")
        if status is None or problem == "credentials":
            return error_answer(401, 401, "Invalid credentials")
        if problem == "token_invalid":
            return token_invalid(status)
        return token_expired(status, ZoneInfo(self._settings.timezone))

    def _throttled(self, wait: float) -> Answer:
        seconds = self._settings.retry_after
        return throttled(max(wait, 1.0) if isinstance(seconds, type(...)) else seconds)

    def _fail(self, fault: str, answer: Answer) -> web.StreamResponse:
        self.counters.ended["faulted"] += 1
        if fault in CONNECTION_FAULTS:
            return BrokenResponse(partial(self._break, CONNECTION_FAULTS[fault], answer))
        if fault == "throttle_429":
            return self._respond(self._throttled(0.0))
        if fault == "error_503_retry_after":
            return self._respond(unavailable(self._settings.fault_retry_after))
        return self._respond(RESPONSE_FAULTS[fault](answer))

    def _token(self, body: bytes, now: float) -> web.StreamResponse:
        settings = self._settings
        answer = self._accounts.issue(body, now, settings.token_ttl)
        fault = settings.token_script.popleft() if settings.token_script else None
        if fault is not None:
            return self._fail(fault, answer)
        self._count(answer, "tokens_issued")
        return self._respond(answer)

    def _respond(self, answer: Answer) -> web.Response:
        headers = {
            "Content-Type": answer.content_type,
            **self._request_ids(),
            **answer.headers,
        }
        return web.Response(body=answer.body, status=answer.status, headers=headers)

    def _request_ids(self) -> dict[str, str]:
        return dict.fromkeys(self._settings.request_id_headers, f"sandbox-{next(self._numbers):x}")

    async def _delay(self) -> None:
        latency = self._settings.latency
        seconds = self._rng.uniform(*latency) if isinstance(latency, tuple) else latency
        with self._cancellable():
            await asyncio.sleep(seconds)

    async def _break(
        self, fault: ConnectionFault, answer: Answer, transport: asyncio.Transport
    ) -> None:
        with self._cancellable():
            await fault(transport, answer, self._request_ids(), self._settings.slow_body)

    @contextmanager
    def _cancellable(self) -> Iterator[None]:
        self._pending.add(task := asyncio.current_task())
        try:
            yield
        finally:
            self._pending.discard(task)

    def revoke_tokens(self) -> None:
        self._accounts.revoke()

    def reset(self) -> None:
        self.counters = Counters()
        self._quota.clear()

    async def cancel_pending(self) -> None:
        """Cancel every request whose answer is being delayed."""
        pending = [task for task in self._pending if task is not None]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _no_such(path: str) -> Answer:
    """404 for a path that is none, 405 for one that has another method."""
    if path not in _METHODS:
        return error_answer(404, 404, "Requested resource does not exist")
    answer = error_answer(405, 405, "Method not allowed")
    return evolve(answer, headers={"Allow": _METHODS[path]})


def population(settings: SandboxSettings) -> Population:
    return Population(seed=settings.seed, unknown=settings.unknown, messages=settings.messages)


def answer_format(settings: SandboxSettings) -> AnswerFormat:
    return AnswerFormat(
        shape=settings.shape,
        page_size=settings.page_size,
        ignore_offset=settings.ignore_offset,
        phone_mirrors_sms=settings.phone_mirrors_sms,
        spelling=Spelling(
            zone=UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone),
            iso_fields=settings.iso_fields,
            delivered_offset=settings.delivered_offset,
            customers=settings.customers,
            warnings=settings.warnings,
            item_warnings=settings.item_warnings,
        ),
    )
