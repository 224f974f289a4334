"""How does a caller get its outcome: from the cache, by a shared call, or by one of its own?"""

import asyncio
from collections.abc import Awaitable, Hashable, Mapping
from typing import Any, Final, Self

from attrs import Factory, evolve, field, frozen

from capillary_interactions._client.attempt import RequestSender
from capillary_interactions._client.credential_pool import CredentialPool, max_pause
from capillary_interactions._client.endings import LookupEndings
from capillary_interactions._client.exchange import Exchange
from capillary_interactions._client.lifecycle import ClientLifecycle
from capillary_interactions._client.lookup import LookupRunner, to_outcome, too_late
from capillary_interactions._client.lookup_state import LookupState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.own_headers import RequestHeaders, own_headers
from capillary_interactions._client.single_flight import (
    Cache,
    SharedCallCancelledError,
    SingleFlight,
    WaiterTimeoutError,
)
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RetryPolicy
from capillary_interactions._http.transport import CheckedTransport
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.outcome import Outcome, Rejected
from capillary_interactions._model.query import Query
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.stream_share import StreamShare
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import merge_headers
from capillary_interactions._protocol.request_url import sent_query

_CLOSED: Final = "the client was closed before an answer came"
_CACHED: Final = (ResultKind.ANSWER, ResultKind.NOT_FOUND)
_CANCELLED: Final = "the request was cancelled by its transport, its pace or an observer"


@frozen
class _Variant:
    """What sets the lookups of a view apart from those of its client.

    Attributes:
        headers: Those that its requests have beside the client's own, sorted.
        run: What else an end depends on, where it is not the client's: retries and a timeout.
    """

    headers: tuple[tuple[str, str], ...] = ()
    run: tuple[RetryPolicy, float] | None = None

    def answer_key(self, url: str) -> Hashable:
        """Equal for lookups that may have the same answer from the cache."""
        return (self.headers, url) if self.headers else url

    def call_key(self, url: str) -> Hashable:
        """Equal for lookups that may share a call."""
        return self.answer_key(url) if self.run is None else (self, url)


