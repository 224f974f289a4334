"""Which credentials does a profile hold? Its `auth`, with passwords or commands that print them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from capillary_interactions._config.credentials import BasicAuth, Credential, OAuth
from capillary_interactions._config.environment import credential_of
from capillary_interactions._config.password_command import first_line_of
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

_SECRETS: Final = ("password", "password_md5", "password_command")
_OAUTH_SECRETS: Final = ("secret", "secret_command")
_IDENTITIES: Final = ("username", "key")
_BASIC: Final = ("username", *_SECRETS)
_OAUTH: Final = ("key", *_OAUTH_SECRETS, "attribution")
CREDENTIAL_KEYS: Final = (*_BASIC, *_OAUTH)
# As they are called in the environment, which the messages of a pair name.
_VARIABLES: Final[Mapping[str, str]] = {
    "username": "CAPILLARY_USERNAME",
    "password": "CAPILLARY_PASSWORD",
    "password_md5": "CAPILLARY_PASSWORD_MD5",
    "key": "CAPILLARY_OAUTH_KEY",
    "secret": "CAPILLARY_OAUTH_SECRET",
}
_COMMANDS: Final[Mapping[str, str]] = {
    "password_command": "CAPILLARY_PASSWORD",
    "secret_command": "CAPILLARY_OAUTH_SECRET",
}
_KEY: Final = re.compile(r"[a-z_]{1,30}", re.ASCII)


@frozen
class ProfileCredential:
    """One credential of a profile; its password may be missing, or be what a command prints.

    Attributes:
        where: The profile and the key, for messages.
    """

    where: str
    _parts: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._parts)})"

    @property
    def identity(self) -> dict[str, str]:
        """Its user name or key, by the variable that stands for it."""
        return {_VARIABLES[key]: self._parts[key] for key in _IDENTITIES if key in self._parts}

    def has_secret(self) -> bool:
        """Whether it has a password or a secret, or a command that prints it."""
        return any(key in self._parts for key in (*_SECRETS, *_OAUTH_SECRETS))

    def agrees_with(self, variables: Mapping[str, str]) -> bool:
        """Whether variables are of no other kind of credential, user name or key."""
        ours = self.identity
        other_kind = any(("OAUTH" in name) != ("key" in self._parts) for name in variables)
        return not other_kind and all(
            variables.get(name, ours[name]) == ours[name] for name in ours
        )

    def resolved(self) -> Credential:
        """The credential, with what its command prints.

        Raises:
            ConfigurationError: It is incomplete, or the command fails.
        """
        if not self.has_secret():
            secrets = _OAUTH_SECRETS if "key" in self._parts else _SECRETS
            raise ConfigurationError(f"{self.where}: give {' or '.join(secrets)}")
        return self._made({**self._variables(), **self._printed()})

    def completed(self, variables: Mapping[str, str]) -> Credential:
        """The credential that variables begin, with what they lack; they must agree with it.

        Raises:
            ConfigurationError: It is incomplete, or the command fails.
        """
        if any(name not in self.identity for name in variables):
            return self._made({**self.identity, **variables})
        return self._made({**self._variables(), **self._printed()})

    def _variables(self) -> dict[str, str]:
        return {_VARIABLES[key]: value for key, value in self._parts.items() if key in _VARIABLES}

    def _printed(self) -> dict[str, str]:
        return {
            variable: first_line_of(self._parts[key], f"{self.where}.{key}")
            for key, variable in _COMMANDS.items()
            if key in self._parts
        }

    def _made(self, variables: Mapping[str, str]) -> Credential:
        message = ""
        try:
            made = credential_of(variables)
            if isinstance(made, BasicAuth):
                return made
            return OAuth(made.key, made.secret, self._parts.get("attribution"))
        except ConfigurationError as error:
            message = str(error)
        # Outside the handler: the first error's frames hold the password.
        raise ConfigurationError(f"{self.where}: {message}")


def read_credentials(label: str, value: Any) -> tuple[ProfileCredential, ...]:
    """The credentials of a profile: a table, or an array of them.

    Raises:
        ConfigurationError: There is none, a key is none of a credential's, or two contradict.
    """
    if isinstance(value, dict):
        return (_credential(f"{label}: auth", value),)
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"{label}: auth must be a table, or an array of them")
    return tuple(_credential(f"{label}: auth[{number}]", item) for number, item in enumerate(value))


def _credential(where: str, value: Any) -> ProfileCredential:
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{where} must be a table: auth = {{ username = ..., password_command = ... }}"
        )
    for key, part in value.items():
        _check_part(where, key, part)
    if "username" in value and "key" in value:
        raise ConfigurationError(f"{where} has a username and a key: they are two credentials")
    if "username" not in value and "key" not in value:
        raise ConfigurationError(f"{where} must have a username, or the key of an OAuth client")
    allowed = _BASIC if "username" in value else _OAUTH
    for key in value:
        if key not in allowed:
            raise ConfigurationError(f"{where}: {key} does not go with {allowed[0]}")
    _check_single(where, [key for key in (*_SECRETS, *_OAUTH_SECRETS) if key in value])
    attribution = value.get("attribution")
    return ProfileCredential(
        where, value if attribution is None else {**value, "attribution": tuple(attribution)}
    )


def _check_part(where: str, key: str, part: object) -> None:
    if key not in CREDENTIAL_KEYS:
        close = [known for known in CREDENTIAL_KEYS if key.endswith(f"_{known}")][:1]
        shown = describe_value(key, like=_KEY, choices=CREDENTIAL_KEYS)
        meant = (
            f"; did you mean {close[0]}?" if close else f"; there are {', '.join(CREDENTIAL_KEYS)}"
        )
        raise ConfigurationError(f"{where}: {shown} is no key of a credential{meant}")
    if key == "attribution":
        if not isinstance(part, list):
            raise ConfigurationError(f'{where}.attribution must be a pair: ["STORE_CODE", "S1"]')
    elif not isinstance(part, str) or not part.strip():
        raise ConfigurationError(f"{where}.{key} must be a text in quotes that is not blank")


def _check_single(where: str, secrets: list[str]) -> None:
    if len(secrets) > 1:
        raise ConfigurationError(f"{where}: {' and '.join(secrets)} are both there; remove one")
