"""One credential with everything that is its own: pace, retry budget, headers, and its record."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from capillary_interactions._client.observers import Observers
from capillary_interactions._client.refusal_evidence import Doubt
from capillary_interactions._client.retry import Budget
from capillary_interactions._client.server_limits import ServerLimits
from capillary_interactions._errors import AuthenticationError
from capillary_interactions._http.auth import Auth
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import (
    BudgetSpent,
    CooledDown,
    Throttled,
)

_LOGGER: Final = logging.getLogger("capillary_interactions")

# Moments on the wire that a request lets pass while it has no token in date; a token may live for
# less than the pace's interval.
MAX_LEAVES: Final = 3


@define(eq=False)
class CredentialState:
    """The state of one credential.

    Attributes:
        place: Its place among the client's credentials, counted from 0.
        auth: Its headers.
        pace: When its next request may leave.
        budget: Its tokens for retries.
        answered: Whether it has had an answer since it was last refused, so that a 403 is not
            about the credential.
        refused: Why it is left out, or None while it is in use.
        doubt: What is known of refusals that are not the API's own word.
        answers: Requests answered.
        refusals: Times that it was refused.
        requests: Requests sent.
        retries: Requests sent again after a failure.
        throttled: Requests refused for their rate.
        shortage: What this machine lacks, while fewer requests are under way for it; else None.
        failures: Requests in a row that brought no answer, those refused for their rate aside.
        probe_at: While it fails and others do not: the loop's time of the next request.
        probes: Requests that it was tried with since then.
        slowing: Whether the server's headers lower its rate.
    """

    place: int
    auth: Auth
    pace: Pace
    budget: Budget
    observers: Observers
    answered: bool = False
    refused: AuthenticationError | None = None
    doubt: Doubt = field(factory=Doubt)
    answers: int = 0
    refusals: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    shortage: str | None = None
    failures: int = 0
    probe_at: float = float("-inf")
    probes: int = 0
    slowing: ServerLimits = field(init=False)
    _cooling: bool = field(default=False, init=False)
    _out_of_budget: bool = field(default=False, init=False)
    _line: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _line_loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _asked_until: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        """Remember the rate, to show when it changes."""
        self.slowing = ServerLimits(self.place, self.pace, self.observers)

    async def leave_in_date(self, patience: float | None) -> Mapping[str, str]:
        """Wait as `Pace.before_send` does, with headers that are in date when the request leaves.

        Those behind wait for a new token, too: else all would leave at once when it comes.

        Args:
            patience: Seconds to wait for a token at most, or None.

        Raises:
            NoHeadersError: There is no token.
            ElsewhereError: A pause has begun.
        """
        async with self._in_line():
            await self._refresh(patience)
            for _ in range(MAX_LEAVES):
                await self.pace.before_send()
                if not self.auth.has_lapsed():
                    break
                # At a slow pace a token may have lapsed in the line. When a new one is here, this
                # moment has passed, and the next request's may be near: it takes another one.
                await self._refresh(patience)
            return self.auth.headers

    async def _refresh(self, patience: float | None) -> None:
        if self.auth.has_lapsed():
            missing = await self.auth.ensure_ready(patience)
            if missing is not None:
                raise NoHeadersError(missing)

    def _in_line(self) -> asyncio.Lock:
        # A lock belongs to one event loop.
        loop = asyncio.get_running_loop()
        if self._line_loop is not loop:
            self._line, self._line_loop = asyncio.Lock(), loop
        return self._line

    def leaves(self) -> None:
        """A request leaves."""
        self.requests += 1
        if self._cooling and not self.pace.state().cool_down:
            self._cooling = False
            self.observers.emit(CooledDown(credential=self.place, rate=self.pace.rate))

    def stays(self) -> None:
        """One that was about to leave has not left."""
        self.requests -= 1

    def was_asked_to_wait(self, until: float) -> None:
        """The server has named a time for a retry, in the loop's time."""
        self._asked_until = max(self._asked_until, until)

    @property
    def asked_to_wait(self) -> float:
        """Seconds until then; 0 once a request was answered, and where no loop runs."""
        if not self._asked_until:
            return 0.0
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0
        return max(0.0, self._asked_until - now)

    def runs_short(self, reason: str) -> None:
        """A request could not leave, for this machine lacks something; logged once at a time."""
        self.pace.connections_exhausted()
        if self.shortage is None:
            _LOGGER.warning("credential %d sends fewer requests at once: %s", self.place, reason)
        self.shortage = reason

    def retried(self) -> None:
        """A failed request will be sent again."""
        self.retries += 1
        self._out_of_budget = False

    def cannot_retry(self, reason: str) -> None:
        """The budget does not reach for a retry; told once until it does again."""
        if not self._out_of_budget:
            self._out_of_budget = True
            self.observers.emit(BudgetSpent(credential=self.place, reason=reason))

    def was_throttled(self, sent_at: float, hint: float | None) -> None:
        """The server refused a request for its rate."""
        self.throttled += 1
        self.pace.throttled(sent_at, hint)
        cool_down = self.pace.state().cool_down
        begins, self._cooling = not self._cooling, cool_down > 0
        self.observers.emit(
            Throttled(credential=self.place, retry_after=hint, cool_down=cool_down, begins=begins)
        )
        self.slowing.show()

    def was_answered(self) -> None:
        """The server answered the question itself."""
        self.answered = True
        self.answers += 1
        self.doubt.answered()
        self.was_reached()

    def was_reached(self) -> None:
        """Something has come back that is no failure: an answer, or a page in place of one."""
        self.failures = self.probes = 0
        self.pace.answered()
        self._asked_until = 0.0
        if self.shortage is not None and not self.pace.is_narrowed:
            self.shortage = None
        self.slowing.show()
