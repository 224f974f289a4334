"""How do events with acknowledgement become lookups, whatever broker they come from?

Nothing here knows a broker: a source is any async iterable of messages that can be acknowledged,
given back and put aside. The files beside this one make such sources.
"""

import signal
from collections.abc import AsyncIterable, Awaitable, Callable, Hashable, Iterable
from typing import TypeVar

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions.integrations._consuming.consumer import Consumer
from capillary_interactions.integrations._consuming.delivery import ConsumerReport, Delivery

__all__ = ["Consumer", "ConsumerReport", "Delivery", "consume"]

_M = TypeVar("_M", bound=Delivery)


async def consume(
    client: InteractionsClient,
    source: AsyncIterable[_M],
    *,
    key: Callable[[_M], Query | Identifier],
    handle: Callable[[Outcome], Awaitable[None]],
    in_flight: int | None = None,
    ordered_by: Callable[[_M], Hashable] | None = None,
    redelivery_delay: float = 30.0,
    timeout: float | None = None,  # noqa: ASYNC109 - of each lookup
    drain: float = 20.0,
    on_error: Callable[[_M, Exception], None] | None = None,
    distrust_after: int | None = 10,
    stop_on: Iterable[signal.Signals] = (),
) -> ConsumerReport:
    """Look up every event of a source, and acknowledge each after it has been handled.

    As `Consumer` with the same arguments, run to its end.

    Args:
        client: What looks up.
        source: Messages with acknowledgement.
        key: From a message to its query.
        handle: Called with each outcome that is an answer.
        in_flight: Messages held at once.
        ordered_by: From a message to what it must stay in order with.
        redelivery_delay: Seconds after which a message comes again, if nobody knows better.
        timeout: Seconds each lookup may take.
        drain: Seconds for what is under way when it stops.
        on_error: Told when `handle` raises.
        distrust_after: Endings in a row that only a wrong setting explains, after which it stops.
        stop_on: Signals that stop it, for instance `[signal.SIGTERM, signal.SIGINT]`.

    Returns:
        What became of the messages.

    Raises:
        AuthenticationError: The credentials are refused.
        ConfigurationError: Too many events in a row ended as no event explains.
        Exception: What the source or `on_error` raised.
    """
    consumer = Consumer(
        client,
        source,
        key=key,
        handle=handle,
        in_flight=in_flight,
        ordered_by=ordered_by,
        redelivery_delay=redelivery_delay,
        timeout=timeout,
        drain=drain,
        on_error=on_error,
        distrust_after=distrust_after,
    )
    loop, signals = running_loop(), tuple(stop_on)
    # Not the loop's default in the end: `asyncio.run` has its own for SIGINT.
    before = {each: signal.getsignal(each) for each in signals}
    for each in signals:
        loop.add_signal_handler(each, consumer.stop)
    try:
        return await consumer.run()
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, before[each])
