"""How does an outcome end a message in FastStream, whatever the broker (extra `faststream`)?

FastStream acknowledges when a handler has returned, so a handler is three lines; the README has
them. Here is only what is easily got wrong: which ending is which, and that a message without an
answer must not come again at once.
"""

import asyncio

from faststream.exceptions import NackMessage, RejectMessage

from capillary_interactions._outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)


async def answered(outcome: Outcome, *, hold: float = 10.0) -> Found | NotFound:
    """The outcome, if it is an answer; else the message ends as the table of outcomes says.

    To be called in a handler, or in a dependency of one, with `AckPolicy.NACK_ON_ERROR`.

    Args:
        outcome: How the lookup ended.
        hold: Seconds for which a message without an answer is held before it is given back, or
            less if the server promised to be back earlier: of FastStream's brokers only NATS has
            a delay of its own, and a message that is given back at once comes back at once. To be
            shorter than the time after which the broker takes a message for lost.

    Raises:
        NackMessage: There was no answer: the broker delivers again.
        RejectMessage: No attempt can succeed: the broker puts the message aside, if it is set up
            to, with a dead-letter exchange for instance.
    """
    match outcome:
        case Found() | NotFound():
            return outcome
        case Unavailable():
            asked = outcome.retry_after
            await asyncio.sleep(hold if asked is None else min(asked, hold))
            raise NackMessage
        case Rejected() | Unreadable():
            raise RejectMessage
