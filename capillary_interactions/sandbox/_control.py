"""The private path of a sandbox that runs in another process; only `SandboxProcess` uses it."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from aiohttp import web

PREFIX: Final = "/_sandbox/"

CONTENT_TYPE: Final = "application/json"
# What a page may not send elsewhere without asking first; a program may leave JSON unnamed.
_CONTENT_TYPES: Final = frozenset({CONTENT_TYPE, "application/octet-stream"})
_LOCAL: Final = "localhost"


def is_control(request: web.BaseRequest) -> bool:
    """Whether a request is on the private path, and comes from this machine."""
    return request.raw_path.startswith(PREFIX) and _is_loopback(request.remote)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ip_address(address).is_loopback
    except ValueError:
        return False


def _is_foreign(request: web.BaseRequest) -> bool:
    """Whether a browser sends it for a page from elsewhere, or to a name that leads here."""
    headers = request.headers
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return True
    try:
        host = urlsplit(f"//{headers.get('Host', '')}").hostname
    except ValueError:
        return True
    return host != _LOCAL and not _is_loopback(host)


async def answer_control(
    request: web.BaseRequest, calls: Mapping[str, Callable[..., Any]]
) -> web.Response:
    """Call what a request on the private path names: JSON arguments in, a JSON value out."""
    name = request.raw_path.removeprefix(PREFIX)
    if request.method != "POST" or name not in calls:
        return web.json_response({"error": f"POST {', '.join(calls)}"}, status=404)
    if _is_foreign(request):
        return web.json_response({"error": "this path is for this machine's programs"}, status=403)
    if "Content-Type" not in request.headers or request.content_type not in _CONTENT_TYPES:
        return web.json_response({"error": f"Content-Type: {CONTENT_TYPE}"}, status=415)
    try:
        value = calls[name](**orjson.loads(await request.read() or b"{}"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.Response(body=orjson.dumps(value), content_type=CONTENT_TYPE)
