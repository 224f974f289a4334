"""One request and its answer, as plain values."""

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import field, frozen

from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._text.masking import repr_keys


@frozen(kw_only=True, weakref_slot=False)
class Request:
    """What a transport sends. Its repr hides URL and headers: a phone number and a secret.

    Attributes:
        url: Complete and percent-encoded.
        headers: All of them, but for what HTTP itself needs (Host, Content-Length).
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
    """What came back, for a transport to return.

    Attributes:
        status: The HTTP status.
        headers: A dict, or a mapping that finds names in lower case.
        body: The whole body, decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=repr_keys)
    body: bytes = field(default=b"", repr=lambda value: f"<{len(value)} bytes>")


# For each request of a lookup; both classes check nothing.
quick_request: Final = make_quick_init(Request)
quick_response: Final = make_quick_init(Response)


class LayeredHeaders(ChainMap[str, str]):
    """Headers of one request in front of those that many have in common; no name is in both.

    Attributes:
        maps: The one, and the other.
    """

    def __repr__(self) -> str:
        return repr_keys(self)


def merge_headers(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Both of them; a name counts as the same in any spelling, and then the added one is sent."""
    names = {name.lower() for name in added}
    kept = {name: text for name, text in headers.items() if name.lower() not in names}
    return kept | dict(added)


def layer_headers(headers: Mapping[str, str], added: Mapping[str, str]) -> Mapping[str, str]:
    """As `merge_headers`, with those that many requests have in common still recognisable."""
    names = {name.lower() for name in added}
    if any(name.lower() in names for name in headers):
        return merge_headers(headers, added)
    return LayeredHeaders(dict(added), headers)  # type: ignore[arg-type] # never written to
