"""One request and its answer, as plain values."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import field, frozen

from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._text.masking import repr_keys


@frozen(kw_only=True, weakref_slot=False)
class Request:
    """What is sent. Its URL and headers never show: they hold a phone number and a secret.

    Attributes:
        url: Complete and percent-encoded.
        headers: All of them.
        credential: Which of the client's credentials sends it, counted from 0.
        body: JSON to post, or None to get.
        try_send: To be called when it could go on the wire, by transports that know when that is:
            whether it may at once, as it is. Else, or where this is None, `before_send` follows.
        before_send: To be awaited before it goes on the wire, by the same transports. It returns
            headers that replace those of the same names, or None.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=repr_keys)
    credential: int = 0
    body: bytes | None = field(default=None, repr=False)
    try_send: Callable[[], bool] | None = field(default=None, repr=False, eq=False)
    before_send: Callable[[], Awaitable[Mapping[str, str] | None]] | None = field(
        default=None, repr=False, eq=False
    )


@frozen(kw_only=True, weakref_slot=False)
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


# For each request of a lookup; both classes check nothing.
quick_request: Final = make_quick_init(Request)
quick_response: Final = make_quick_init(Response)
