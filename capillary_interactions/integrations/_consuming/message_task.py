"""What happens to one message, from reading it to telling its broker how it ended?"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, Generic, TypeVar, assert_never

from attrs import define, field, frozen

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.refusal_evidence import MAX_TOLERATED, doubted, is_page
from capillary_interactions._model.outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions.integrations._consuming.delivery import Delivery
from capillary_interactions.integrations._consuming.misconfiguration import (
    distrust_of_functions,
    distrust_of_settings,
    is_odd,
)
from capillary_interactions.integrations._consuming.settling import (
    Ack,
    DeadLetter,
    Redeliver,
    Return,
    Settlement,
    cancellation_count,
    settle,
)

_LOGGER: Final = logging.getLogger("capillary_interactions")
_M = TypeVar("_M", bound=Delivery)
# While nothing is answered an event is looked up this often, whatever the server asks for: it may
# be wrong (a moment in place of seconds), and a broker that is not read from fills up.
_MAX_PAUSE: Final = 60.0


class Stage(Enum):
    """How far a message has come, which decides what may call it off."""

    READ = auto()
    ASKING = auto()
    HANDLING = auto()
    SETTLING = auto()


@frozen
class Flaw:
    """Why a message cannot be looked up.

    Attributes:
        reason: What is written beside the dead letter.
        cause: Which function raised what.
    """

    reason: str
    cause: str


@define(eq=False)
class MessageTask(Generic[_M]):
    """A message under way.

    Attributes:
        message: The message.
        before: The one that must end first, or None.
        stage: How far it has come.
        kept: Whether it was done, once it has ended; else whatever follows in its order must not
            be done either.
        flaw: Why it has no place in an order, if that was seen as it was read.
        lent: Whether its place was lent to another message.
        ended: Set once it has.
    """

    message: _M
    before: "MessageTask[_M] | None" = None
    stage: Stage = Stage.READ
    kept: bool = False
    flaw: Flaw | None = None
    lent: bool = False
    ended: asyncio.Event = field(factory=asyncio.Event, init=False)

    def end(self) -> None:
        """Let the next one in its order go on."""
        self.before = None
        self.ended.set()

    async def turn(self) -> bool:
        """Wait for the one before; whether it was done."""
        if self.before is None:
            return True
        await self.before.ended.wait()
        return self.before.kept


class MessageProcessor(Generic[_M]):
    """Takes messages through lookup, handler and settlement; keeps count.

    Args:
        client: What looks up.
        key: From a message to its query.
        handle: Called with each answer.
        redelivery_delay: Seconds after which a message comes again, if nobody knows better.
        timeout: Seconds each lookup may take, or None.
        on_error: Told when `handle` raises.
        in_order: Whether a message without an answer is asked for again in its place.
        distrust_after: Failures in a row after which it is the settings; see `Distrust`.
        max_unanswered: Lookups in a row without an answer after which no more messages are read.
        lend: Lets one more message be read than may be held, while this one says nothing of
            itself.
    """

    def __init__(
        self,
        client: InteractionsClient,
        *,
        key: Callable[[_M], Query | Identifier],
        handle: Callable[[Outcome], Awaitable[None]],
        redelivery_delay: float,
        timeout: float | None,
        on_error: Callable[[_M, Exception], None] | None,
        in_order: bool,
        distrust_after: int | None,
        max_unanswered: int,
        lend: Callable[[MessageTask[_M]], None],
    ) -> None:
        self._client = client
        self._pages = client._lanes.pages  # noqa: SLF001
        self._key = key
        self._handle = handle
        self._redelivery_delay = redelivery_delay
        self._timeout = timeout
        self._on_error = on_error
        self._in_order = in_order
        self._settings = distrust_of_settings(distrust_after)
        self._functions = distrust_of_functions(distrust_after)
        self._lend = lend
        self._breaker = CircuitBreaker(max_unanswered, on_change=self._breaker_changed)
        self._closed = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.stopping = asyncio.Event()
        # Nothing is begun any more: a task that is cancelled before its first step would never
        # give its message back.
        self.closed = False

    async def run(self, errand: MessageTask[_M]) -> None:
        """Bring a message to its end, whatever that is.

        Raises:
            AuthenticationError: The credentials are refused; the message was given back.
            ConfigurationError: The settings are wrong; the message was given back.
            Exception: What `on_error` raised; the message was given back.
        """
        verdict: Settlement = Return()
        try:
            if not self.closed:
                errand.stage = Stage.ASKING
                verdict = await self._verdict(errand)
        finally:
            # Called off or failed, it is given back. From here on nobody calls it off.
            errand.stage = Stage.SETTLING
            errand.kept = not isinstance(verdict, Redeliver | Return)
            try:
                became = await settle(
                    errand.message, verdict, redelivery_delay=self._redelivery_delay
                )
                self.counts[became] += 1
            finally:
                errand.end()

    async def wait_until_available(self) -> None:
        """Wait while lookups have had no answer and none is to be expected yet.

        A minute at most after the last of them: then the next messages are looked up as probes.
        """
        loop = asyncio.get_running_loop()
        while (pause := self._breaker.remaining_pause(loop.time())) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closed.wait()
        self._breaker.start_probe()

    def _breaker_changed(self, state: BreakerState) -> None:
        if state is BreakerState.CLOSED:
            self._closed.set()
        else:
            self._closed.clear()

    def stop(self) -> None:
        """Ask for nothing again."""
        self.stopping.set()
        self._settings.stop()
        self._functions.stop()

    def use_up(self) -> None:
        """There are no further messages."""
        self._settings.use_up()
        self._functions.use_up()

    async def _verdict(self, errand: MessageTask[_M]) -> Settlement:
        query = self._query(errand)
        while True:
            outcome = await self._lookup(errand.message, query)
            if isinstance(outcome, Rejected) and self._pages.may_be_everywhere():
                self._lend(errand)
            if not await errand.turn():
                return Return()
            verdict = await self._judged(errand, outcome)
            if not isinstance(verdict, Redeliver) or not self._in_order or self.stopping.is_set():
                return verdict
            if await self._stopped_within(min(verdict.delay, _MAX_PAUSE)):
                return Return()

    def _query(self, errand: MessageTask[_M]) -> Query | Identifier | Flaw:
        flaw = errand.flaw
        if flaw is None:
            try:
                query = self._key(errand.message)
            except Exception as error:  # noqa: BLE001 - the message is wrong, or the function
                flaw = Flaw("no query can be made of it", f"key raised {type(error).__name__}")
            else:
                self._functions.clear()
                return query
        self._functions.suspect(flaw.cause)
        return flaw

    async def _lookup(self, message: _M, query: Query | Identifier | Flaw) -> Outcome | Flaw:
        if isinstance(query, Flaw):
            return query
        # A stream of one, for a stream's lookups let those pass that a person waits for.
        async with self._client.stream(
            [message], key=lambda _: query, in_flight=1, timeout=self._timeout
        ) as outcomes:
            outcomes.tolerated, outcomes.waits_out = MAX_TOLERATED, True
            outcome = await anext(outcomes)
        now = asyncio.get_running_loop().time()
        if isinstance(outcome, Unavailable):
            self._breaker.record_failure(now, min(self._delay(outcome), _MAX_PAUSE))
        else:
            self._breaker.record_answer(now)
        if isinstance(outcome, Found | NotFound):
            if not self._pages.may_be_everywhere():
                self._settings.clear()
        elif is_odd(outcome):
            sure = isinstance(outcome, Rejected) and self._pages.are_everywhere()
            self._settings.suspect(f"{outcome.ending}: {outcome.reason}", sure=sure)
        return outcome

    async def _judged(self, errand: MessageTask[_M], outcome: Outcome | Flaw) -> Settlement:
        match outcome:
            case Flaw():
                return await self._flawed(outcome)
            case Found() | NotFound():
                return await self._handled(errand, outcome)
            case Unavailable():
                return Redeliver(self._delay(outcome))
            case Rejected() | Unreadable():
                if is_odd(outcome) and not await self._settings.believes():
                    return Return()
                if is_page(outcome) and self._client._lanes.doubted > 1:  # noqa: SLF001
                    raise doubted(outcome)
                level = logging.ERROR if isinstance(outcome, Unreadable) else logging.WARNING
                _LOGGER.log(level, "an event is rejected: %s: %s", outcome.ending, outcome.reason)
                return DeadLetter(f"{outcome.ending}: {outcome.reason}")
            case _:
                assert_never(outcome)

    async def _flawed(self, flaw: Flaw) -> Settlement:
        if not await self._functions.believes():
            return Return()
        _LOGGER.warning("an event is rejected: %s", flaw.cause)
        return DeadLetter(flaw.reason)

    def _delay(self, outcome: Unavailable) -> float:
        # "At once" (0, or a moment that is past) has been tried by now: all retries have failed.
        return outcome.retry_after or self._redelivery_delay

    async def _handled(self, errand: MessageTask[_M], outcome: Outcome) -> Settlement:
        errand.stage = Stage.HANDLING
        before = cancellation_count()
        try:
            await self._handle(outcome)
        except asyncio.CancelledError as cancelled:
            if cancellation_count() > before:
                raise
            failure: Exception = RuntimeError("something that the handler waited for was cancelled")
            failure.__cause__ = cancelled
        except Exception as error:  # noqa: BLE001 - the handler's own: one message, not all
            failure = error
        else:
            return Ack()
        errand.stage = Stage.ASKING
        self._failed(errand.message, failure)
        return Redeliver(self._redelivery_delay)

    def _failed(self, message: _M, error: Exception) -> None:
        self.counts["failures"] += 1
        if self._on_error is None:
            # Without its text, which may repeat anything.
            _LOGGER.error("a handler raised %s; its event comes again", type(error).__name__)
        else:
            self._on_error(message, error)

    async def _stopped_within(self, delay: float) -> bool:
        try:
            async with asyncio.timeout(delay):
                await self.stopping.wait()
        except TimeoutError:
            return False
        return True
