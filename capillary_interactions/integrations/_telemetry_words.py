"""What are things called in telemetry? The semantic conventions' words, and few of our own."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from capillary_interactions._config import ClientConfig
from capillary_interactions._events import AttemptEnded
from capillary_interactions._query import path

SCOPE: Final = "capillary_interactions"
AS_IT_SHOULD: Final = frozenset({"found", "not_found"})
"""The endings that are no failure."""

Attributes = Mapping[str, str | int | float | bool]

_LEAST_ERROR: Final = 400
_PORTS: Final = {"https": 443, "http": 80}


def request_attributes(config: ClientConfig) -> Attributes:
    """What every request of a client has in common; of its URL the template alone."""
    parts = urlsplit(config.base_url)
    return {
        "http.request.method": "GET",
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS.get(parts.scheme, 443),
        "url.scheme": parts.scheme,
        "url.template": f"{parts.path}{path(config.api)}",
    }


def error_type(event: AttemptEnded) -> str | None:
    """The conventions' `error.type`, of few values: the status where it tells, else the ending."""
    if event.ending in AS_IT_SHOULD:
        return None
    plain = event.status is None or event.status < _LEAST_ERROR
    return event.ending if plain else str(event.status)
