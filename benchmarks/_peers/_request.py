"""What every client asks for, and with which headers."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

IN_FLIGHT: Final = 32
ATTEMPTS: Final = 3
HEADERS: Final = {
    "Accept": "application/json",
    "Authorization": "Basic " + b64encode(b"till:5ebe2294ecd0e0f08eab7690d2a6ee69").decode(),
}
_PATH: Final = "/v1.1/customer/interaction?format=json&identifierName=mobile&mobile="

# One lookup by mobile; what it returns has been read as far as the client reads it.
Fetch = Callable[[str], Awaitable[Any]]
# Many of them, as a client does it itself; returns how many there were.
FetchAll = Callable[[Iterable[str]], Awaitable[int]]


def url_of(base_url: str, mobile: str) -> str:
    """The address of one customer's interactions."""
    return f"{base_url}{_PATH}{mobile}"
