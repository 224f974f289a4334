"""Which proxy is used, if any? A setting's, the environment's, as curl and requests choose it."""

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen

from capillary_interactions._config.endpoint import DEFAULT_PORTS, port_of, split_url
from capillary_interactions._config.no_proxy import is_exempt
from capillary_interactions._errors import ConfigurationError

ENVIRONMENT: Final = "env"
# Where there is no other way to write None: in a variable, an option, a profile.
_NO_PROXY: Final = "none"
_SOCKS: Final = frozenset({"socks", "socks4", "socks4a", "socks5", "socks5h"})


@frozen
class Proxy:
    """A forward proxy.

    Attributes:
        url: Its scheme, host and port.
        authorization: The header's value that proves who we are, or None.
        variable: The environment's variable that names it; "" where a setting does.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)
    variable: str = ""

    def __str__(self) -> str:
        """As it is named in an error, without its user name and password."""
        return f"the proxy {self.url}{self.variable and f' ({self.variable})'}"


def to_proxy(value: str | None) -> str | None:
    """A setting as it is given, if it is one; "none" is None.

    Raises:
        ConfigurationError: It is no URL of a proxy, neither "env" nor None.
    """
    if value is None or value == _NO_PROXY:
        return None
    if value == ENVIRONMENT:
        return value
    if not isinstance(value, str):
        raise ConfigurationError(
            f'proxy must be a URL, "env" or None, not a {type(value).__name__}'
        )
    _parts(value, "proxy")
    return value


def show_proxy(value: str | None) -> str:
    """The repr of a setting: a URL without its user name and password."""
    if value is None or value == ENVIRONMENT:
        return repr(value)
    parts = _parts(value, "proxy")
    return repr(_origin(parts).replace("//", "//***@" if "@" in parts.netloc else "//"))


def choose_proxy(setting: str | None, base_url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy of the requests to a server, or None.

    Raises:
        ConfigurationError: A variable of the environment holds no URL of a proxy.
    """
    if setting is None:
        return None
    if setting != ENVIRONMENT:
        return _proxy(setting)
    variable = variable_of_proxy(base_url, environ)
    return None if variable is None else _proxy(environ[variable], variable)


def variable_of_proxy(base_url: str, environ: Mapping[str, str]) -> str | None:
    """The variable of the environment that names the proxy of a server, or None."""
    return None if _exempting(base_url, environ) else _variable(base_url, environ)


def unused_proxy(setting: str | None, base_url: str, environ: Mapping[str, str]) -> str:
    """Why a proxy that the environment names is not used, as a hint; "" where there is none."""
    variable = _variable(base_url, environ)
    if variable is None:
        return ""
    if setting is None:
        return f" ({variable} is set, but no proxy is used: proxy is None, --proxy none)"
    exempting = _exempting(base_url, environ) if setting == ENVIRONMENT else None
    return f" ({variable} is set, but {exempting} exempts this host)" if exempting else ""


def _variable(base_url: str, environ: Mapping[str, str]) -> str | None:
    for name in (f"{urlsplit(base_url).scheme}_proxy", "all_proxy"):
        # In small letters and empty it is switched off, also where it is set in capitals.
        if name in environ:
            if environ[name]:
                return name
        # In a CGI program, HTTP_PROXY is the header `Proxy:` of its caller (CVE-2016-1000110).
        elif environ.get(name.upper()) and (
            name != "http_proxy" or "REQUEST_METHOD" not in environ
        ):
            return name.upper()
    return None


def _exempting(base_url: str, environ: Mapping[str, str]) -> str | None:
    """The variable that says that no proxy is used for a server."""
    name = "no_proxy" if environ.get("no_proxy") else "NO_PROXY"
    parts = urlsplit(base_url)
    exempt = is_exempt(environ.get(name, ""), parts.hostname or "", port_of(parts))
    return name if exempt else None


def _proxy(value: str, variable: str = "") -> Proxy:
    otherwise = "; proxy=None (--proxy none) ignores it" if variable else ""
    parts = _parts(value, variable or "proxy", otherwise)
    authorization = None
    if "@" in parts.netloc:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(_origin(parts), authorization, variable)


def _parts(value: str, name: str, otherwise: str = "") -> SplitResult:
    # A URL may hold a password, so none of the messages repeats it.
    text = value.strip()
    parts = _split(text if "://" in text else f"http://{text}")
    if parts is not None and parts.scheme in _SOCKS:
        raise ConfigurationError(
            f"{name} must be an http:// or https:// proxy; {parts.scheme}:// is not "
            f"supported{otherwise}"
        )
    if parts is None or not parts.hostname or parts.scheme not in DEFAULT_PORTS or parts.port == 0:
        raise ConfigurationError(
            f"{name} must be a URL such as http://proxy.example:3128; in its user name and "
            f"password, special characters are percent-encoded (@ as %40, / as %2F){otherwise}"
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{name} must be the URL of the proxy itself, without a path (a PAC file names "
            f"proxies, and is not read){otherwise}"
        )
    return parts


def _split(text: str) -> SplitResult | None:
    """The parts of a URL, or None where it is none, or holds what a base URL may not."""
    return None if re.search(r"[\s\x00-\x1f\x7f]", text) else split_url(text)


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
