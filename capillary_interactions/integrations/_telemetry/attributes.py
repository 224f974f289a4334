"""Names of attributes: those of the semantic conventions, and few of our own."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.endpoint import port_of
from capillary_interactions._protocol.request_url import PATHS
from capillary_interactions._text.masking import mask_text
from capillary_interactions.events import AttemptEnded

SCOPE: Final = "capillary_interactions"
CLIENT: Final = "capillary.client"
"""The attribute that sets clients of the same server apart."""
SUCCESSFUL_ENDINGS: Final = frozenset({"found", "not_found"})
"""The endings that are no failure."""

Attributes = Mapping[str, str | int | float | bool]

_MIN_ERROR_STATUS: Final = 400


def request_attributes(config: ClientConfig, name: str | None = None) -> Attributes:
    """What every request of a client has in common; of its URL the template alone."""
    url = urlsplit(config.base_url)
    return {
        **({} if name is None else {CLIENT: name}),
        "http.request.method": "GET",
        "server.address": url.hostname or "",
        "server.port": port_of(url),
        "url.scheme": url.scheme,
        "url.template": f"{url.path}{PATHS[config.api]}",
    }


def error_type(event: AttemptEnded) -> str | None:
    """The conventions' `error.type`, of few values.

    The status if it is one of an error; else why there was no complete answer; else the ending.
    """
    if event.status is not None and event.status >= _MIN_ERROR_STATUS:
        return str(event.status)
    if event.ending in SUCCESSFUL_ENDINGS:
        return None
    return event.error or event.ending


# Ids that servers give requests, but for runs of digits that may be a phone number.
_REQUEST_ID: Final = re.compile(r"[0-9a-fA-F-]{16,64}")
_PHONE_NUMBER: Final = re.compile(r"\d{10}")


def safe_request_id(request_id: str) -> str:
    """The server's id of a request; masked, unless it is a UUID or another such number."""
    if _REQUEST_ID.fullmatch(request_id) and not _PHONE_NUMBER.search(request_id.replace("-", "")):
        return request_id
    return mask_text(request_id)[:64]
