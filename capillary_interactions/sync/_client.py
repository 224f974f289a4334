"""The client, for code without an event loop."""

import math
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar, Unpack, overload

from capillary_interactions._client.client import InteractionsClient as AsyncInteractionsClient
from capillary_interactions._client.own_headers import RequestHeaders
from capillary_interactions._client.snapshot import Snapshot
from capillary_interactions._client.stream import parse_timeout
from capillary_interactions._client.stream_options import Asked, ListOptions, StreamOptions
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RetryPolicy, Timeouts
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._model.check_report import CheckReport
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._pacing.pace import Pace
from capillary_interactions._text.tracebacks import clear, clears_locals
from capillary_interactions.events import Observer
from capillary_interactions.sync._binding import Binding
from capillary_interactions.sync._stream import OutcomeStream, stream_opener

if TYPE_CHECKING:
    from capillary_interactions._http.transport import Transport

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MIN_TIMEOUT: Final = 1e-6


class InteractionsClient:
    """Looks customers' interactions up, one or many at once, within the quota; without async.

    One client serves any number of threads; make one for a program and share it. Its calls block
    the thread that makes them, whether an event loop runs there or not. All clients of a process
    share an event loop in a thread of its own, from their first call until they are closed. A
    client that was not used before a fork works in the child.

    Args:
        config: How it behaves.
        transport: What gets requests to the API: a session pool of its own by default, or anything
            with the two methods of `Transport`, which are called in the loop's thread.
        pace: When requests may leave: for every credential the same, and shared by all of them;
            by default each has one of its own by `config.rate`. Not with `config.shared`.
        observers: Called with each event, in the loop's thread; see
            `capillary_interactions.events`.
        request_headers: Called in the loop's thread before each request to the API, with what is to
            be sent, for further headers of this request alone, such as those of a trace. Observers
            have had its `AttemptBegan` by then. Equal lookups that share a request share its
            headers. An error ends the lookup, and is raised there.

    Example:
        with InteractionsClient(ClientConfig.from_env()) as client:
            outcome = client.lookup(Identifier.mobile("919738522695"))
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        transport: "Transport | None" = None,
        pace: Pace | None = None,
        observers: Iterable[Observer] = (),
        request_headers: RequestHeaders | None = None,
    ) -> None:
        self._client = AsyncInteractionsClient(
            config,
            transport=transport,
            pace=pace,
            observers=observers,
            request_headers=request_headers,
        )
        self._binding = Binding(self._client.aclose)
        self._is_view = False

    @property
    def config(self) -> ClientConfig:
        """How it behaves."""
        return self._client.config

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
            outcome = quick.lookup(Identifier.mobile("919738522695"))
        """
        view = copy(self)
        view._is_view = True  # noqa: SLF001 - of the same class
        view._client = self._client.with_options(  # noqa: SLF001
            timeouts=timeouts, retry=retry, headers=headers, cache_ttl=cache_ttl
        )
        return view

    def __enter__(self) -> Self:
        if not self._is_view:
            self._binding.reopen()
        try:
            self._run(self._client.__aenter__)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, drain: float = 0.0) -> None:
        """Take no new work, let what is under way finish, then cancel the rest; nothing of a view.

        Streams read no further; what they have read still ends, and then they raise RuntimeError.
        Lookups that are cancelled end as `Unavailable`. It happens by itself, without `drain`, at
        the end of the interpreter. In a child that was forked from the client's own process there
        is nothing to close.

        Args:
            drain: Seconds for what is under way.
        """
        check_seconds("drain", drain, zero=True)
        if not self._is_view:
            self._binding.close(drain)

    def lookup(self, query: Asked, timeout: float | None = None) -> Outcome[Asked]:
        """One customer's interactions, or why there are none: one of the five endings.

        Interrupted in this thread, as by Ctrl-C or a time limit of Celery, it is cancelled.

        Args:
            query: Whom, and what of theirs.
            timeout: Seconds it may take altogether: waiting for quota, retries and all. By default
                `config.timeouts.total`; `math.inf` for no limit.

        Raises:
            ValueError: The query cannot be asked with these settings, or the timeout is none.
            AuthenticationError: The credentials are refused.
            RuntimeError: The client is closed, was used before a fork, or is called by its own
                observer, pace or transport.
        """
        try:
            limit = self.config.timeouts.total if timeout is None else parse_timeout(timeout)
            return self._run(self._look_up, query, limit, time.monotonic())
        except Exception as error:
            # A traceback would show what the frames hold.
            del query
            clear(error, (__package__ or "",))
            raise

    async def _look_up(
        self, query: Query | Identifier, limit: float | None, called_at: float
    ) -> Outcome:
        """Look up, within what the loop's thread has left of the time since the call."""
        late = time.monotonic() - called_at
        left = math.inf if limit is None else max(_MIN_TIMEOUT, limit - late)
        return await self._client.lookup(query, left)

    @overload
    def stream(
        self, queries: Iterable[Asked], *, key: None = None, **options: Unpack[StreamOptions]
    ) -> OutcomeStream[Asked]: ...

    @overload
    def stream(
        self,
        queries: Iterable[_T],
        *,
        key: Callable[[_T], Query | Identifier],
        **options: Unpack[StreamOptions],
    ) -> OutcomeStream[_T]: ...

    @clears_locals
    def stream(
        self,
        queries: Iterable[Any],
        *,
        key: Callable[[Any], Query | Identifier] | None = None,
        ordered: bool = False,
        in_flight: int | None = None,
        timeout: float | None = None,
        give_up_after: int | None = None,
        share: float | None = None,
    ) -> OutcomeStream[Any]:
        """Outcomes of many lookups, as they end, from a source that may be endless.

        To be iterated over with `for`, in a `with` block where it may be left early. The source is
        read, and `key` called, by the thread that iterates, and only while no outcome is ready: a
        source that waits delays outcomes. A query that this version of the API cannot ask, and a
        mobile that `key` cannot make, end as `Rejected`. Other errors of `key` and the source come
        out bare, after the outcomes of what was read before.

        Args:
            queries: What to look up, from any iterable.
            key: From an item of the source to its query; `outcome.item` is the item.
            ordered: Whether outcomes come in the order of the source.
            in_flight: Lookups under way at once, by default `config.in_flight` for each
                credential; twice as many items are held at most.
            timeout: Seconds each lookup may take; none by default.
            give_up_after: Unavailable endings in a row after which `EndpointDownError` is raised.
            share: The part of the rate this stream uses at most, more than 0 and at most 1.

        Raises:
            TypeError: The source is no iterable, or an asynchronous one.
            ConfigurationError: An argument cannot work.
            AuthenticationError: While iterating: the credentials are refused.
            ConfigurationError: While iterating: the API refuses a setting (source, account_id,
                organisation or till, API version) for 5 different customers in a row, 50 once the
                client has had an answer. It comes after the outcomes of what was read before.
            EndpointDownError: While iterating: see `give_up_after`.
            RuntimeError: The client is closed, or was used before a fork.
        """
        options = {"ordered": ordered, "in_flight": in_flight, "timeout": timeout}
        options |= {"give_up_after": give_up_after, "share": share}
        return self._stream(queries, key, stops_for_settings=True, **options)

    @overload
    def lookup_all(
        self, queries: Iterable[Asked], *, key: None = None, **options: Unpack[ListOptions]
    ) -> list[Outcome[Asked]]: ...

    @overload
    def lookup_all(
        self,
        queries: Iterable[_T],
        *,
        key: Callable[[_T], Query | Identifier],
        **options: Unpack[ListOptions],
    ) -> list[Outcome[_T]]: ...

    def lookup_all(
        self,
        queries: Iterable[Any],
        *,
        key: Callable[[Any], Query | Identifier] | None = None,
        **options: Unpack[ListOptions],
    ) -> list[Outcome]:
        """Every outcome of a short list, in its order.

        Args:
            queries: What to look up, from any iterable.
            key: From an item of the source to its query.
            options: in_flight, timeout, give_up_after and share, as for `stream`.

        Raises:
            TypeError: The source is no iterable, or an asynchronous one.
            ConfigurationError: An argument cannot work.
            AuthenticationError: The credentials are refused.
            EndpointDownError: See `give_up_after`; a stream has the outcomes that came before.
        """
        try:
            stream = self._stream(queries, key, stops_for_settings=False, ordered=True, **options)
            with stream as outcomes:
                return list(outcomes)
        except Exception:
            del queries  # a traceback would show what it holds
            raise

    @clears_locals
    def check(
        self,
        query: Query | Identifier | None = None,
        *,
        timeout: float = 5.0,
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
            RuntimeError: The client is closed, was used before a fork, or is called by its own
                observer, pace or transport.
        """
        call = partial(self._client.check, timeout=timeout, max_age=max_age, connection=connection)
        return self._run(call, query)

    def snapshot(self) -> Snapshot:
        """What the client looks like now."""
        return self._binding.read(self._client.snapshot)

    def _stream(
        self,
        queries: Iterable[Any],
        key: Callable[[Any], Query | Identifier] | None,
        **options: Any,
    ) -> OutcomeStream[Any]:
        open_stream = stream_opener(self._client, queries, key, **options)
        with self._binding.thread() as thread:
            return open_stream(thread)

    def _run(
        self,
        function: Callable[_P, Coroutine[Any, Any, _T]],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> _T:
        with self._binding.thread() as thread:
            return thread.run(function, *arguments, **keywords)
