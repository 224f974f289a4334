"""What is said of a failure, in words for the errors of the system, and how much is enough."""

import errno
import socket
import ssl

from capillary_interactions._http import failure_reasons as causes
from capillary_interactions._pacing.adaptive_limits import AdaptiveConcurrency
from capillary_interactions._protocol.codes import CLIENT_CERTIFICATE
from tests.tables import table


def _oserror(number: int) -> OSError:
    return OSError(number, "an address")


@table(
    ("error", "said"),
    [
        (_oserror(errno.EMFILE), "too many open files"),
        (_oserror(errno.ENFILE), "in the whole system"),
        (_oserror(errno.ENOBUFS), "no buffer space"),
        (_oserror(errno.ENOMEM), "no memory"),
        (MemoryError(), "no memory"),
        (_oserror(errno.EADDRNOTAVAIL), "no free local port"),
        (OSError("Multiple exceptions: [Errno 24] a, [Errno 24] b"), "too many open files"),
        (RuntimeError("can't start new thread"), "no further thread"),
        (_oserror(errno.ECONNREFUSED), None),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), None),
        (ssl.SSLError(errno.ENOMEM, "protocol"), None),
        (RuntimeError("Session is closed"), None),
        (ValueError("24"), None),
    ],
)
def test_knows_what_this_machine_lacks(error: Exception, said: str | None) -> None:
    """The fault of this machine is kept apart from those of the network and of the program."""
    found = causes.shortage(error)

    assert found is None if said is None else said in (found or "")


@table(
    ("error", "said"),
    [
        (_oserror(errno.ECONNREFUSED), "Connection refused"),
        (
            OSError("Multiple exceptions: [Errno 111] ('::1', 1), [Errno 113] ('10.0.0.1', 1)"),
            "Connection refused, No route to host",
        ),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_says_it_in_the_systems_words(error: OSError, said: str) -> None:
    """Each cause once, and never the address."""
    assert causes.system(error) == said


@table(
    ("code", "said"),
    [(9, "clock"), (10, "expired"), (18, "self-signed"), (19, "SSL_CERT_FILE"),
     (20, "SSL_CERT_FILE"), (62, "another host name"), (64, "base_url"), (23, "SSL_CERT_FILE"),
     (85, "RFC 5280")],
)  # fmt: skip
def test_names_what_is_wrong_with_a_certificate(code: int, said: str) -> None:
    """The way on stands beside it: a file of authorities, the address, or the clock."""
    refused = ssl.SSLCertVerificationError(1, "certificate verify failed for secret.example")
    refused.verify_code = code
    found = causes.certificate(refused)

    assert found.startswith("the server's TLS certificate is not accepted: ")
    assert said in found
    assert "secret" not in found


@table(
    ("reason", "said", "settled"),
    [
        ("WRONG_VERSION_NUMBER", "does not speak TLS", True),
        ("HTTP_REQUEST", "does not speak TLS", True),
        ("UNSUPPORTED_PROTOCOL", "too old", True),
        (
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
            "alert handshake failure); the server may want a client",
            False,
        ),
        ("https://secret", "failed", False),
    ],
)
def test_names_why_a_handshake_failed(reason: str, said: str, *, settled: bool) -> None:
    """By OpenSSL's constants, of which some are a matter of settings."""
    error = ssl.SSLError(1, "text")
    error.reason = reason
    words, is_settled = causes.handshake(error)

    assert said in words
    assert is_settled is settled
    assert "secret" not in words


def test_has_fewer_places_after_a_shortage_and_one_more_at_a_time() -> None:
    """What works is known at once; what would work as well is found out slowly."""
    places = AdaptiveConcurrency(200)
    for in_flight in range(199, 47, -1):
        places.exhausted(0.0, in_flight)
    assert places.limit == 48
    places.answered(9.9)
    assert places.limit == 48
    for second in range(10, 13):
        places.answered(float(second))
        places.answered(second + 0.5)
    assert places.limit == 51
    places.exhausted(13.0, 0)
    assert places.limit == 1
    for second in range(23, 300):
        places.answered(float(second))
    assert places.limit == 200
    assert places.limit == places.configured


@table(
    ("alert", "said"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] certificate required", CLIENT_CERTIFICATE),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] unknown ca", "the server does not know who has signed"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] expired", "--client-cert) has expired"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] revoked", "--client-cert) has been revoked"),
        ("[SSL: TLSV1_ALERT_ACCESS_DENIED] denied", "does not accept the client certificate"),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] internal error", None),
    ],
)
def test_knows_what_a_server_says_of_a_client_certificate(alert: str, said: str | None) -> None:
    """In TLS 1.3 it comes after the handshake, in place of the answer."""
    error = ssl.SSLError(1, alert)
    found = causes.client_alert(error)

    assert found is None if said is None else said in (found or "")
    assert causes.handshake(error)[1] is (said is not None)


def test_knows_no_client_certificate_by_another_error() -> None:
    """A reset may have any cause."""
    assert causes.client_alert(ConnectionResetError()) is None
    assert causes.client_alert(None) is None
