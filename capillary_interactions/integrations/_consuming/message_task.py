"""One message, from reading it to settling it with its broker."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from attrs import define, field, frozen

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.refusal_evidence import MAX_TOLERATED, doubted, is_page
from capillary_interactions._client.stream import to_query
from capillary_interactions._model.outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query
from capillary_interactions.integrations._consuming.delivery import (
    Ack,
    DeadLetter,
    Delivery,
    Redeliver,
    Return,
    Settlement,
    cancellation_count,
    settle,
)
from capillary_interactions.integrations._consuming.misconfiguration import (
    FUNCTIONS_ARE_WRONG,
    SETTINGS_ARE_WRONG,
    MisconfigurationGuard,
    suggests_misconfiguration,
    suspected_settings,
)

_LOGGER: Final = logging.getLogger("capillary_interactions")
_M = TypeVar("_M", bound=Delivery)
# While nothing is answered an event is looked up this often, whatever the server asks for: it may
# be wrong (a moment in place of seconds), and a broker that is not read from fills up.
_MAX_PAUSE: Final = 60.0


class Stage(Enum):
    """How far a message has come, which decides whether a stop cancels its task."""

    READ = auto()
    LOOKING_UP = auto()
    HANDLING = auto()
    SETTLING = auto()


@frozen
class InvalidMessage:
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
        predecessor: The message that must end first, or None.
        succeeded: Once it has ended, whether it was done; if not, those behind it in its order
            must not be done either.
        invalid: Why it has no order, if that was seen as it was read.
        slot_lent: Whether one more message was read in its place.
    """

    message: _M
    predecessor: "MessageTask[_M] | None" = None
    stage: Stage = Stage.READ
    succeeded: bool = False
    invalid: InvalidMessage | None = None
    slot_lent: bool = False
    _ended: asyncio.Event = field(factory=asyncio.Event, init=False)

    def end(self) -> None:
        self.predecessor = None
        self._ended.set()

    async def wait_for_predecessor(self) -> bool:
        """Wait until it has ended; whether it was done."""
        if self.predecessor is None:
            return True
        await self.predecessor._ended.wait()  # noqa: SLF001 - of the same class
        return self.predecessor.succeeded


