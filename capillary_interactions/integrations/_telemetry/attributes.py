"""What are things called in telemetry? The semantic conventions' words, and few of our own."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._protocol.request_url import PATHS
from capillary_interactions._text.masking import mask_text
from capillary_interactions.events import AttemptEnded

SCOPE: Final = "capillary_interactions"
CLIENT: Final = "capillary.client"
"""The attribute that tells clients apart which ask the same server."""
SUCCESSFUL_ENDINGS: Final = frozenset({"found", "not_found"})
"""The endings that are no failure."""

Attributes = Mapping[str, str | int | float | bool]

_LEAST_ERROR: Final = 400
_PORTS: Final = {"https": 443, "http": 80}


def request_attributes(config: ClientConfig, name: str | None = None) -> Attributes:
    """What every request of a client has in common; of its URL the template alone."""
    parts = urlsplit(config.base_url)
    return {
        **({} if name is None else {CLIENT: name}),
        "http.request.method": "GET",
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS.get(parts.scheme, 443),
        "url.scheme": parts.scheme,
        "url.template": f"{parts.path}{PATHS[config.api]}",
    }


def error_type(event: AttemptEnded) -> str | None:
    """The conventions' `error.type`, of few values.

    The status where it tells, whatever Capillary means by it; else why there was no whole answer;
    else the ending.
    """
    if event.status is not None and event.status >= _LEAST_ERROR:
        return str(event.status)
    if event.ending in SUCCESSFUL_ENDINGS:
        return None
    return event.error or event.ending


# What servers call requests, but for runs of digits that may be somebody's number.
_NAME: Final = re.compile(r"[0-9a-fA-F-]{16,64}")
_NUMBER: Final = re.compile(r"\d{10}")


def safe_request_id(said: str) -> str:
    """The server's name for a request; masked, unless it is a UUID or another such number."""
    if _NAME.fullmatch(said) and not _NUMBER.search(said.replace("-", "")):
        return said
    return mask_text(said)[:64]
