"""Outcomes of many lookups, for a thread that iterates over them."""

import queue
import threading
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, Self

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.stream import OutcomeStream as AsyncOutcomeStream
from capillary_interactions._client.stream import parse_in_flight, to_query
from capillary_interactions._model.outcome import ItemT_co, Outcome
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query
from capillary_interactions.sync._call import END, Call
from capillary_interactions.sync._feed import Feed
from capillary_interactions.sync._loop_thread import LoopThread


class OutcomeStream(Iterator[Outcome[ItemT_co]]):
    """Outcomes to iterate over; made by `InteractionsClient.stream`.

    The source is read, and `key` called, by the thread that iterates, while no outcome is ready.
    Left early, it cancels its lookups: at the end of a `with` block or by `close`, which wait for
    their end, or when it is collected, which does not. One thread at a time may iterate over it.
    """

    def __init__(
        self,
        thread: LoopThread,
        make: Callable[[Feed], AsyncOutcomeStream[Any]],
        source: Iterable[Any],
        key: Callable[[Any], Query | Identifier] | None,
        *,
        held: int,
    ) -> None:
        self._thread: Final = thread
        self._source = iter(source)
        self._key = key
        self._feed: Final = Feed()
        self._outcomes: Final = thread.call(make, self._feed)
        self._messages: Final[queue.SimpleQueue[Any]] = queue.SimpleQueue()
        self._free_slots = held
        self._iterating: Final = threading.Lock()
        self._call: Call[None] | None = None
        self._exhausted = False
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome[ItemT_co]:
        if self._closed:
            raise StopIteration
        if not self._iterating.acquire(blocking=False):
            raise RuntimeError("another thread iterates over this stream; one at a time may")
        try:
            outcome = self._next_message()
        except BaseException:  # Ctrl-C, for instance
            self.close()
            raise
        finally:
            self._iterating.release()
        if outcome is END:
            self._end()
            raise StopIteration
        self._free_slots += 1
        return outcome  # type: ignore[no-any-return]  # all that is posted but END

    def _next_message(self) -> Any:
        self._thread.check_caller()
        if self._call is None:
            posting = partial(_post_all, self._outcomes, self._messages.put)
            self._call = self._thread.new_call(posting, self._messages)
            self._thread.schedule(self._call)
        while self._messages.empty() and self._free_slots and not self._exhausted:
            self._read()
        return self._messages.get()

    def _read(self) -> None:
        """Read one item and its query; an error comes after the outcomes of what was read."""
        try:
            item = next(self._source)
        except StopIteration:
            self._exhaust(None)
        except Exception as error:  # noqa: BLE001 - raised where the stream ends
            self._exhaust(error)
        else:
            self._put(item)

    def _put(self, item: Any) -> None:
        query: object = item
        if self._key is not None:
            try:
                query = self._key(item)
            except InvalidMobileError as error:
                query = error
            except Exception as error:  # noqa: BLE001 - raised where the stream ends
                self._exhaust(error)
                return
        self._free_slots -= 1
        self._feed.put(item, query)

    def _exhaust(self, error: Exception | None) -> None:
        self._exhausted = True
        self._feed.end(error)

    def _end(self) -> None:
        """Raise what it ended with, if that is an error, and no other thread has closed it."""
        was_closed, self._closed = self._closed, True
        self._messages.put(END)  # for others who wait
        if self._call is not None and not was_closed:
            self._call.ended()

    def close(self) -> None:
        """Cancel its lookups, and wait for their end; outcomes not taken yet are dropped."""
        self._closed = True
        self._source = iter(())  # a generator is closed, and what it holds open
        if self._call is not None and self._thread.can_be_waited_for:
            self._call.abandon()

    def __del__(self) -> None:
        call: Call[None] | None = getattr(self, "_call", None)
        if call is not None and not self._closed:
            # Without waiting: it may be collected in the loop's thread, or under a lock.
            call.cancel()


def stream_opener(
    client: InteractionsClient,
    queries: Iterable[Any],
    key: Callable[[Any], Query | Identifier] | None,
    *,
    stops_for_settings: bool,
    in_flight: int | None = None,
    **options: Any,
) -> Callable[[LoopThread], OutcomeStream[Any]]:
    """A function that opens a stream in a thread, its arguments checked now."""
    if isinstance(queries, AsyncIterable):
        raise TypeError("a synchronous stream reads a plain iterable, not an asynchronous one")
    concurrency = parse_in_flight(in_flight, client.config)

    def make(feed: Feed) -> AsyncOutcomeStream[Any]:
        feed_key = to_query if key is None else feed.key
        stream: AsyncOutcomeStream[Any]
        stream = client.stream(feed, key=feed_key, in_flight=concurrency, **options)
        stream.stops_for_settings = stops_for_settings
        return stream

    return lambda thread: OutcomeStream(thread, make, queries, key, held=2 * concurrency)


async def _post_all(outcomes: AsyncOutcomeStream[Any], post: Callable[[Outcome], None]) -> None:
    async with outcomes:
        async for outcome in outcomes:
            post(outcome)