class MessageProcessor(Generic[_M]):
    """Takes messages through lookup, handler and settlement, and counts them.

    Args:
        in_order: Whether a message without an answer is looked up again in its place.
        max_unanswered: Lookups in a row without an answer after which no more messages are read.
        lend_slot: Lets one more message be read than `in_flight`, while a refusal of this one may
            be about the credentials.
    """

    def __init__(
        self,
        client: InteractionsClient,
        *,
        key: Callable[[_M], Query | Identifier],
        handle: Callable[[Outcome[_M]], Awaitable[None]],
        redelivery_delay: float,
        timeout: float | None,
        on_error: Callable[[_M, Exception], None] | None,
        in_order: bool,
        distrust_after: int | None,
        max_unanswered: int,
        lend_slot: Callable[[MessageTask[_M]], None],
    ) -> None:
        self._client = client
        self._pages = client._pool.pages  # noqa: SLF001
        self._refused_settings = client._pool.refused_settings  # noqa: SLF001
        self._key = key
        self._handle = handle
        self._redelivery_delay = redelivery_delay
        self._timeout = timeout
        self._on_error = on_error
        self._in_order = in_order
        self._settings = MisconfigurationGuard(distrust_after, SETTINGS_ARE_WRONG)
        self._functions = MisconfigurationGuard(distrust_after, FUNCTIONS_ARE_WRONG)
        self._lend_slot = lend_slot
        self._breaker = CircuitBreaker(max_unanswered, on_change=self._breaker_changed)
        self._available = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.stopping = asyncio.Event()
        # Nothing is started any more: a task that is cancelled before its first step would never
        # give its message back.
        self.closed = False

    async def run(self, task: MessageTask[_M]) -> None:
        """Process one message; whatever is raised, the message was given back.

        Raises:
            AuthenticationError: The credentials are refused.
            ConfigurationError: The settings are wrong.
            Exception: What `on_error` raised.
        """
        settlement: Settlement = Return()
        try:
            if not self.closed:
                task.stage = Stage.LOOKING_UP
                settlement = await self._process(task)
        finally:
            task.stage = Stage.SETTLING
            task.succeeded = not isinstance(settlement, Redeliver | Return)
            try:
                settled = await settle(
                    task.message, settlement, redelivery_delay=self._redelivery_delay
                )
                self.counts[settled] += 1
            finally:
                task.end()

    async def wait_until_available(self) -> None:
        """Wait while lookups have had no answer and none is to be expected yet.

        A minute at most after the last of them: then the next messages are looked up as probes.
        """
        loop = asyncio.get_running_loop()
        while (pause := self._breaker.remaining_pause(loop.time())) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._available.wait()
        self._breaker.start_probe()

    def _breaker_changed(self, state: BreakerState) -> None:
        if state is BreakerState.CLOSED:
            self._available.set()
        else:
            self._available.clear()

    def stop(self) -> None:
        self.stopping.set()
        self._settings.stop()
        self._functions.stop()

    def source_exhausted(self) -> None:
        self._settings.source_exhausted()
        self._functions.source_exhausted()

    async def _process(self, task: MessageTask[_M]) -> Settlement:
        query = self._query(task)
        while True:
            outcome = await self._lookup(task.message, query)
            if isinstance(outcome, Rejected) and self._may_be_about_all(outcome):
                self._lend_slot(task)
            if not await task.wait_for_predecessor():
                return Return()
            settlement = await self._settlement_for(task, outcome)
            in_place = self._in_order and not self.stopping.is_set()
            if not isinstance(settlement, Redeliver) or not in_place:
                return settlement
            if await self._stopped_within(min(settlement.delay, _MAX_PAUSE)):
                return Return()

    def _may_be_about_all(self, outcome: Rejected) -> bool:
        if self._pages.may_be_everywhere():
            return True
        return outcome.code is not None and self._refused_settings.doubts(outcome)

    def _query(self, task: MessageTask[_M]) -> Query | Identifier | InvalidMessage:
        invalid = task.invalid
        if invalid is None:
            try:
                query = self._key(task.message)
            except Exception as error:  # noqa: BLE001 - the message is wrong, or the function
                named = isinstance(error, InvalidMobileError)
                cause = str(error) if named else f"key raised {type(error).__name__}"
                invalid = InvalidMessage("no query can be made of it", cause)
            else:
                self._functions.record_success()
                return query
        self._functions.record_failure(invalid.cause)
        return invalid

    async def _lookup(
        self, message: _M, query: Query | Identifier | InvalidMessage
    ) -> Outcome | InvalidMessage:
        if isinstance(query, InvalidMessage):
            return query
        outcome = await self._client._calls.look_up_in_background(  # noqa: SLF001 - no public priority yet
            to_query(query), message, self._timeout, None, MAX_TOLERATED
        )
        everywhere = isinstance(outcome, Rejected) and self._pages.are_everywhere()
        if everywhere and is_page(outcome):
            raise doubted(outcome, proven=True)
        now = asyncio.get_running_loop().time()
        if isinstance(outcome, Unavailable):
            self._breaker.record_failure(now, min(self._delay(outcome), _MAX_PAUSE))
        else:
            self._breaker.record_answer(now)
        if suggests_misconfiguration(outcome):
            self._settings.record_failure(
                f"{outcome.ending}: {outcome.reason}",
                sure=everywhere or self._refused_settings.stop_error(outcome) is not None,
                settings=suspected_settings(outcome),
            )
        elif isinstance(outcome, Found | NotFound) and not self._pages.may_be_everywhere():
            self._settings.record_success()
        return outcome

    async def _settlement_for(
        self, task: MessageTask[_M], outcome: Outcome | InvalidMessage
    ) -> Settlement:
        match outcome:
            case Found() | NotFound():
                return await self._handled(task, outcome)
            case Unavailable():
                return Redeliver(self._delay(outcome))
            case InvalidMessage():
                if not await self._functions.confirms_event_fault():
                    return Return()
                _LOGGER.warning("an event is rejected: %s", outcome.cause)
                return DeadLetter(outcome.reason)
            case Rejected() | Unreadable():
                return await self._rejected(outcome)

    async def _rejected(self, outcome: Rejected | Unreadable) -> Settlement:
        if suggests_misconfiguration(outcome) and not await self._settings.confirms_event_fault():
            return Return()
        if is_page(outcome) and self._client._pool.doubted > 1:  # noqa: SLF001
            raise doubted(outcome)
        level = logging.ERROR if isinstance(outcome, Unreadable) else logging.WARNING
        _LOGGER.log(level, "an event is rejected: %s: %s", outcome.ending, outcome.reason)
        return DeadLetter(f"{outcome.ending}: {outcome.reason}")

    def _delay(self, outcome: Unavailable) -> float:
        # "At once" (0, or a moment that is past) has been tried by now: all retries have failed.
        return outcome.retry_after or self._redelivery_delay

    async def _handled(self, task: MessageTask[_M], outcome: Outcome) -> Settlement:
        task.stage = Stage.HANDLING
        before = cancellation_count()
        try:
            await self._handle(outcome)
        except asyncio.CancelledError as error:
            if cancellation_count() > before:
                raise
            failure: Exception = RuntimeError("something that the handler waited for was cancelled")
            failure.__cause__ = error
        except Exception as error:  # noqa: BLE001 - the handler's own: one message, not all
            failure = error
        else:
            return Ack()
        task.stage = Stage.LOOKING_UP
        self._handler_failed(task.message, failure)
        return Redeliver(self._redelivery_delay)

    def _handler_failed(self, message: _M, error: Exception) -> None:
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
