"""Events with acknowledgement become lookups, whatever broker they come from.

Nothing here knows a broker: a source is any async iterable of messages that can be acknowledged,
given back and put aside. The files beside this one make such sources.
"""

import signal
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar, Unpack

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions.integrations._consuming.consumer import Consumer, ConsumerOptions
from capillary_interactions.integrations._consuming.delivery import ConsumerReport, Delivery

__all__ = ["Consumer", "ConsumerReport", "Delivery", "consume"]

_M = TypeVar("_M", bound=Delivery)


async def consume(
    client: InteractionsClient,
    source: AsyncIterable[_M],
    *,
    key: Callable[[_M], Query | Identifier],
    handle: Callable[[Outcome[_M]], Awaitable[None]],
    stop_on: Iterable[signal.Signals] = (),
    **options: Unpack[ConsumerOptions[_M]],
) -> ConsumerReport:
    """Look up every event of a source, and acknowledge each after it has been handled.

    As `Consumer` with the same arguments, run to its end.

    Args:
        client: What looks up.
        source: Messages with acknowledgement.
        key: From a message to its query.
        handle: Called with each outcome that is an answer.
        stop_on: Signals that stop it, for instance `[signal.SIGTERM, signal.SIGINT]`.
        options: in_flight, ordered_by, redelivery_delay, timeout, drain, on_error and
            distrust_after, as for `Consumer`.

    Returns:
        What became of the messages.

    Raises:
        AuthenticationError: The credentials are refused.
        ConfigurationError: Too many events in a row ended as no event explains.
        Exception: What the source or `on_error` raised.
    """
    consumer = Consumer(client, source, key=key, handle=handle, **options)
    loop = running_loop()
    # Not the loop's default in the end: `asyncio.run` has its own for SIGINT.
    handlers = {number: signal.getsignal(number) for number in stop_on}
    for number in handlers:
        loop.add_signal_handler(number, consumer.stop)
    try:
        return await consumer.run()
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
