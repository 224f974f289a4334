"""Settings from environment variables, one a setting: `CAPILLARY_...`."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from capillary_interactions._config.credentials import BasicAuth, Credential, OAuth
from capillary_interactions._config.limits import RateLimit
from capillary_interactions._config.proxy import to_proxy
from capillary_interactions._config.time_zones import named_zone
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

# Too short for a phone number.
_SMALL: Final = re.compile(r"-?[0-9]{0,3}(?:\.[0-9]{0,3})?")


def _int(text: str) -> int:
    return int(_number(text, r"[0-9]{1,18}", "a whole number"))


def _float(text: str) -> float:
    return float(_number(text, r"[0-9]{1,18}(?:\.[0-9]{1,18})?", "a number"))


def _number(text: str, pattern: str, what: str) -> str:
    if re.fullmatch(pattern, text.strip()) is None:
        raise ValueError(f"it must be {what}, not {describe_value(text, like=_SMALL)}")
    return text


_BOOLEANS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _bool(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("it must be true or false")
    return value


# Variable (without its prefix) to the path of a setting, and how its text is read.
_VARIABLES: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "BASE_URL": ("base_url", str),
    "API": ("api", str),
    "SOURCE": ("source", str),
    "ACCOUNT_ID": ("account_id", str),
    "TIMEZONE": ("timezone", named_zone),
    "PHONE_REGION": ("phone_region", str),
    "RATE": ("rate", RateLimit.parse),
    "IN_FLIGHT": ("in_flight", _int),
    "PAGE_SIZE": ("page_size", _int),
    "MAX_PAGES": ("max_pages", _int),
    "MAX_BODY": ("max_body", _int),
    "CACHE_TTL": ("cache_ttl", _float),
    "SINGLE_FLIGHT": ("single_flight", _bool),
    "ALLOW_HTTP": ("allow_http", _bool),
    "TIMEOUT": ("timeouts.total", _float),
    "ATTEMPTS": ("retry.attempts", _int),
    "PROXY": ("proxy", to_proxy),
    "CA_FILE": ("tls.ca_file", str),
    "CLIENT_CERT": ("tls.client_cert", str),
    "CLIENT_KEY": ("tls.client_key", str),
    "CLIENT_KEY_PASSWORD": ("tls.client_key_password", str),
    "SHARED": ("shared", str),
    "SHARED_FALLBACK": ("shared_fallback", str),
    "EXPECTED_WORKERS": ("expected_workers", _int),
    "SHARED_TIMEOUT": ("shared_timeout", _float),
}
_CREDENTIALS: Final = ("USERNAME", "PASSWORD", "PASSWORD_MD5", "OAUTH_KEY", "OAUTH_SECRET")


def named_variables(
    environ: Mapping[str, str], is_given: Callable[[str], bool]
) -> dict[str, tuple[str, Any]]:
    """Variables that are set and their values, by the path of the setting; none of credentials.

    Args:
        environ: Where to look; a variable that is empty counts as not set.
        is_given: Whether the caller has the setting of a path already: its variable is not read.

    Raises:
        ConfigurationError: A variable cannot be read.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, (path, read) in _VARIABLES.items():
        variable = f"CAPILLARY_{name}"
        text = environ.get(variable, "")
        if text and not is_given(path):
            found[path] = (variable, _read(variable, text, read))
    return found


def _read(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise ConfigurationError(f"{variable}: {error}") from None


def credential_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of credentials that are set."""
    names = (f"CAPILLARY_{name}" for name in _CREDENTIALS)
    return {name: environ[name] for name in names if environ.get(name)}


def credential_of(environ: Mapping[str, str]) -> Credential:
    """The credential that the variables make.

    Raises:
        ConfigurationError: A variable is missing, or contradicts another; no value is repeated.
    """
    username, password, digest, key, secret = (
        environ.get(f"CAPILLARY_{name}", "") for name in _CREDENTIALS
    )
    if (username or password or digest) and (key or secret):
        raise ConfigurationError(
            "CAPILLARY_USERNAME/_PASSWORD and CAPILLARY_OAUTH_KEY/_SECRET are both set; "
            "unset one pair"
        )
    if key or secret:
        return OAuth(*_require_pair(("OAUTH_KEY", key), ("OAUTH_SECRET", secret)))
    if password and digest:
        raise ConfigurationError(
            "CAPILLARY_PASSWORD and CAPILLARY_PASSWORD_MD5 are both set; unset one"
        )
    if digest:
        return BasicAuth.from_md5(*_require_pair(("USERNAME", username), ("PASSWORD_MD5", digest)))
    if username or password:
        return BasicAuth(*_require_pair(("USERNAME", username), ("PASSWORD", password)))
    raise ConfigurationError(
        "no credentials (auth): set CAPILLARY_USERNAME and CAPILLARY_PASSWORD, "
        "or CAPILLARY_OAUTH_KEY and CAPILLARY_OAUTH_SECRET, or name a profile (CAPILLARY_PROFILE)"
    )


def _require_pair(first: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    for (name, value), (other, _) in ((first, second), (second, first)):
        if not value:
            raise ConfigurationError(f"CAPILLARY_{name} is not set, but CAPILLARY_{other} is")
    return first[1], second[1]
