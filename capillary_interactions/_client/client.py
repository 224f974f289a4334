"""One client: the parts put together, and little else."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakSet

from attrs import evolve

from capillary_interactions._client.attempt import LookupState, RequestSender
from capillary_interactions._client.cleanup import finish
from capillary_interactions._client.fan_out import Source
from capillary_interactions._client.lifecycle import ClientLifecycle
from capillary_interactions._client.lookup import LookupRunner, to_outcome
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.parts import build_credential_pool, build_transport, max_pause
from capillary_interactions._client.single_flight import (
    Cache,
    SharedCallCancelledError,
    SingleFlight,
    WaiterTimeoutError,
)
from capillary_interactions._client.snapshot import Snapshot, snapshot_of
from capillary_interactions._client.stream import OutcomeStream, parse_timeout, to_query
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.outcome import Outcome, Rejected, with_all_endings
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._pacing.deadline import Deadline, Refusal
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._pacing.stream_share import StreamShare
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.request_url import check_supported
from capillary_interactions._text.tracebacks import clear, clears_locals
from capillary_interactions.events import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from capillary_interactions._http.transport import Transport

_CLOSED: Final = "the client was closed before an answer came"
_CACHED: Final = (ResultKind.ANSWER, ResultKind.NOT_FOUND)
_CANCELLED: Final = "the request was cancelled by its transport, its pace or an observer"


class InteractionsClient:
    """Looks customers' interactions up, one or many at once, within the quota.

    One client serves any number of tasks; make one for a program and share it. It may be used by
    several event loops one after the other, but not by two at once.

    Args:
        config: How it behaves.
        transport: What gets requests to the API: a session pool of its own by default; an
            `aiohttp.ClientSession` of yours is used as it is and never closed; or anything with
            the two methods of `Transport`.
        pace: When requests may leave: for every credential the same, and shared by all of them;
            by default each has one of its own by `config.rate`.
        observers: Called with each event; see `capillary_interactions.events`.

    Example:
        async with InteractionsClient(ClientConfig.from_env()) as client:
            outcome = await client.lookup(Identifier.mobile("919738522695"))
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        transport: "Transport | ClientSession | None" = None,
        pace: Pace | None = None,
        observers: Iterable[Observer] = (),
    ) -> None:
        self._config = config
        self._observers = Observers(tuple(observers))
        self._transport = build_transport(config, transport)
        self._lanes = build_credential_pool(config, self._transport, pace, self._observers)
        sender = RequestSender(
            self._transport,
            self._lanes,
            self._observers,
            Reader(config.timezone),
            config.timeouts.attempt,
            believed=max_pause(config.retry),
        )
        self._asker = LookupRunner(config, sender, self._observers)
        self._flights: SingleFlight[LookupState] = SingleFlight()
        self._cache: Cache[LookupState] | None = (
            Cache(config.cache_ttl) if config.cache_ttl else None
        )
        self._streams: WeakSet[OutcomeStream] = WeakSet()
        self._endings: Counter[str] = Counter()
        self._home = ClientLifecycle(config.rate)

    @property
    def config(self) -> ClientConfig:
        """How it behaves."""
        return self._config

    async def __aenter__(self) -> Self:
        self._home.closed = False
        self._home.enter()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self, drain: float = 0.0) -> None:
        """Take no new work, let what is under way finish, then cancel the rest.

        Streams read no further; what they have read still ends, and then they raise RuntimeError.
        Lookups that are cancelled end as `Unavailable`. Cancelled itself, it waits no longer for
        what is under way, and still closes everything before the cancellation is raised.

        Args:
            drain: Seconds for what is under way.
        """
        check_seconds("drain", drain, zero=True)
        self._home.closed = True
        for stream in tuple(self._streams):
            stream.stop_reading(RuntimeError("the client was closed while the stream was read"))
        try:
            await self._flights.drain(drain)
        finally:
            await finish(self._let_go())

    async def _let_go(self) -> None:
        async with AsyncExitStack() as steps:
            # The last one first, and each of them though another one fails.
            steps.push_async_callback(self._transport.aclose)
            for lane in self._lanes.all:
                steps.push_async_callback(lane.auth.aclose)
            steps.push_async_callback(self._flights.ground)

    async def lookup(self, query: Query | Identifier, timeout: float | None = None) -> Outcome:  # noqa: ASYNC109
        """One customer's interactions, or why there are none.

        Args:
            query: Whom, and what of theirs.
            timeout: Seconds it may take altogether: waiting for quota, retries and all. By default
                `config.timeouts.total`; `math.inf` for no limit.

        Returns:
            One of the five endings; `outcome.unwrap()` gives the answer or raises.

        Raises:
            ValueError: The query cannot be asked in this version of the API, or the timeout is
                no duration.
            AuthenticationError: The credentials are refused.
            RuntimeError: The client is closed, or in use by another event loop.
        """
        try:
            asked = to_query(query)
            check_supported(asked, self._config.api)
            limit = self._config.timeouts.total if timeout is None else parse_timeout(timeout)
            return await self._run(asked, query, limit, interactive=True)
        except Exception as error:
            # What is no query may be a plain number.
            del query
            clear(error)
            raise

    @clears_locals
    def stream(
        self,
        queries: Source[Any],
        *,
        key: Callable[[Any], Query | Identifier] | None = None,
        ordered: bool = False,
        in_flight: int | None = None,
        timeout: float | None = None,
        give_up_after: int | None = None,
        share: float | None = None,
    ) -> OutcomeStream:
        """Outcomes of many lookups, as they end, from a source that may be endless.

        To be entered with `async with` and iterated over with `async for`. A query that this
        version of the API cannot ask ends as `Rejected`. Errors of the source and of `key` come
        out bare, after the outcomes of what was read before them.

        Args:
            queries: What to look up, from any iterable or async iterable.
            key: From an item of the source to its query; `outcome.item` is the item.
            ordered: Whether outcomes come in the order of the source.
            in_flight: Lookups under way at once, by default `config.in_flight` for each
                credential; twice as many items are held at most.
            timeout: Seconds each lookup may take; none by default.
            give_up_after: Unavailable endings in a row after which `EndpointDownError` is raised.
            share: The part of the rate this stream uses at most, more than 0 and at most 1.

        Raises:
            ConfigurationError: An argument cannot work.
            AuthenticationError: While iterating: the credentials are refused.
            EndpointDownError: While iterating: see `give_up_after`.
            RuntimeError: The client is closed, or in use by another event loop.
        """
        config = self._config
        at_once = config.in_flight * len(config.credentials) if in_flight is None else in_flight
        check_count("in_flight", at_once)
        if give_up_after is not None:
            check_count("give_up_after", give_up_after)
        limit = None if timeout is None else parse_timeout(timeout)
        stream_share = None if share is None else StreamShare(share, self._lanes)
        self._home.check_open()

        def work(query: Query, item: Any) -> Awaitable[Outcome]:
            tolerated = stream.tolerated
            return self._lookup_in_background(query, item, limit, stream_share, tolerated)

        stream = OutcomeStream(
            work,
            queries,
            key=to_query if key is None else lambda item: to_query(key(item)),
            at_once=at_once,
            ordered=ordered,
            give_up_after=give_up_after,
            pages=self._lanes.pages,
        )
        self._streams.add(stream)
        return stream

    async def lookup_all(self, queries: Source[Query | Identifier]) -> list[Outcome]:
        """Every outcome of a short list, in its order.

        Raises:
            AuthenticationError: The credentials are refused.
        """
        try:
            async with self.stream(queries, ordered=True) as outcomes:
                return [outcome async for outcome in outcomes]
        except Exception:
            del queries  # in the traceback it would show whatever it holds
            raise

    def snapshot(self) -> Snapshot:
        """What the client looks like now."""
        return snapshot_of(self._lanes.all, with_all_endings(self._endings))

    async def _lookup_in_background(
        self,
        query: Query,
        item: Any,
        limit: float | None,
        share: StreamShare | None,
        tolerated: int,
    ) -> Outcome:
        """One lookup that waits for quota behind all those of `lookup`, as a stream's do."""
        try:
            check_supported(query, self._config.api)
        except ValueError as error:
            rejected = Rejected(query=query, item=item, reason=str(error))
            return self._ended(rejected, self._observers.begun())
        return await self._run(
            query, item, limit, interactive=False, share=share, tolerated=tolerated
        )

    async def _run(
        self,
        query: Query,
        item: Any,
        limit: float | None,
        *,
        interactive: bool,
        share: StreamShare | None = None,
        tolerated: int = 1,
    ) -> Outcome:
        loop = self._home.enter()
        begun = loop.time()
        deadline = None if limit is None else begun + limit
        ended = None if self._cache is None else self._cache.get(query, begun)
        trip = LookupState(
            query, Deadline(deadline, interactive, share), lookup=self._observers.begun()
        )
        trip.tolerated = tolerated
        try:
            ended = ended or await self._fly(trip)
        except BaseException as error:
            self._observers.broken(trip.lookup, error)
            raise
        return self._ended(to_outcome(ended, query, item, loop.time() - begun), trip.lookup)

    def _ended(self, outcome: Outcome, lookup: int) -> Outcome:
        self._endings[outcome.ending] += 1
        self._observers.ended(lookup, outcome)
        return outcome

    async def _fly(self, trip: LookupState) -> LookupState:
        query, own = trip.query, trip.deadline

        async def depart(until: Deadline) -> LookupState:
            trip.deadline = until
            result = trip.result = await self._asker.ask(trip)
            self._lanes.pages.ended(query.identifier, result, trip.number)
            if self._cache is not None and result.kind in _CACHED:
                kept = LookupState(query, until, request_id=trip.request_id, result=result)
                self._cache.put(query, kept, asyncio.get_running_loop().time())
            return trip

        key = query if self._config.single_flight else object()
        try:
            return await self._flights.board(
                key, own.at, depart, interactive=own.interactive, share=own.share
            )
        except WaiterTimeoutError as late:
            result = self._late(late.refusal)
        except SharedCallCancelledError:
            reason = _CLOSED if self._home.closed else _CANCELLED
            result = AttemptResult(ResultKind.UNAVAILABLE, reason)
        # A copy: the shared call may still run for others, with this very state.
        return evolve(trip, result=result)

    def _late(self, refusal: Refusal | None) -> AttemptResult:
        if refusal is None:
            return AttemptResult(ResultKind.UNAVAILABLE, "no answer before the deadline")
        after = refusal.retry_after
        wait = None if after is None else min(after, max_pause(self._config.retry))
        return AttemptResult(ResultKind.UNAVAILABLE, refusal.reason, retry_after=wait)
