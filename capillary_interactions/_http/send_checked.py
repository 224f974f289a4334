"""How is a request handed to a transport, whoever has made that?"""

import asyncio

from capillary_interactions._errors import SettingsReason
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import (
    MisconfiguredError,
    Request,
    Response,
    ShortageError,
    StaleConnectionError,
    Transport,
    TransportError,
)


async def post(transport: Transport, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
    """The answer to a request; see `Transport.send`.

    A transport that cancels something of its own lets a `CancelledError` out that looks like our
    being cancelled, and a lookup would end as if the client were closed.

    Raises:
        TransportError: No whole answer came.
    """
    try:
        return await transport.send(request, timeout=timeout)
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise TransportError("the transport gave the request up") from cancelled


def transport_failure(error: TransportError, prefix: str = "") -> AttemptResult:
    """The result of an attempt without a whole answer; `prefix` begins its reason."""
    reason = f"{prefix}{error.reason}"
    return AttemptResult(
        ResultKind.RETRYABLE,
        SettingsReason(reason) if isinstance(error, MisconfiguredError) else reason,
        stale=isinstance(error, StaleConnectionError),
        shortage=isinstance(error, ShortageError),
    )
