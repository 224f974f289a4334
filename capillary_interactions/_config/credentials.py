"""Credentials as values; `_http.auth` makes headers of them."""

import hashlib
import re
from typing import Self

from attrs import field, frozen

from capillary_interactions._config.validation import check_header_value, valid_header_value
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.tracebacks import clears_locals, constructed_bare


@constructed_bare
@frozen
class BasicAuth:
    """The user name and password of a till or store centre.

    Args:
        username: The till's user name.
        password: The password itself; what is sent is its MD5, as the API wants it.

    Raises:
        ConfigurationError: One of them is blank or holds control characters.
    """

    username: str = field(repr=False, validator=valid_header_value("BasicAuth."))
    password: str = field(repr=False, validator=valid_header_value("BasicAuth."))
    digested: bool = field(default=False, kw_only=True, repr=False)

    @username.validator
    def _check_username(self, _: object, value: str) -> None:
        if ":" in value:  # where the user name of Basic authentication ends (RFC 7617)
            raise ConfigurationError("BasicAuth.username must not hold a colon")

    @classmethod
    @clears_locals
    def from_md5(cls, username: str, digest: str) -> Self:
        """Credentials of which only the password's MD5 (32 hexadecimal digits) is known.

        Raises:
            ConfigurationError: The digest has another form.
        """
        text = str(digest)
        if re.fullmatch(r"[0-9a-fA-F]{32}", text) is None:
            raise ConfigurationError("BasicAuth.from_md5 needs 32 hexadecimal digits")
        return cls(username, text.lower(), digested=True)

    def md5(self) -> str:
        """The password as the API wants it: its MD5 in hexadecimal digits."""
        if self.digested:
            return self.password
        return hashlib.md5(self.password.encode(), usedforsecurity=False).hexdigest()


@constructed_bare
@frozen
class OAuth:
    """A client key and secret, exchanged for tokens of a few minutes.

    Args:
        key: The client key.
        secret: The client secret.
        attribution: The type and code of the entity the requests are attributed to, such as
            ("STORE_CODE", "S1").

    Raises:
        ConfigurationError: One of them is blank, or the attribution is no pair of strings.
    """

    key: str = field(repr=False, validator=valid_header_value("OAuth."))
    secret: str = field(repr=False, validator=valid_header_value("OAuth."))
    attribution: tuple[str, str] | None = field(default=None)

    @attribution.validator
    def _check_attribution(self, _: object, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, tuple) or len(value) != 2:  # noqa: PLR2004 - type and code
            raise ConfigurationError(
                'OAuth.attribution must be a pair such as ("STORE_CODE", "S1")'
            )
        for part in value:
            check_header_value("OAuth.attribution", part)


Credential = BasicAuth | OAuth
