"""One request and its answer as plain values: what rules and transports hand each other."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from attrs import field, frozen

from capillary_interactions._text.masking import repr_keys


@frozen(kw_only=True)
class Request:
    """What is sent. Its URL and headers never show: they hold a phone number and a secret.

    Attributes:
        url: Complete and percent-encoded.
        headers: All of them.
        credential: Which of the client's credentials sends it, counted from 0.
        body: JSON to post, or None to get.
        leave: To be awaited before it goes on the wire, by transports that know when that is. It
            gives headers that take the place of those of the same names, or None.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=repr_keys)
    credential: int = 0
    body: bytes | None = field(default=None, repr=False)
    leave: Callable[[], Awaitable[Mapping[str, str] | None]] | None = field(
        default=None, repr=False, eq=False
    )


@frozen(kw_only=True)
class Response:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: Found by lower-case name.
        body: The whole body, decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=repr_keys)
    body: bytes = field(default=b"", repr=lambda value: f"<{len(value)} bytes>")


class TransportError(Exception):
    """No whole answer came.

    Attributes:
        reason: Why, in words, without the URL.
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
    """Whatever gets a request to the API and its answer back."""

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        """Send one request, once.

        Args:
            request: What to send.
            timeout: Seconds until the last byte of the answer must be here.

        Raises:
            TransportError: No whole answer came.
        """
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...
