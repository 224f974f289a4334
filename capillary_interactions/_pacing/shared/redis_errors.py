"""Why does the Redis of a shared quota not do its step, and is a setting the reason?

Never an error's own text: it may hold an address or a user's name.
"""

import os
import re
import socket
import ssl
from typing import Final

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    ClusterError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from capillary_interactions._errors import SharedQuotaReason

_CREDENTIALS: Final = "refuses the user or the password: correct shared (CAPILLARY_SHARED)"
_RIGHTS: Final = (
    "does not let this user run its script: ACL SETUSER name ~capillary:* +eval +evalsha +time "
    "+get +set"
)
_DATABASE: Final = "has no such database: correct the number at the end of shared"
_CERTIFICATE: Final = (
    "has a TLS certificate that is not accepted: name its authority by "
    "rediss://HOST?ssl_ca_certs=FILE, and HOST as the certificate does"
)
_FILE: Final = "cannot be asked: a file that shared names (ssl_...) does not exist"
_PLAIN: Final = "does not speak TLS: shared must begin with redis://, or name its TLS port"
_FOREIGN: Final = "does not speak the protocol of Redis: correct host and port of shared"
_NUMBER: Final = re.compile(r"\[Errno (\d{1,4})\]")
# What redis-py has no class for, by the beginning of the text.
_REFUSALS: Final = {
    # Before a password a command has ten arguments at most.
    "Protocol error: unauthenticated": _CREDENTIALS,
    "ACL failure in script": _RIGHTS,
    "The user executing the script": _RIGHTS,
    "DB index is out of range": _DATABASE,
    "SELECT is not allowed in cluster mode": _DATABASE,
}
_MOVING: Final = "is moving the quota to another node, or waits for one"
# Until redis-py 6 these have a class in its client of a cluster only.
_MOVING_CODES: Final = ("ASK ", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN")
_TRANSIENT: Final = (
    (ReadOnlyError, "is a replica, which takes no writes"),
    (BusyLoadingError, "is still loading its data"),
    (OutOfMemoryError, "has no memory left (maxmemory)"),
    (
        (ClusterError, AskError, TryAgainError),
        _MOVING,
    ),
    ((RedisTimeoutError, TimeoutError), "does not answer in time"),
)


def reason_of(error: Exception, place: str) -> str:
    """Why the store cannot be used; a `SharedQuotaReason` where waiting does not help.

    Args:
        error: What redis-py raised.
        place: The address, without its secrets.
    """
    setting = _wrong_setting(error)
    if setting is not None:
        return SharedQuotaReason(f"Redis at {place} {setting}")
    return f"Redis at {place} {_description(error)}"


def _wrong_setting(error: Exception) -> str | None:
    if isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError):
        return _CREDENTIALS
    if isinstance(error, NoPermissionError):
        return _RIGHTS
    if isinstance(error, InvalidResponse):
        return _FOREIGN
    if isinstance(error, ResponseError):
        text = str(error).removeprefix("ERR ")
        return next((hint for start, hint in _REFUSALS.items() if text.startswith(start)), None)
    return _wrong_tls(_system_error(error))


def _wrong_tls(cause: OSError | None) -> str | None:
    if isinstance(cause, FileNotFoundError):
        return _FILE
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _CERTIFICATE
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return _PLAIN
    return None


def _description(error: Exception) -> str:
    for kinds, text in _TRANSIENT:
        if isinstance(error, kinds):
            return text
    if isinstance(error, ResponseError) and str(error).startswith(_MOVING_CODES):
        return _MOVING
    if not isinstance(error, RedisConnectionError | OSError):
        return f"refuses its script ({type(error).__name__})"
    return _lost_connection(_system_error(error))


def _lost_connection(cause: OSError | None) -> str:
    if cause is None:
        return "has closed the connection"
    if isinstance(cause, socket.gaierror):
        return "has a host name that does not resolve"
    if isinstance(cause, ssl.SSLError):
        return "has no connection (the TLS handshake failed)"
    # Of several addresses that were tried, each has its error, in the text of one without.
    numbers = [cause.errno] if cause.errno else map(int, _NUMBER.findall(str(cause)))
    return f"has no connection ({', '.join(map(os.strerror, dict.fromkeys(numbers)))})"


def redirect(error: ResponseError) -> tuple[str, int] | None:
    """Host ("" for the same one) and port of the node that a cluster redirects to, or None."""
    if isinstance(error, MovedError):
        return error.host, error.port
    match = re.match(r"MOVED \d+ (.*):(\d+)$", str(error))
    return None if match is None else (match[1], int(match[2]))


def _system_error(error: BaseException) -> OSError | None:
    """What the system said; redis-py puts its own error around it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    return seen


FAILURES: Final = (RedisError, OSError)
"""What an exchange may raise."""
