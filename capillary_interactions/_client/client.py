"""The client: its parts put together, and little else."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload
from weakref import WeakSet

from capillary_interactions._client.cleanup import close_all, finish
from capillary_interactions._client.credential_pool import build_credential_pool, build_transport
from capillary_interactions._client.fan_out import Source
from capillary_interactions._client.health_check import HealthCheck
from capillary_interactions._client.lookup_calls import build_calls
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.open_stream import open_stream
from capillary_interactions._client.own_headers import RequestHeaders
from capillary_interactions._client.snapshot import Snapshot, snapshot_of
from capillary_interactions._client.stream import OutcomeStream, parse_timeout, to_query
from capillary_interactions._client.stream_options import Asked, ListOptions, StreamOptions
from capillary_interactions._client.view_config import view_config
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RetryPolicy, Timeouts
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._model.check_report import CheckReport
from capillary_interactions._model.outcome import Outcome, Rejected, with_all_endings
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._protocol.request_url import sent_query
from capillary_interactions._text.tracebacks import clear, clears_locals
from capillary_interactions.events import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from capillary_interactions._http.transport import Transport

_T = TypeVar("_T")


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
            by default each has one of its own by `config.rate`. Not with `config.shared`.
        observers: Called with each event; see `capillary_interactions.events`.
        request_headers: Called before each request to the API, with what is to be sent, for further
            headers of this request alone, such as those of a trace. Observers have had its
            `AttemptBegan` by then. Equal lookups that share a request share its headers. An error
            ends the lookup, and is raised there.

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
        request_headers: RequestHeaders | None = None,
    ) -> None:
        self._observers = Observers(tuple(observers))
        self._transport = build_transport(config, transport)
        self._pool = build_credential_pool(config, self._transport, pace, self._observers)
        self._calls = build_calls(
            config, self._transport, self._pool, self._observers, request_headers
        )
        self._single_flight = self._calls.single_flight
        self._lifecycle = self._calls.lifecycle
        self._streams: WeakSet[OutcomeStream[Any]] = WeakSet()
        self._is_view = False
        self._health = HealthCheck(connects=transport is None)

    @property
    def config(self) -> ClientConfig:
        """How it behaves."""
        return self._calls.config

    def with_options(
        self,
        *,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        cache_ttl: float | None = None,
    ) -> Self:
        """A view of this client that looks up in another way; it takes 0.1 ms to make.

        It shares everything else: connections, quota, retry budget, cache, single-flight, events,
        counts, and being open. Lookups that differ in headers, retries or `timeouts.attempt` share
        no request. Leaving it as a context manager, or closing it, closes nothing.

        Args:
            timeouts: In place of `config.timeouts`, but for `connect`, which stays as it is.
            retry: In place of `config.retry`, but for `budget`, which stays as it is.
            headers: Further request headers, also in place of those with the same names.
            cache_ttl: In place of `config.cache_ttl`: how old an answer of the cache may be.

        Raises:
            ConfigurationError: One of them cannot work, or asks for another `timeouts.connect` or
                `retry.budget`.

        Example:
            quick = client.with_options(timeouts=Timeouts(total=2.0), retry=RetryPolicy(attempts=1))
            outcome = await quick.lookup(Identifier.mobile("919738522695"))
        """
        config = view_config(
            self.config, timeouts=timeouts, retry=retry, headers=headers, cache_ttl=cache_ttl
        )
        view = copy(self)
        view._is_view = True  # noqa: SLF001 - of the same class
        view._calls = self._calls.with_config(config, headers or {})  # noqa: SLF001
        return view

    async def __aenter__(self) -> Self:
        if not self._is_view:
            self._lifecycle.closed = False
        self._lifecycle.bind_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self, drain: float = 0.0) -> None:
        """Take no new work, let what is under way finish, then cancel the rest; nothing of a view.

        Streams read no further; what they have read still ends, and then they raise RuntimeError.
        Lookups that are cancelled end as `Unavailable`. Cancelled itself, it waits no longer, and
        still closes everything before the cancellation is raised.

        Args:
            drain: Seconds for what is under way.
        """
        check_seconds("drain", drain, zero=True)
        if self._is_view:
            return
        self._lifecycle.closed = True
        for stream in tuple(self._streams):
            stream.stop_reading(RuntimeError("the client was closed while the stream was read"))
        try:
            await self._single_flight.drain(drain)
        finally:
            closing = self._pool.closing()
            steps = (self._single_flight.cancel_all, *closing, self._transport.aclose)
            await finish(close_all(steps))

    async def lookup(self, query: Asked, timeout: float | None = None) -> Outcome[Asked]:  # noqa: ASYNC109
        """One customer's interactions, or why there are none: one of the five endings.

        Args:
            query: Whom, and what of theirs.
            timeout: Seconds it may take altogether: waiting for quota, retries and all. By default
                `config.timeouts.total`; `math.inf` for no limit.

        Raises:
            ValueError: The query cannot be asked with these settings, or the timeout is none.
            AuthenticationError: The credentials are refused.
            RuntimeError: The client is closed, or in use by another event loop.
        """
        try:
            parsed = query if isinstance(query, Query) else to_query(query)
            calls = self._calls
            config = calls.config
            limit = config.timeouts.total if timeout is None else parse_timeout(timeout)
            try:
                sent = sent_query(parsed, config.api, config.phone_region)
            except InvalidMobileError as error:
                if config.phone_region is None:
                    raise  # with that setting it may be a number
                return calls.reject(Rejected(query=parsed, item=query, reason=str(error)))
            return await calls.look_up(parsed, sent, query, limit, interactive=True)
        except Exception as error:
            # An argument of the wrong type may be a plain phone number.
            del query
            clear(error)
            raise

    @overload
    def stream(
        self, queries: Source[Asked], *, key: None = None, **options: Unpack[StreamOptions]
    ) -> OutcomeStream[Asked]: ...

    @overload
    def stream(
        self,
        queries: Source[_T],
        *,
        key: Callable[[_T], Query | Identifier],
        **options: Unpack[StreamOptions],
    ) -> OutcomeStream[_T]: ...

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
    ) -> OutcomeStream[Any]:
        """Outcomes of many lookups, as they end, from a source that may be endless.

        To be entered with `async with` and iterated over with `async for`. A query that this
        version of the API cannot ask, and a mobile that `key` cannot make, end as `Rejected`. Other
        errors of `key` and the source come out bare, after the outcomes of what was read before.

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
            ConfigurationError: While iterating: the API refuses a setting (source, account_id,
                organisation or till, API version) for 5 different customers in a row, 50 once the
                client has had an answer. It comes after the outcomes of what was read before.
            EndpointDownError: While iterating: see `give_up_after`.
            RuntimeError: The client is closed, or in use by another event loop.
        """
        stream = open_stream(
            self._calls,
            self._pool,
            queries,
            key=key,
            ordered=ordered,
            in_flight=in_flight,
            timeout=timeout,
            give_up_after=give_up_after,
            share=share,
        )
        self._streams.add(stream)
        return stream

    @overload
    async def lookup_all(
        self, queries: Source[Asked], *, key: None = None, **options: Unpack[ListOptions]
    ) -> list[Outcome[Asked]]: ...

    @overload
    async def lookup_all(
        self,
        queries: Source[_T],
        *,
        key: Callable[[_T], Query | Identifier],
        **options: Unpack[ListOptions],
    ) -> list[Outcome[_T]]: ...

    async def lookup_all(
        self,
        queries: Source[Any],
        *,
        key: Callable[[Any], Query | Identifier] | None = None,
        **options: Unpack[ListOptions],
    ) -> list[Outcome]:
        """Every outcome of a short list, in its order.

        Args:
            queries: What to look up, from any iterable or async iterable.
            key: From an item of the source to its query.
            options: in_flight, timeout, give_up_after and share, as for `stream`.

        Raises:
            ConfigurationError: An argument cannot work.
            AuthenticationError: The credentials are refused.
            EndpointDownError: See `give_up_after`; a stream has the outcomes that came before.
        """
        try:
            stream = self.stream(queries, key=key or to_query, ordered=True, **options)
            # The caller gets all of them at once, each with its reason.
            stream.stops_for_settings = False
            async with stream as outcomes:
                return [outcome async for outcome in outcomes]
        except Exception:
            del queries  # a traceback would show what it holds
            raise

    async def check(
        self,
        query: Query | Identifier | None = None,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109
        max_age: float = 30.0,
        connection: bool = False,
    ) -> CheckReport:
        """Whether lookups would be answered now: one request, without retries; failures are steps.

        Args:
            query: What to ask; by default for an identifier that no customer has, whose absence
                proves the credentials, too.
            timeout: Seconds that the answer, and each step of `connection`, may take.
            max_age: Seconds for which a report is returned again without a request; one with a
                failed step for 5 at most.
            connection: Whether to look first at host name, connection and TLS, each by itself on
                connections that serve nothing else. For people; never returned again.

        Raises:
            ValueError: The query cannot be asked with these settings, or an argument is wrong.
            RuntimeError: The client is closed, or in use by another event loop.
        """
        self._lifecycle.bind_running_loop()
        parsed, runner = None if query is None else to_query(query), self._calls.runner
        return await self._health.check(runner, parsed, timeout, max_age, connection=connection)

    def snapshot(self) -> Snapshot:
        """What the client looks like now."""
        return snapshot_of(self._pool.all, with_all_endings(self._calls.endings.counts))
