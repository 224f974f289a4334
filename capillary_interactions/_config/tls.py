"""What proves server and client to each other: names of files, which `_http.tls_files` reads."""

import os
import re
from typing import Any, Final

from attrs import field, frozen

from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value
from capillary_interactions._text.tracebacks import constructed_bare

_PathLike = str | os.PathLike[str]
# What is neither a password nor the content of such a file.
_PATH: Final = re.compile(
    r"(?:[~./\\]|[A-Za-z]:[/\\]).{0,400}|.{1,200}\.(?:pem|crt|cer|der|key|p12|pfx)", re.IGNORECASE
)


def _to_path(value: _PathLike | None) -> str | None:
    # What is no path at all is refused by the validator, which knows the field.
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _check_path(_: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    name = f"tls.{attribute.name}"
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be the path of a file, not {describe_value(value)}")
    if "-----BEGIN" in value or "\n" in value or "\0" in value:
        raise ConfigurationError(f"{name} must be the path of a file, not what is in it")


def show_path(path: str) -> str:
    """A path as it may stand in an error."""
    return describe_value(path, like=_PATH)


@constructed_bare
@frozen(kw_only=True)
class Tls:
    """Which certificates are trusted, and which one is shown to a server that asks for one (mTLS).

    All files are PEM, and are read when a client is made.

    Args:
        ca_file: The certificate authorities to trust, in place of the system's (as with curl's
            `--cacert` and `verify=` of requests); None for the system's, or those of the file that
            SSL_CERT_FILE names. They count for an https:// proxy, too.
        client_cert: The certificate of this client, its own first, then those of its issuers; its
            key may be in the same file.
        client_key: The certificate's private key, if it has a file of its own.
        client_key_password: The password of an encrypted key.

    Raises:
        ConfigurationError: One is not a path, or a key or password is without a certificate.
    """

    ca_file: str | None = field(default=None, converter=_to_path, validator=_check_path)
    client_cert: str | None = field(default=None, converter=_to_path, validator=_check_path)
    client_key: str | None = field(default=None, converter=_to_path, validator=_check_path)
    client_key_password: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check that a key has its certificate."""
        if self.client_cert is None and self.client_key is not None:
            raise ConfigurationError("tls.client_key needs tls.client_cert, the certificate's file")
        password: object = self.client_key_password
        if password is not None and not (isinstance(password, str) and self.client_cert):
            raise ConfigurationError(
                "tls.client_key_password must be a string, and needs tls.client_cert"
            )