@frozen(eq=False)
class LookupCalls:
    """The lookups of a client, or of a view of it.

    Attributes:
        config: How they behave.
        runner: Runs them like that; a view shares everything else but its variant with its client.
        shared: The settings of the client itself.
        cache: Answers that are returned again for `config.cache_ttl`.
        variant: What sets a view's lookups apart; nothing, where the client's may be shared.
        shares_by_url: Whether equal lookups are those with the same URL.
    """

    config: ClientConfig
    runner: LookupRunner
    shared: ClientConfig
    observers: Observers
    single_flight: SingleFlight[LookupState]
    cache: Cache[LookupState]
    endings: LookupEndings
    lifecycle: ClientLifecycle
    variant: _Variant = _Variant()
    shares_by_url: bool = field(
        default=Factory(
            lambda self: self.config.single_flight and self.variant == _Variant(), takes_self=True
        ),
        init=False,
    )

    def with_config(self, config: ClientConfig, headers: Mapping[str, str]) -> Self:
        """The lookups of a view.

        Args:
            config: The view's settings; what belongs to connections and credentials is not read.
            headers: Those that were given for it, on top of the ones that this has.
        """
        added = merge_headers(dict(self.variant.headers), headers)
        run = config.retry, config.timeouts.attempt
        same = run == (self.shared.retry, self.shared.timeouts.attempt)
        return evolve(
            self,
            config=config,
            runner=self.runner.with_config(config, added),
            variant=_Variant(tuple(sorted(added.items())), None if same else run),
        )

    async def look_up(
        self,
        query: Query,
        sent: Query,
        item: Any,
        limit: float | None,
        *,
        interactive: bool,
        share: StreamShare | None = None,
        tolerated: int = 1,
    ) -> Outcome:
        """The outcome of one lookup.

        Args:
            query: What is asked.
            sent: The same as it is sent; see `sent_query`.
            item: What the outcome is tied to.
            limit: Seconds it may take, or None.
            interactive: Whether it goes before those of streams.
            share: The stream's share of the rate, or None.
            tolerated: See `LookupState`.
        """
        loop = asyncio._get_running_loop()  # noqa: SLF001 - in its `__all__`; None without a loop
        if loop is None or loop is not self.lifecycle.loop or self.lifecycle.closed:
            loop = self.lifecycle.bind_running_loop()
        number, started_at = self.observers.start_lookup(), loop.time()
        url, ttl = self.runner.url(sent), self.config.cache_ttl
        ended = self.cache.get(self.variant.answer_key(url), started_at, ttl) if ttl else None
        if ended is None:
            deadline = Deadline(None if limit is None else started_at + limit, interactive, share)
            state = LookupState(sent, url, deadline, loop, lookup=number, tolerated=tolerated)
            try:
                key = url if self.shares_by_url else self._call_key(state)
                ended = await self.single_flight.call(key, deadline, self.runner.run, state)
            except (WaiterTimeoutError, SharedCallCancelledError) as error:
                ended = self._without_answer(state, error)
            except BaseException as error:
                self.observers.fail_lookup(number, error)
                raise
            if ttl and ended.result.kind in _CACHED:
                entry = ended.without_attempts()
                self.cache.put(self.variant.answer_key(url), entry, loop.time(), ttl)
        outcome = to_outcome(ended, query, item, loop.time() - started_at, sent)
        return self.endings.record(outcome, number)

    def look_up_in_background(
        self,
        query: Query | Rejected,
        item: Any,
        limit: float | None,
        share: StreamShare | None,
        tolerated: int,
    ) -> Awaitable[Outcome]:
        """One lookup that waits for quota behind all those of `lookup`, as a stream's do."""
        if isinstance(query, Rejected):
            return _ended(self.reject(query))
        config = self.config
        try:
            sent = sent_query(query, config.api, config.phone_region)
        except ValueError as error:
            return _ended(self.reject(Rejected(query=query, item=item, reason=str(error))))
        return self.look_up(
            query, sent, item, limit, interactive=False, share=share, tolerated=tolerated
        )

    def reject(self, rejected: Rejected) -> Outcome:
        """The outcome of a lookup that cannot be sent."""
        return self.endings.record(rejected, self.observers.start_lookup())

    def _call_key(self, state: LookupState) -> Hashable:
        if not self.config.single_flight:
            return state
        return self.variant.call_key(state.url)

    def _without_answer(
        self, state: LookupState, error: WaiterTimeoutError | SharedCallCancelledError
    ) -> LookupState:
        if isinstance(error, WaiterTimeoutError):
            result = too_late(error.refusal, max_pause(self.config.retry))
        else:
            reason = _CLOSED if self.lifecycle.closed else _CANCELLED
            result = AttemptResult(ResultKind.UNAVAILABLE, reason)
        return evolve(state, result=result)  # the shared call may still run for others


def build_calls(
    config: ClientConfig,
    transport: CheckedTransport,
    pool: CredentialPool,
    observers: Observers,
    request_headers: RequestHeaders | None,
) -> LookupCalls:
    """The lookups of a client."""
    exchange = Exchange(
        transport,
        pool,
        observers,
        Reader(config.timezone),
        config.timeouts.attempt,
        max_pause=max_pause(config.retry),
        api=config.api,
        own_headers=own_headers({}, request_headers),
    )
    return LookupCalls(
        config,
        LookupRunner(config, RequestSender(exchange, pool), observers),
        config,
        observers,
        SingleFlight(),
        Cache(),
        LookupEndings(observers, pool.refused_settings),
        ClientLifecycle(config.rate, shared=config.shared is not None),
    )


async def _ended(outcome: Outcome) -> Outcome:
    return outcome
