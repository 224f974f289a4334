"""Is aiohttp as `direct_requests` needs it? Its names there that no documentation promises.

A version of aiohttp in which one is missing or takes other arguments costs speed, and no more: all
requests are sent by sessions then. So are those of programs in which something else has replaced
the functions of aiohttp that a session would call, as mocks and some tracers do.
"""

import inspect
from types import FunctionType
from typing import Any, Final

import aiohttp
import aiohttp.client_proto
import aiohttp.connector
import aiohttp.http

# Where each is found, and the arguments with which it is called.
_CALLED: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("TCPConnector.connect", ("self", "req", "traces", "timeout")),
    ("ClientRequest", ("method", "url", "headers", "session", "proxy", "proxy_headers", "ssl")),
    ("connector.Connection.release", ("self",)),
    ("connector.Connection.close", ("self",)),
    (
        "client_proto.ResponseHandler.set_response_params",
        ("self", "read_until_eof", "max_line_size", "max_field_size", "max_headers"),
    ),
    ("client_proto.ResponseHandler.read", ("self",)),
    ("StreamReader.readany", ("self",)),
    ("StreamReader.at_eof", ("self",)),
)
_READ: Final = (
    "connector.Connection.protocol",
    "client_proto.ResponseHandler.should_close",
    "ClientRequest.request_info",
    "ClientSession.headers",
    "ClientSession.trace_configs",
    "http.HttpProcessingError",
    "http.RawResponseMessage.code",
    "http.RawResponseMessage.headers",
)


def _found(path: str) -> Any:
    value: Any = aiohttp
    for name in path.split("."):
        value = getattr(value, name)
    return value


def are_as_expected() -> bool:
    """Whether all that is needed is there, and takes the arguments that it is given."""
    try:
        for path in _READ:
            _found(path)
        for path, names in _CALLED:
            inspect.signature(_found(path)).bind(**dict.fromkeys(names))
    except (AttributeError, TypeError, ValueError):
        return False
    return True


# What replacements for aiohttp's network replace.
_SESSION: Final = vars(aiohttp.ClientSession)
_REQUEST: Final = vars(aiohttp.ClientRequest)
_OWN: Final = (_SESSION["request"], _SESSION["_request"], _REQUEST["send"])
_NONE_REPLACED: Final = all(
    type(function) is FunctionType and function.__globals__["__name__"] == owner.__module__
    for function, owner in zip(
        _OWN, (aiohttp.ClientSession, aiohttp.ClientSession, aiohttp.ClientRequest), strict=True
    )
)


def are_replaced() -> bool:
    """Whether something else than aiohttp would carry out the requests of a session."""
    current = (_SESSION["request"], _SESSION["_request"], _REQUEST["send"])
    return not _NONE_REPLACED or current != _OWN
