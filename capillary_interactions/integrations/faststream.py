"""How an outcome ends a message in FastStream, whatever the broker (extra `faststream`).

FastStream acknowledges when a handler has returned, so a handler is three lines; the README beside
this file has them. Here is only what is easily got wrong: which ending is which, and that a message
without an answer, or one that no handler can take, must not come again at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final

from faststream import BaseMiddleware
from faststream.exceptions import IgnoredException, NackMessage, RejectMessage, StopApplication
from faststream.message import StreamMessage
from pydantic import ValidationError

from capillary_interactions._errors import AuthenticationError
from capillary_interactions._model.outcome import (
    Found,
    LookupFailedError,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Identifier

_LOGGER: Final = logging.getLogger("capillary_interactions")
# A message that is given back comes back at once: it is held for a second at least.
_MIN_HOLD: Final = 1.0


async def answered(outcome: Outcome, *, hold: float = 10.0) -> Found | NotFound:
    """The outcome, if it is an answer; else the message ends as the table of outcomes says.

    To be called in a handler, or in a dependency of one, with `AckPolicy.NACK_ON_ERROR`.

    Args:
        outcome: How the lookup ended.
        hold: Seconds for which a message without an answer is held before it is given back, or
            less if the server promised to be back earlier: of FastStream's brokers only NATS has
            a delay of its own, and a message that is given back at once comes back at once. With
            the lookup's timeout and the handler's own time, to be shorter than the time after
            which the broker takes a message for lost (of NATS 30 seconds, if not set otherwise).

    Raises:
        NackMessage: There was no answer: the broker delivers again.
        RejectMessage: No attempt can succeed: the broker puts the message aside, if it is set up
            to, with a dead-letter exchange for instance.
    """
    match outcome:
        case Found() | NotFound():
            return outcome
        case Unavailable():
            await asyncio.sleep(_hold_time(outcome.retry_after, hold))
            raise NackMessage
        case Rejected() | Unreadable():
            raise RejectMessage


def _hold_time(retry_after: float | None, hold: float) -> float:
    return hold if retry_after is None else min(hold, max(retry_after, _MIN_HOLD))


def identified(name: str, value: str | None) -> Identifier:
    """The customer that a message is about.

    Raises:
        RejectMessage: It names no customer: no attempt can succeed. With NACK_ON_ERROR the
            `ValueError` of `Identifier` would have it come again for ever.
    """
    try:
        return Identifier(name, value or "")
    except ValueError as error:
        _LOGGER.warning("an event is rejected: %s", error)
        raise RejectMessage from error


class InteractionsMiddleware(BaseMiddleware[Any, Any]):
    """Ends messages whose handler could not, for `broker.add_middleware(...)`.

    One that cannot be read, or does not fit the handler's arguments, is rejected. What
    `outcome.unwrap()` raises is as `answered` has it, so that a customer who is unknown is
    acknowledged. When the credentials are refused, the message is given back and the application
    stops. After whatever else a handler raises its message is held before it is given back.

    Attributes:
        hold: Seconds for which a message is held, as for `answered`; a subclass may change it.
    """

    hold: float = 10.0
    _was_read = False

    async def consume_scope(
        self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        """Call the handler, and end the message by what it raises."""
        await msg.decode()
        self._was_read = True
        try:
            return await call_next(msg)
        except IgnoredException:
            # FastStream's own exceptions for how a message ends.
            raise
        except LookupFailedError as error:
            await answered(error.outcome, hold=self.hold)
        except AuthenticationError as error:
            _LOGGER.error("the application stops: %s", error)  # noqa: TRY400 - one line is enough
            raise StopApplication from error
        except Exception as error:
            if isinstance(error, ValidationError) and self._misfits(error):
                raise _rejected(error) from error
            await asyncio.sleep(self.hold)
            raise

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        """Reject a message that could not be read."""
        if isinstance(exc_val, Exception) and not self._was_read:
            raise _rejected(exc_val) from exc_val
        return await super().after_processed(exc_type, exc_val, exc_tb)

    def _misfits(self, error: ValidationError) -> bool:
        # It bears the handler's name if its arguments are meant, and not something in it. An
        # argument that is missing as a whole may be one that the application has not provided.
        handlers = {call.name for call in self.context.get_local("handler_").calls}
        missing = any(
            detail["type"] == "missing" and len(detail["loc"]) == 1 for detail in error.errors()
        )
        return error.title in handlers and not missing


def _rejected(error: Exception) -> RejectMessage:
    # Without its text, which may repeat the message.
    _LOGGER.warning("an event is rejected: it cannot be read (%s)", type(error).__name__)
    return RejectMessage()
