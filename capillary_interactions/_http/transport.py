"""How is a request handed to what sends it, and what can go wrong there?"""

import asyncio
from typing import Final, Protocol

from attrs import evolve

from capillary_interactions._errors import SettingsReason
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request, Response


class TransportError(Exception):
    """No whole answer came; the client tries again. Raised by a transport, and never by a client.

    Attributes:
        reason: Why, in words, without the URL; it ends up in outcomes and logs.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StaleConnectionError(TransportError):
    """A kept-alive connection turned out to be closed; sending again at once is right."""


class ResponseTooLargeError(TransportError):
    """An answer was larger than `ClientConfig.max_body`; asking again brings the same."""


class MisconfiguredError(TransportError):
    """It cannot work with these settings, or this deployment; asking again brings the same."""


class ShortageError(TransportError):
    """This machine lacks what a connection needs (descriptors, ports); nothing was sent."""


class Transport(Protocol):
    """What gets a request to the API and its answer back: `InteractionsClient(transport=...)`.

    It sends each request once, for retries are paced and counted by the client; it follows no
    redirect, and decompresses the body. Requests of one client are in flight at once, as many as
    `ClientConfig.in_flight` for each credential.

    A transport that waits for a connection before it writes may have `calls_before_send = True`,
    and then calls `Request.try_send` and `Request.before_send` once it has one; else the client
    waits for the quota first, and a request that waits for its connection is late for its slot.
    """

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once.

        Args:
            request: What to send: a GET, or a POST where it has a body.
            timeout: Seconds until the last byte of the answer must be here.

        Raises:
            TransportError: No whole answer came. Any other error ends the lookup, and is raised
                there.
        """
        ...

    async def aclose(self) -> None:
        """Let go of every connection; called once the client's requests have ended.

        The client may be entered again afterwards.
        """
        ...


class CheckedTransport(Transport, Protocol):
    """A transport that never raises a `CancelledError` of its own.

    Attributes:
        calls_before_send: Whether it awaits `Request.before_send`.
    """

    calls_before_send: bool


class ForeignTransport:
    """Makes any transport a checked one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.calls_before_send: bool = getattr(transport, "calls_before_send", False)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once; see `Transport.send`."""
        try:
            return _in_lower_case(await self._transport.send(request, timeout=timeout))
        except asyncio.CancelledError as error:
            if is_cancelling():
                raise
            raise TransportError(CANCELLED) from error

    async def aclose(self) -> None:
        """Let go of every connection."""
        await self._transport.aclose()


def _in_lower_case(response: Response) -> Response:
    """A response whose headers are found, where a transport has them in a plain dict."""
    headers = response.headers
    if type(headers) is not dict or all(map(str.islower, headers)):
        return response
    return evolve(response, headers={name.lower(): text for name, text in headers.items()})


# A transport may cancel something of its own. That looks like this task being cancelled, and a
# lookup would end as if the client were closed.
CANCELLED: Final = "the transport gave the request up"


def is_cancelling() -> bool:
    """Whether this task is being cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def transport_failure(error: TransportError, prefix: str = "") -> AttemptResult:
    """The result of an attempt without a whole answer; `prefix` begins its reason."""
    reason = f"{prefix}{error.reason}"
    return AttemptResult(
        ResultKind.RETRYABLE,
        SettingsReason(reason) if isinstance(error, MisconfiguredError) else reason,
        stale=isinstance(error, StaleConnectionError),
        shortage=isinstance(error, ShortageError),
    )
