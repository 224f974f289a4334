"""Does a forward proxy connect to the server? One CONNECT, and its answer."""

import asyncio
import re
from typing import Final

from capillary_interactions._http import failure_reasons
from capillary_interactions._http.route import Route

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_SCHEME: Final = re.compile(rb"^proxy-authenticate:\s*(\w+)", re.IGNORECASE | re.MULTILINE)
_OK: Final = range(200, 300)


async def ask_for_tunnel(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server: tuple[str, int],
    route: Route,
) -> str:
    """Ask the proxy of a route for a tunnel; "" if it is there, else why it is not.

    Raises:
        OSError: The connection is closed.
    """
    host, port = server
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = {"Host": place, **route.authorization()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"CONNECT {place} HTTP/1.1\r\n{lines}\r\n".encode())
    await writer.drain()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        return failure_reasons.no_tunnel(route.through)
    return _refusal(head, route)


def _refusal(head: bytes, route: Route) -> str:
    match = _STATUS.match(head)
    if match is None:
        return failure_reasons.no_tunnel(route.through)
    if int(match[1]) in _OK:
        return ""
    reason, _ = failure_reasons.proxy_refusal(
        int(match[1]),
        route.through,
        authorised=bool(route.authorization()),
        schemes=frozenset(scheme.decode().lower() for scheme in _SCHEME.findall(head)),
    )
    return reason
