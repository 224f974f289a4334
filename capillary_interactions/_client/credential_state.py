"""One credential with its pace, retry budget, headers and counters."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from attrs import define, field

from capillary_interactions._client.answer_time import AnswerTime
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.refusal_evidence import RefusalEvidence
from capillary_interactions._client.retry import Budget
from capillary_interactions._client.server_limits import ServerLimits
from capillary_interactions._errors import AuthenticationError
from capillary_interactions._http.auth import Auth
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import BudgetSpent, CooledDown, Throttled

_LOGGER: Final = logging.getLogger("capillary_interactions")

Closing = Callable[[], Coroutine[Any, Any, None]]
# A token may live for less than the pace's interval: as many times a request waits for its slot
# again because the token has lapsed.
MAX_SLOTS_PER_SEND: Final = 3


@define(eq=False)
class CredentialState:
    """The state of one credential.

    Attributes:
        index: Its position among the client's credentials, counted from 0.
        answered: Whether it has had an answer since it was last refused, so that a 403 is not
            about the credential.
        refused: Why it is disabled, or None while it is in use.
        shortage: What this machine lacks, while fewer requests are in flight for it; else None.
        failures: Requests in a row that had no answer, apart from those refused for their rate.
        probe_at: While it fails and others do not: the loop's time of the next request.
        probes: Requests that it was tried with since then.
        close_pace: Gives back what the pace holds of a shared quota; None where it holds nothing.
    """

    index: int
    auth: Auth
    pace: Pace
    budget: Budget
    observers: Observers
    answered: bool = False
    refused: AuthenticationError | None = None
    evidence: RefusalEvidence = field(factory=RefusalEvidence)
    answers: int = 0
    refusals: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    shortage: str | None = None
    failures: int = 0
    probe_at: float = float("-inf")
    probes: int = 0
    close_pace: Closing | None = None
    answer_time: AnswerTime = field(factory=AnswerTime, init=False)
    server_limits: ServerLimits = field(init=False)
    _cooling: bool = field(default=False, init=False)
    _out_of_budget: bool = field(default=False, init=False)
    _send_lock: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _send_lock_loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _senders: int = field(default=0, init=False)
    _retry_not_before: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.server_limits = ServerLimits(self.index, self.pace, self.observers)

    def try_send(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers may be written at once; else `before_send` waits.

        Raises:
            WaiterEvictedError: A cool-down has begun.
        """
        if self._senders or self.auth.headers is not headers or self.auth.has_lapsed():
            return False
        return self.pace.try_send()

    async def before_send(self, timeout: float | None) -> Mapping[str, str]:  # noqa: ASYNC109
        """Wait as `Pace.before_send` does, and return headers that are in date by then.

        Those behind wait for a new token, too: else all would be sent at once when it comes.

        Raises:
            NoHeadersError: There is no token.
            WaiterEvictedError: A cool-down has begun.
        """
        lock = self._lock_of_running_loop()
        self._senders += 1
        try:
            async with lock:
                await self._await_slot_with_token(timeout)
                return self.auth.headers
        finally:
            if lock is self._send_lock:  # else it is one of another event loop
                self._senders -= 1

    async def _await_slot_with_token(self, timeout: float | None) -> None:  # noqa: ASYNC109
        await self._refresh(timeout)
        for _ in range(MAX_SLOTS_PER_SEND):
            await self.pace.before_send()
            if not self.auth.has_lapsed():
                break
            # At a slow pace a token may lapse in the queue. By the time a new one is here, this
            # slot has passed, and the next request's may be near: it needs another one.
            await self._refresh(timeout)

    async def _refresh(self, timeout: float | None) -> None:  # noqa: ASYNC109
        if self.auth.has_lapsed():
            failure = await self.auth.ensure_ready(timeout)
            if failure is not None:
                raise NoHeadersError(failure)

    def _lock_of_running_loop(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._send_lock_loop is not loop:
            self._send_lock, self._send_lock_loop, self._senders = asyncio.Lock(), loop, 0
        return self._send_lock

    def request_sent(self) -> None:
        self.requests += 1
        if self._cooling and not self.pace.state().cool_down:
            self._cooling = False
            self.observers.emit(CooledDown(credential=self.index, rate=self.pace.rate))

    def send_cancelled(self) -> None:
        """Undo `request_sent`: the request was never written."""
        self.requests -= 1

    def retry_not_before(self, time: float) -> None:
        """Learn the loop's time that the server has asked to wait for before a retry."""
        self._retry_not_before = max(self._retry_not_before, time)

    @property
    def asked_to_wait(self) -> float:
        """Seconds until then; 0 once a request was answered, and without a running loop."""
        if not self._retry_not_before:
            return 0.0
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0
        return max(0.0, self._retry_not_before - now)

    def on_shortage(self, reason: str) -> None:
        """A request was not sent, as this machine lacks something; logged once at a time."""
        self.pace.connections_exhausted()
        if self.shortage is None:
            _LOGGER.warning("credential %d sends fewer requests at once: %s", self.index, reason)
        self.shortage = reason

    def on_retry(self) -> None:
        self.retries += 1
        self._out_of_budget = False

    def on_budget_exhausted(self, reason: str) -> None:
        """The budget lacks the tokens for a retry; emitted once until it has them again."""
        if not self._out_of_budget:
            self._out_of_budget = True
            self.observers.emit(BudgetSpent(credential=self.index, reason=reason))

    def on_throttled(self, sent_at: float, hint: float | None) -> None:
        self.throttled += 1
        self.pace.throttled(sent_at, hint)
        cool_down = self.pace.state().cool_down
        begins, self._cooling = not self._cooling, cool_down > 0
        self.observers.emit(
            Throttled(credential=self.index, retry_after=hint, cool_down=cool_down, begins=begins)
        )
        self.server_limits.report()

    def on_response(self, *, from_api: bool) -> None:
        """A response has come that is no failure: from the API, or a page in its place."""
        if from_api:
            self.answered = True
            self.answers += 1
            if self.evidence.refused:
                self.evidence.on_answer()
        self.failures = self.probes = 0
        self.pace.answered()
        self._retry_not_before = 0.0
        if self.shortage is not None and not self.pace.is_narrowed:
            self.shortage = None
        if self.pace.rate != self.server_limits.reported_rate:
            self.server_limits.report()
