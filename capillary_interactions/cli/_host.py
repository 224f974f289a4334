"""Is there such a host? Asked once, for a wrong name is no matter for retries."""

import asyncio
import os
import socket
from typing import Final
from urllib.parse import urlsplit

from capillary_interactions._http.failure_reasons import unused_proxy
from capillary_interactions.cli._exit_codes import StoppedEarlyError

_PATIENCE: Final = 10.0


async def check_host(base_url: str) -> None:
    """Whether the API's host name resolves.

    Raises:
        StoppedEarlyError: It does not.
    """
    parts = urlsplit(base_url)
    ask = asyncio.get_running_loop().getaddrinfo(
        parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM
    )
    try:
        await asyncio.wait_for(ask, _PATIENCE)
    except TimeoutError:
        return  # a slow name server is a matter for retries
    except (OSError, UnicodeError):
        raise StoppedEarlyError(
            f"the host {parts.hostname} does not resolve; look at --base-url "
            f"(CAPILLARY_BASE_URL) and at the network{unused_proxy(parts.scheme, os.environ)}"
        ) from None
