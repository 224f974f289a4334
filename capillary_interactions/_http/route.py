"""By which way do connections reach the server, and how is that way named in an error?"""

import os
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.endpoint import port_of
from capillary_interactions._config.proxy import (
    ENVIRONMENT,
    Proxy,
    choose_proxy,
    unused_proxy,
    variable_of_proxy,
)
from capillary_interactions._config.tls import Tls
from capillary_interactions._http.failure_reasons import TRUST
from capillary_interactions._http.tls_files import load_tls

# Variables of other programs that name authorities, and are not read here.
_OTHER_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@frozen
class Route:
    """The way of a client's connections.

    Attributes:
        proxy: The forward proxy, or None.
        tls: What proves server and client to each other, or None for what is usual.
        hint: What to add where no connection comes about without a proxy.
        trust: What to say of a certificate whose authority is not known.
        dropped: What to add where a connection is closed before an answer comes.
    """

    proxy: Proxy | None = None
    tls: ssl.SSLContext | None = None
    hint: str = ""
    trust: str = TRUST
    dropped: str = ""

    @property
    def through(self) -> str:
        """The proxy, as it is named in an error; a borrowed session may have one of its own."""
        return "the proxy" if self.proxy is None else str(self.proxy)

    def authorization(self) -> dict[str, str]:
        """The header that proves to the proxy who we are, if it is given one."""
        if self.proxy is None or self.proxy.authorization is None:
            return {}
        return {"Proxy-Authorization": self.proxy.authorization}

    def leads_to(self, host: str, port: int | None) -> bool:
        """Whether these are the proxy's, and not the server's."""
        if self.proxy is None:
            return False
        parts = urlsplit(self.proxy.url)
        return (parts.hostname, port_of(parts)) == (host, port)


def build_route(config: ClientConfig, environ: Mapping[str, str], *, borrowed: bool) -> Route:
    """The way that the settings say; a borrowed session itself knows the environment's proxy.

    Raises:
        ConfigurationError: A variable of the environment holds no URL of a proxy, or a file of
            `tls` cannot be used.
    """
    tls, proxy, hint = load_tls(config.tls), None, ""
    if not (borrowed and config.proxy == ENVIRONMENT):
        proxy = choose_proxy(config.proxy, config.base_url, environ)
    if not (borrowed or proxy):
        hint = unused_proxy(config.proxy, config.base_url, environ)
    trust = _trust(config.tls, environ)
    if proxy is not None:
        trust += "; a proxy that inspects TLS signs by an authority of its own"
    dropped = "; it may not accept the client certificate" if config.tls.client_cert else ""
    return Route(proxy, tls, hint, trust, dropped)


def _trust(tls: Tls, environ: Mapping[str, str]) -> str:
    if tls.ca_file is not None:
        return "none of the authorities in tls.ca_file (--ca-file, CAPILLARY_CA_FILE) has signed it"
    if (file := environ.get("SSL_CERT_FILE")) and not os.access(file, os.R_OK):
        return f"{TRUST}; that of SSL_CERT_FILE cannot be read"
    others = [name for name in _OTHER_BUNDLES if environ.get(name)]
    return f"{TRUST} ({others[0]} is set, but is not read)" if others else TRUST


def unused_settings(config: ClientConfig, environ: Mapping[str, str], transport: Any) -> str:
    """What a session or transport of the caller's does not do though it is set; "" for nothing."""
    if hasattr(transport, "send"):
        unused = {"proxy": config.proxy not in {None, ENVIRONMENT}, "tls": config.tls != Tls()}
        names = " and ".join(name for name in unused if unused[name])
        return f"{names} of ClientConfig: not used by the transport= given" if names else ""
    own = getattr(transport, "trust_env", False) or getattr(transport, "_default_proxy", None)
    if config.proxy != ENVIRONMENT or own:
        return ""
    variable = variable_of_proxy(config.base_url, environ)
    if variable is None:
        return ""
    return (
        f"{variable} is set, but the session given as transport= does not read it: make it "
        "with trust_env=True, or set proxy in ClientConfig (None for no proxy)"
    )
