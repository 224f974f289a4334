"""Why did no answer come, and what can be done? Descriptions for the system's errors.

Never an error's own text: it may hold an address or a whole URL.
"""

import errno
import os
import re
import ssl
from collections.abc import Mapping
from typing import Final

from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE, CLIENT_REFUSED, ENCRYPTED

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

SERVERS: Final = "the server's TLS certificate"
TRUST: Final = (
    "this machine does not know who has signed it; tls.ca_file (--ca-file, CAPILLARY_CA_FILE) or "
    "SSL_CERT_FILE names a file of the authorities to trust"
)
# By OpenSSL's X509_V_ERR numbers, which unlike its texts name no host.
_SELF_SIGNED: Final[Mapping[int, str]] = {
    18: "it is self-signed; ",
    19: "it is signed by an authority of its own; ",
}
_CERTIFICATES: Final[Mapping[int, str]] = {
    9: "it is not valid yet; look at its dates and at this machine's clock",
    10: "it has expired; the server needs a new one, unless this machine's clock is wrong",
    62: "it is for another host name; look at base_url (--base-url)",
    64: "it is for another address; look at base_url (--base-url)",
}
# Of the rules of RFC 5280, which Python applies from 3.13 on.
_STRICT: Final = range(76, 95)

_HANDSHAKE: Final = "the TLS handshake failed"
PLAIN: Final = f"{_HANDSHAKE}: the port does not speak TLS; look at base_url (--base-url)"
_PLAIN: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
)
# OpenSSL's errors below TLS 1.3 where a client certificate is missing, and elsewhere.
_VAGUE: Final = frozenset({"SSLV3_ALERT_HANDSHAKE_FAILURE", "SSLV3_ALERT_BAD_CERTIFICATE"})
# What a server says of the client's certificate, by the names of TLS alerts.
_CLIENT: Final = "the client certificate (tls.client_cert, --client-cert)"
_ALERTS: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": CLIENT_CERTIFICATE,
    "UNKNOWN_CA": f"the server does not know who has signed {_CLIENT}",
    "CERTIFICATE_EXPIRED": f"{_CLIENT} has expired",
    "CERTIFICATE_REVOKED": f"{_CLIENT} has been revoked",
    "CERTIFICATE_UNKNOWN": CLIENT_REFUSED,
    "UNSUPPORTED_CERTIFICATE": CLIENT_REFUSED,
    "ACCESS_DENIED": CLIENT_REFUSED,
}
_ALERTED: Final = re.compile(r"ALERT_(\w+)\]")
_OLD: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
# The beginning of a TLS alert, where a status line should be.
_ALERT: Final = re.compile(r"\\x15\\x03[\\x00-\\x04]|\x15\x03[\x00-\x04]")
_NOT_IMPLEMENTED: Final = 501
# Refusals that pass: request timeout, too early, too many requests.
_PASSING: Final = frozenset({408, 425, 429})
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


def certificate(error: BaseException, trust: str = TRUST, owner: str = SERVERS) -> str:
    """Why a certificate is not accepted.

    Args:
        error: The failure of the handshake.
        trust: What is known of the authorities, where it is one of those that counts.
        owner: What the certificate is.
    """
    refused = f"{owner} is not accepted"
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"{refused}; look at base_url (--base-url), or name its authority as tls.ca_file"
    code = error.verify_code
    if code in _CERTIFICATES:
        return f"{refused}: {_CERTIFICATES[code]}"
    if code in _STRICT:
        return (
            f"{refused}: it or its authority's one breaks a rule of RFC 5280 (OpenSSL's error "
            f"{code}), as Python checks from 3.13 on; its issuer has to correct that"
        )
    return f"{refused}: {_SELF_SIGNED.get(code, '')}{trust}"


def handshake(error: BaseException) -> tuple[str, bool]:
    """Why a TLS handshake failed, and whether each further one will, too."""
    reason = getattr(error, "reason", None) or ""
    if reason in _PLAIN:
        return PLAIN, True
    if reason in _OLD:
        return f"{_HANDSHAKE}: the server's versions of TLS are too old to be accepted", True
    if alert := client_alert(error):
        return f"{_HANDSHAKE}: {alert}", True
    # A constant of OpenSSL's, such as SSLV3_ALERT_HANDSHAKE_FAILURE.
    named = f" ({reason.lower().replace('_', ' ')})" if re.fullmatch(r"\w{1,60}", reason) else ""
    hint = "; the server may want a client certificate (mTLS)" if reason in _VAGUE else ""
    return f"{_HANDSHAKE}{named}{hint}", False


def client_alert(error: BaseException | None) -> str | None:
    """What the server said of the client certificate as it broke off; None for nothing."""
    alert = _ALERTED.search(f"{error.args}") if error is not None else None
    return _ALERTS.get(alert[1]) if alert else None


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


def proxy_refusal(
    status: int, proxy: str, *, authorised: bool, schemes: frozenset[str]
) -> tuple[str, bool]:
    """Why a forward proxy does not connect, and whether it will refuse each time.

    Args:
        status: Its answer's.
        proxy: Its name.
        authorised: Whether it was given a user name and password.
        schemes: What it takes in their place, in small letters; "basic" is those.
    """
    if status >= 500 and status != _NOT_IMPLEMENTED:  # noqa: PLR2004 - it has tried
        return f"{proxy} has no connection to the server (HTTP {status})", False
    hint = {
        # tinyproxy's word for wrong ones.
        401: _wanted(authorised=authorised, schemes=schemes),
        407: _wanted(authorised=authorised, schemes=schemes),
        403: "it does not allow this host or port",
        405: "it does not allow CONNECT",
    }.get(status, "it may be no forward proxy")
    passing = status in _PASSING
    reason = f"{proxy} refuses to connect (HTTP {status})"
    return (reason if passing else f"{reason}: {hint}"), not passing


def _wanted(*, authorised: bool, schemes: frozenset[str]) -> str:
    if schemes and "basic" not in schemes:
        names = " or ".join(name for name in ("Negotiate", "NTLM") if name.lower() in schemes)
        return (
            f"it wants {names or 'credentials of another kind'}, and only Basic is supported; a "
            "proxy on this machine (px, cntlm) can stand in between"
        )
    if authorised:
        return "it does not accept the user name and password of its URL"
    return "it wants credentials, in its URL (http://user:password@host:port)"


def no_tunnel(proxy: str) -> str:
    """That a forward proxy does not speak HTTP, or not where it should."""
    return f"{proxy} gave no answer of HTTP to CONNECT; look at its scheme and port"


def no_tls(proxy: str) -> str:
    """That there is no TLS with a proxy whose URL begins with https://."""
    return f"{proxy} does not speak TLS as its URL says; look at its scheme and port"
