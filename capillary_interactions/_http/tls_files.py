"""What do the files of a certificate, a key or authorities hold? The context of TLS they make."""

import os
import ssl
from pathlib import Path
from typing import Final

from capillary_interactions._config.tls import Tls, show_path
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.tracebacks import clears_locals

# What aiohttp offers.
_PROTOCOLS: Final = ("http/1.1",)
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"
_ENCRYPTED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
_CONVERTING: Final = "`openssl x509` and `openssl pkcs12` make PEM of DER and PKCS #12"


@clears_locals
def load_tls(tls: Tls) -> ssl.SSLContext | None:
    """The context that the settings make; None where they leave everything as it is.

    Raises:
        ConfigurationError: A file cannot be read, or does not hold what it should.
    """
    if tls == Tls():
        return None
    context = _trusting(tls.ca_file)
    context.set_alpn_protocols(_PROTOCOLS)
    if tls.client_cert is not None:
        _identify(context, tls, tls.client_cert)
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return ssl.create_default_context()
    _read("ca_file", ca_file, _CERTIFICATE, "certificate")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise _unusable("ca_file", ca_file, error) from None


def _identify(context: ssl.SSLContext, tls: Tls, certificate: str) -> None:
    _read("client_cert", certificate, _CERTIFICATE, "certificate")
    name = "client_cert" if tls.client_key is None else "client_key"
    path = tls.client_key or certificate
    content = _read(name, path, _KEY, "private key")
    encrypted = any(mark in content for mark in _ENCRYPTED)
    if encrypted and tls.client_key_password is None:
        raise ConfigurationError(
            f"tls.{name} {show_path(path)} is encrypted: its password is client_key_password "
            "(CAPILLARY_CLIENT_KEY_PASSWORD)"
        )
    try:
        # Without a password, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, path, tls.client_key_password or "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"tls.{name} {show_path(path)} is not the key of the certificate in "
                f"{show_path(certificate)}, or that file does not begin with it"
            ) from None
        if encrypted:
            raise ConfigurationError(
                f"tls.client_key_password is not the password of {show_path(path)}"
            ) from None
        raise _unusable(name, path, error) from None


def _read(name: str, path: str, mark: bytes, what: str) -> bytes:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        cause = os.strerror(number) if number else "not a path"
        raise ConfigurationError(f"tls.{name} {show_path(path)} cannot be read: {cause}") from None
    if mark not in content:
        raise ConfigurationError(
            f"tls.{name} {show_path(path)} holds no {what} in PEM (-----BEGIN ...); {_CONVERTING}"
        )
    return content


def _unusable(name: str, path: str, error: ssl.SSLError) -> ConfigurationError:
    # A constant of OpenSSL's.
    reason = f" ({error.reason.lower().replace('_', ' ')})" if error.reason else ""
    return ConfigurationError(f"tls.{name} {show_path(path)} cannot be used{reason}")
