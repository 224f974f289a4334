"""Does the client get answers now? One question, for a person or a readiness probe."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Final

from attrs import define, evolve, field

from capillary_interactions._client.lookup import LookupRunner
from capillary_interactions._client.lookup_state import LookupState
from capillary_interactions._config.shared_quota import show_shared
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._errors import AuthenticationError
from capillary_interactions._http.connection_steps import connection_steps
from capillary_interactions._http.route import build_route
from capillary_interactions._http.transport import CheckedTransport
from capillary_interactions._model.check_report import CheckReport, CheckStep
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.check_answer import (
    clock_step,
    credentials_step,
    quota_step,
    shared_quota_step,
)
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions._protocol.request_url import sent_query
from capillary_interactions._text.wording import pluralise

# No customer's: "not found" is an answer, too, and one that proves the credentials.
_PROBE: Final = Query(Identifier.external_id("capillary-interactions-check"))
# After a failure, the next check is not kept waiting for long.
_MAX_AGE_FAILED: Final = 5.0
_LOOK: Final = "see which: `capillary-interactions check`, or `snapshot().credentials`"
# A transport of one's own may ignore its timeout.
_GRACE: Final = 0.5


@define(eq=False)
class _Recorder:
    """Sends by another transport, and keeps the last response."""

    inner: CheckedTransport
    calls_before_send: bool
    response: Response | None = None
    took: float = 0.0

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once; see `Transport.send`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.response = await self.inner.send(request, timeout=timeout)
        self.took = loop.time() - started
        return self.response

    async def aclose(self) -> None:
        """The connections are the other one's."""


@define(eq=False)
class HealthCheck:
    """Checks a client, and remembers what was found.

    Args:
        connects: Whether connections are the client's own, and not those of a given transport.
    """

    _connects: bool
    _asked: tuple[LookupRunner, Query] | None = field(default=None, init=False)
    _report: CheckReport | None = field(default=None, init=False)
    _at: float = field(default=float("-inf"), init=False)

    async def check(
        self,
        runner: LookupRunner,
        query: Query | None,
        timeout: float,  # noqa: ASYNC109
        max_age: float,
        *,
        connection: bool,
    ) -> CheckReport:
        """The last report, if it is young enough; else a new one: `InteractionsClient.check`."""
        check_seconds("timeout", timeout)
        check_seconds("max_age", max_age, zero=True)
        loop = asyncio.get_running_loop()
        asked = runner, query or _PROBE
        kept = None if connection else self._kept(asked, loop.time(), max_age)
        if kept is not None:
            return kept
        steps = await self._connection_steps(runner, timeout) if connection else ()
        if not any(step.status == "failed" for step in steps):
            steps = (*steps, *await ask(*asked, timeout))
        report = CheckReport(steps=steps)
        if not connection:
            self._asked, self._report, self._at = asked, report, loop.time()
        return report

    def _kept(
        self, asked: tuple[LookupRunner, Query], now: float, max_age: float
    ) -> CheckReport | None:
        report = self._report
        if report is None or asked != self._asked:
            return None
        longest = max_age if report.ok else min(max_age, _MAX_AGE_FAILED)
        # Another event loop's clock may be behind.
        return report if 0 <= now - self._at < longest else None

    async def _connection_steps(
        self,
        runner: LookupRunner,
        timeout: float,  # noqa: ASYNC109
    ) -> tuple[CheckStep, ...]:
        if self._connects:
            route = build_route(runner.config, os.environ, borrowed=False)
            return await connection_steps(runner.config.base_url, route, timeout)
        detail = "the client has a transport of its own (transport=)"
        return (CheckStep(name="connection", status="skipped", detail=detail),)


async def ask(runner: LookupRunner, query: Query, timeout: float) -> tuple[CheckStep, ...]:  # noqa: ASYNC109
    """Send one question without retries, and say what its answer shows.

    Raises:
        ValueError: It cannot be asked with these settings.
    """
    config, exchange = runner.config, runner.sender.exchange
    sent = sent_query(query, config.api, config.phone_region)
    loop = asyncio.get_running_loop()
    started = loop.time()
    recorder = _Recorder(exchange.transport, exchange.transport.calls_before_send)
    state = LookupState(sent, runner.url(sent), Deadline(started + timeout), loop)
    sender = evolve(runner.sender, exchange=evolve(exchange, transport=recorder))
    advice = ""
    try:
        async with asyncio.timeout(timeout + _GRACE):
            result = await sender.send(state, state.url)
    except AuthenticationError as error:
        kind, advice = ResultKind.CREDENTIALS_REFUSED, error.advice
        result = AttemptResult(kind, error.reason, error.status, error.code)
    except TimeoutError:
        result = AttemptResult(ResultKind.UNAVAILABLE, f"no answer within {timeout:g} s")
    response, seconds = recorder.response, loop.time() - started
    may_send = response is not None or config.shared_fallback == "local"
    steps = _shared_quota(runner, may_send=may_send)
    if not any(step.status == "failed" for step in steps):
        credentials = credentials_step(result, response, seconds, advice)
        steps = (*steps, _with_others(credentials, runner))
    if response is None:
        return steps
    now = datetime.now(UTC)
    return (
        *steps,
        quota_step(response.headers, config.rate, now),
        clock_step(response.headers, now, recorder.took),
    )


def _shared_quota(runner: LookupRunner, *, may_send: bool) -> tuple[CheckStep, ...]:
    """Whether the quota that processes share is within reach, once the question had its slot."""
    place = show_shared(runner.config.shared)
    if place is None:
        return ()
    outages = (credential.pace.state().outage for credential in runner.sender.pool.all)
    return (shared_quota_step(place, next(filter(None, outages), None), may_send=may_send),)


def _with_others(step: CheckStep, runner: LookupRunner) -> CheckStep:
    """The step of one credential, which tells of others that are disabled."""
    credentials = runner.sender.pool.all
    refused = sum(credential.refused is not None for credential in credentials)
    if step.status != "ok" or not refused:
        return step
    detail = f"{step.detail}; {refused} of {pluralise(len(credentials), 'credential')} refused"
    return evolve(step, status="warning", detail=detail, advice=_LOOK)
