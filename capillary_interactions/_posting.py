"""How is a request handed to a transport, whoever has made that?"""

import asyncio

from capillary_interactions._exchange import Request, Response, Transport, TransportError


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
