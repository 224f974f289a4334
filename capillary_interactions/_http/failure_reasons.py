"""Why did no answer come, and what can be done? Descriptions for the system's errors.

Never an error's own text: it may hold an address or a whole URL.
"""

import errno
import os
import re
import ssl
from collections.abc import Mapping
from typing import Final

from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE, ENCRYPTED

# What this machine lacks, by the number of the system's error, and what to do about it.
_SHORTAGES: Final[Mapping[int, str]] = {
    errno.EMFILE: "too many open files: lower --in-flight or raise ulimit -n",
    errno.ENFILE: "too many open files in the whole system: lower --in-flight",
    errno.ENOBUFS: "no buffer space for another connection: lower --in-flight",
    errno.ENOMEM: "no memory for another connection: lower --in-flight",
    errno.EADDRNOTAVAIL: ("no free local port for another connection: lower --in-flight"),
}
_NO_THREAD: Final = "no further thread can be started: raise ulimit -u or lower --in-flight"
_NO_MEMORY: Final = _SHORTAGES[errno.ENOMEM]

_REFUSED: Final = "the server's TLS certificate is not accepted"
_TRUST: Final = (
    "this machine does not know who has signed it; SSL_CERT_FILE names a file of the authorities "
    "to trust"
)
# By OpenSSL's X509_V_ERR numbers, which unlike its texts name no host.
_CERTIFICATES: Final[Mapping[int, str]] = {
    9: "it is not valid yet; look at its dates and at this machine's clock",
    10: "it has expired; the server needs a new one, unless this machine's clock is wrong",
    18: f"it is self-signed; {_TRUST}",
    19: f"it is signed by an authority of its own; {_TRUST}",
    20: _TRUST,
    21: _TRUST,
    62: "it is for another host name; look at base_url (--base-url)",
    64: "it is for another address; look at base_url (--base-url)",
}

_HANDSHAKE: Final = "the TLS handshake failed"
PLAIN: Final = f"{_HANDSHAKE}: the port does not speak TLS; look at base_url (--base-url)"
_PLAIN: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
)
# OpenSSL's errors below TLS 1.3 where a client certificate is missing, and elsewhere.
_VAGUE: Final = frozenset({"SSLV3_ALERT_HANDSHAKE_FAILURE", "SSLV3_ALERT_BAD_CERTIFICATE"})
_OLD: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
# The beginning of a TLS alert, where a status line should be.
_ALERT: Final = re.compile(r"\\x15\\x03[\\x00-\\x04]|\x15\x03[\x00-\x04]")
_NUMBERS: Final = re.compile(r"\[Errno (\d{1,4})\]")


def shortage(error: BaseException) -> str | None:
    """What this machine lacks, where that is why a connection was not opened; else None."""
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    if isinstance(error, RuntimeError):
        return _NO_THREAD if "start new thread" in str(error) else None
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return next(
            (_SHORTAGES[number] for number in _numbers(error) if number in _SHORTAGES), None
        )
    return None


def system(error: OSError) -> str:
    """The system's own description; asyncio's names the address instead of the cause."""
    numbers = dict.fromkeys(_numbers(error))
    return ", ".join(map(os.strerror, numbers)) or type(error).__name__


def _numbers(error: OSError) -> tuple[int, ...]:
    """Of several addresses that were tried, each has its error, in the text of one without."""
    if error.errno is not None:
        return (error.errno,)
    return tuple(int(number) for number in _NUMBERS.findall(str(error)))


def certificate(error: BaseException) -> str:
    """Why the server's certificate is not accepted."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"{_REFUSED}; look at base_url (--base-url), or name its authority by SSL_CERT_FILE"
    return f"{_REFUSED}: {_CERTIFICATES.get(error.verify_code, _TRUST)}"


def handshake(error: BaseException) -> tuple[str, bool]:
    """Why a TLS handshake failed, and whether each further one will, too."""
    reason = getattr(error, "reason", None) or ""
    if reason in _PLAIN:
        return PLAIN, True
    if reason in _OLD:
        return f"{_HANDSHAKE}: the server's versions of TLS are too old to be accepted", True
    if wants_certificate(error):
        return f"{_HANDSHAKE}: {CLIENT_CERTIFICATE}", True
    # A constant of OpenSSL's, such as SSLV3_ALERT_HANDSHAKE_FAILURE.
    named = f" ({reason.lower().replace('_', ' ')})" if re.fullmatch(r"\w{1,60}", reason) else ""
    hint = "; the server may want a client certificate (mTLS)" if reason in _VAGUE else ""
    return f"{_HANDSHAKE}{named}{hint}", False


def wants_certificate(error: BaseException | None) -> bool:
    """Whether the server broke off because no client certificate was sent."""
    return error is not None and "ALERT_CERTIFICATE_REQUIRED" in f"{error.args}"


def bad_answer(message: str) -> tuple[str, bool]:
    """What is wrong with an answer, by aiohttp's message, and whether it will be so each time."""
    if _ALERT.search(message):
        return ENCRYPTED, True
    if match := re.match(r"Got more than (\d{1,9})", message):
        return f"a header of the answer is longer than {int(match[1]):,} bytes", True
    if message.startswith("Too many headers"):
        return "the answer has too many headers", True
    if match := re.search(r"content-encoding: (\w{1,20}).*install `([\w.]{1,30})`", message):
        return f"the answer is packed by {match[1]}: `pip install {match[2]}` to unpack it", True
    return "the answer is not HTTP", False


def proxy_refusal(status: int) -> str:
    """What a forward proxy means that does not connect."""
    hint = {
        407: ": it wants credentials, in its URL (http://user:password@host:port)",
        403: ": it does not allow this host or port",
        405: ": it does not allow CONNECT",
    }.get(status, "")
    return f"the proxy refuses to connect (HTTP {status}){hint}"


def unused_proxy(scheme: str, environ: Mapping[str, str]) -> str:
    """A hint at a proxy that the environment names and that is not used; "" where there is none."""
    names = (f"{scheme}_proxy", "all_proxy")
    variables = [
        variable for name in names for variable in (name.upper(), name) if environ.get(variable)
    ]
    return f" ({variables[0]} is set, but no proxy is used)" if variables else ""
