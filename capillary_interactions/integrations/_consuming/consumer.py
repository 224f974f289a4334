"""Reads messages, keeps their number bounded, and stops so that each is settled."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
)
from typing import Final, Generic, TypedDict, TypeVar

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions._client.refusal_evidence import MAX_TOLERATED
from capillary_interactions._client.stream import parse_in_flight
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._errors import CapillaryError
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._text.tracebacks import clear
from capillary_interactions.integrations._consuming.delivery import ConsumerReport, Delivery
from capillary_interactions.integrations._consuming.message_task import (
    InvalidMessage,
    MessageProcessor,
    MessageTask,
    Stage,
)

_M = TypeVar("_M", bound=Delivery)
_LOOKUPS: Final = frozenset({Stage.LOOKING_UP})
_UNSETTLED: Final = frozenset({Stage.LOOKING_UP, Stage.HANDLING})


class ConsumerOptions(TypedDict, Generic[_M], total=False):
    """The optional arguments of `Consumer`."""

    in_flight: int | None
    ordered_by: Callable[[_M], Hashable] | None
    redelivery_delay: float
    timeout: float | None
    drain: float
    on_error: Callable[[_M, Exception], None] | None
    distrust_after: int | None


class Consumer(Generic[_M]):
    """Looks up the messages of a source, and acknowledges each after it has been handled.

    An answer (`Found`, `NotFound`) goes to `handle` and is acknowledged once that has returned.
    `Unavailable` is delivered again, after as long as the server asked for. `Rejected`,
    `Unreadable` and a message that `key` can make no query of are dead letters; a wrong setting
    or a wrong `key` makes none, see `distrust_after`. When `handle` raises, its message is
    delivered again.

    No more than `in_flight` messages are held, so the source, and the broker behind it, feels the
    quota; up to four more while refusals by a proxy or firewall may be about the credentials. When
    as many lookups in a row had no answer, reading pauses until the endpoint may have recovered, a
    minute at most; then one more message is looked up as a probe.

    Args:
        client: What looks up.
        source: Messages with acknowledgement, from any async iterable.
        key: From a message to its query.
        handle: Called with each outcome that is an answer; `outcome.item` is the message. Calls
            overlap.
        in_flight: Messages held at once, by default `client.config.in_flight` for each
            credential.
        ordered_by: From a message to what it must stay in order with, such as its partition or
            its customer. Of equal ones, each is handled and acknowledged after the one before.
            One without an answer, or whose handler raises, is not given back but tried again in
            its place, and keeps those behind it waiting: once these are `in_flight`, everything.
        redelivery_delay: Seconds after which a message comes again, if the server names none.
        timeout: Seconds each lookup may take; none by default.
        drain: Seconds for what is under way when it stops; then it is given back. A handler that
            swallows its cancellation is waited for all the same.
        on_error: Called with a message and what `handle` raised for it; by default that is logged
            by its type. If it raises, the consumer stops with that.
        distrust_after: Endings in a row that a wrong setting explains and no event does (nothing
            is found at the address, or it answers something else), with no answer among them,
            after which it stops; before any answer, 5 different customers are enough for whom the
            API refuses a setting. Likewise events in a row for which `key` or `ordered_by` raises.
            Until then, for half a minute or until another event is answered (or `key` returns),
            such events are held. None takes each for the event's own fault.

    Raises:
        ConfigurationError: An argument cannot work.
    """

    def __init__(
        self,
        client: InteractionsClient,
        source: AsyncIterable[_M],
        *,
        key: Callable[[_M], Query | Identifier],
        handle: Callable[[Outcome[_M]], Awaitable[None]],
        in_flight: int | None = None,
        ordered_by: Callable[[_M], Hashable] | None = None,
        redelivery_delay: float = 30.0,
        timeout: float | None = None,
        drain: float = 20.0,
        on_error: Callable[[_M, Exception], None] | None = None,
        distrust_after: int | None = 10,
    ) -> None:
        config = client.config
        if timeout is not None:
            check_seconds("timeout", timeout)
        self._in_flight = parse_in_flight(in_flight, config)
        self._drain = check_seconds("drain", drain, zero=True)
        self._processor: MessageProcessor[_M] = MessageProcessor(
            client,
            key=key,
            handle=handle,
            redelivery_delay=check_seconds("redelivery_delay", redelivery_delay, zero=True),
            timeout=timeout,
            on_error=on_error,
            in_order=ordered_by is not None,
            distrust_after=distrust_after,
            max_unanswered=self._in_flight,
            lend_slot=self._lend_slot,
        )
        self._source = source
        self._ordered_by = ordered_by
        self._newest: dict[Hashable, MessageTask[_M]] = {}
        self._slots = asyncio.Semaphore(self._in_flight)
        self._slots_lent = 0
        self._open: dict[asyncio.Task[None], MessageTask[_M]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """Messages that have been read and not yet been acknowledged, given back or put aside."""
        return len(self._open)

    def report(self) -> ConsumerReport:
        """What has become of the messages so far."""
        return ConsumerReport(**self._processor.counts)

    def stop(self) -> None:
        """Read no more, and let what is under way end; `run` returns after that.

        To be called in the event loop, from a signal handler of the loop for instance.
        """
        self._processor.stop()
        if self._reader is not None and self._timer is None:
            self._reader.cancel()
            loop = self._reader.get_loop()
            self._timer = loop.call_later(self._drain, self._cancel_tasks, _UNSETTLED)

    async def run(self) -> ConsumerReport:
        """Consume until the source ends, `stop` is called or something is wrong with the whole.

        Cancelled, it gives back what has not been handled and lets handlers that run return.

        Returns:
            What became of the messages.

        Raises:
            AuthenticationError: The credentials are refused; what was not handled is given back.
            ConfigurationError: See `distrust_after`; what was not handled is given back.
            Exception: What the source or `on_error` raised.
        """
        running_loop()
        if self._reader is not None:
            raise RuntimeError("a consumer runs once")
        if not self._processor.stopping.is_set():
            self._reader = asyncio.create_task(self._read())
            self._reader.add_done_callback(self._reading_ended)
            await self._end(self._reader)
        if self._timer is not None:
            self._timer.cancel()
        if self._error is not None:
            raise _bare(self._error)
        return self.report()

    async def _end(self, reader: "asyncio.Task[None]") -> None:
        # A loop, for a scope of anyio's cancels in every turn of the event loop until it is left.
        cancelled: asyncio.CancelledError | None = None
        while tasks := self._running(reader):
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError as error:
                # Cancelled once more, it does not wait for handlers either.
                self._cancel_tasks(_UNSETTLED if self._processor.stopping.is_set() else _LOOKUPS)
                self.stop()
                if not self._running(reader):
                    raise
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _running(self, reader: "asyncio.Task[None]") -> "set[asyncio.Task[None]]":
        return {*self._open, *(() if reader.done() else (reader,))}

    def _cancel_tasks(self, stages: frozenset[Stage]) -> None:
        self._processor.closed = True
        for task, message_task in self._open.items():
            # Once, for a handler that cleans up must not be broken off at each of its steps.
            if message_task.stage in stages and not task.cancelling():
                task.cancel()

    async def _read(self) -> None:
        source = aiter(self._source)
        try:
            await self._read_all(source)
        finally:
            if isinstance(source, AsyncGenerator):
                # Else what it holds open is closed whenever the garbage is collected.
                await source.aclose()

    async def _read_all(self, source: AsyncIterator[_M]) -> None:
        # A source may swallow the cancellation of `stop`, as `asyncio.wait_for` does before 3.12.
        while not self._processor.stopping.is_set():
            await self._slots.acquire()
            await self._processor.wait_until_available()
            try:
                message = await anext(source)
            except StopAsyncIteration:
                self._processor.source_exhausted()
                return
            self._start(message)

    def _reading_ended(self, reader: "asyncio.Task[None]") -> None:
        if not reader.cancelled():
            self._fail(reader.exception())
        elif not self._processor.stopping.is_set():
            # Not cancelled by this consumer, so it must not look like the end of the source.
            self._fail(RuntimeError("the source was cancelled"))

    def _fail(self, error: BaseException | None) -> None:
        if error is not None:
            self._error = self._error or error
            self.stop()

    def _start(self, message: _M) -> None:
        message_task = MessageTask(message)
        order = self._join_order(message_task)
        task = asyncio.get_running_loop().create_task(self._processor.run(message_task))
        self._open[task] = message_task

        def ended(task: asyncio.Task[None]) -> None:
            del self._open[task]
            self._free_slot(message_task)
            if self._newest.get(order) is message_task:
                del self._newest[order]
            error = _raised(task)
            if error is not None:
                self._fail(error)
                self._cancel_tasks(_LOOKUPS)

        task.add_done_callback(ended)

    def _lend_slot(self, message_task: MessageTask[_M]) -> None:
        """Read one more: where one event is held at a time, no other could show what it means."""
        if self._slots_lent < MAX_TOLERATED and not message_task.slot_lent:
            self._slots_lent += 1
            message_task.slot_lent = True
            self._slots.release()

    def _free_slot(self, message_task: MessageTask[_M]) -> None:
        if message_task.slot_lent:
            self._slots_lent -= 1
        else:
            self._slots.release()

    def _join_order(self, message_task: MessageTask[_M]) -> Hashable:
        """Put it behind the last one of its order."""
        if self._ordered_by is None:
            return None
        try:
            order = self._ordered_by(message_task.message)
            message_task.predecessor = self._newest.get(order)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is what is wrong
            cause = f"ordered_by raised {type(error).__name__}"
            message_task.invalid = InvalidMessage("no order can be made of it", cause)
            return None
        self._newest[order] = message_task
        return order


def _raised(task: "asyncio.Task[None]") -> BaseException | None:
    if not task.cancelled():
        return task.exception()
    # Not cancelled by this consumer, so it must not pass in silence.
    return None if task.cancelling() else RuntimeError("a lookup was cancelled")


def _bare(error: BaseException) -> BaseException:
    """An error of ours without the frames that it has come through: they hold messages.

    One of the caller's keeps its lines, and shows what the caller's own frames hold.
    """
    if isinstance(error, CapillaryError):
        return error.with_traceback(None)
    clear(error, (MessageTask.__module__, __name__))
    return error
