"""What may a process on this machine ask a sandbox that runs in another one?

A private path on the same port; only `SandboxProcess` is meant to use it.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from attrs import asdict, fields

from capillary_interactions.sandbox._settings import SandboxSettings, read_json

if TYPE_CHECKING:
    from capillary_interactions.sandbox._server import Sandbox

PREFIX: Final = "/_sandbox/"

CONTENT_TYPE: Final = "application/json"
# What a page may not send elsewhere without asking first; a program may leave JSON unnamed.
_CONTENT_TYPES: Final = frozenset({CONTENT_TYPE, "application/octet-stream"})
_SETTINGS: Final = frozenset(field.name for field in fields(SandboxSettings))
_LOCAL: Final = "localhost"

_Ask = Mapping[str, Any]


def _change(sandbox: "Sandbox", settings: _Ask) -> None:
    if unknown := settings.keys() - _SETTINGS:
        raise KeyError(f"{', '.join(sorted(unknown))}: there is no such setting")
    for name, value in read_json(settings).items():
        setattr(sandbox, name, value)


_ANSWERS: Final[Mapping[str, Callable[["Sandbox", _Ask], Any]]] = MappingProxyType(
    {
        "counts": lambda sandbox, _: asdict(sandbox.counts),
        "most_in_any_window": lambda sandbox, ask: sandbox.most_in_any_window(**ask),
        "arrivals": lambda sandbox, ask: sandbox.arrivals(**ask),
        "received_for": lambda sandbox, ask: sandbox.received_for(**ask),
        "expected": lambda sandbox, ask: sandbox.expected(**ask),
        "inject": lambda sandbox, ask: sandbox.inject(*ask["names"]),
        "revoke_tokens": lambda sandbox, _: sandbox.revoke_tokens(),
        "reset_counts": lambda sandbox, _: sandbox.reset_counts(),
        "change": _change,
    }
)


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


async def answer_control(sandbox: "Sandbox", request: web.BaseRequest) -> web.Response:
    """The answer to a question on the private path: JSON arguments in, a JSON value out."""
    name = request.raw_path.removeprefix(PREFIX)
    if request.method != "POST" or name not in _ANSWERS:
        return web.json_response({"error": f"POST {', '.join(_ANSWERS)}"}, status=404)
    if _is_foreign(request):
        return web.json_response({"error": "this path is for this machine's programs"}, status=403)
    if "Content-Type" not in request.headers or request.content_type not in _CONTENT_TYPES:
        return web.json_response({"error": f"Content-Type: {CONTENT_TYPE}"}, status=415)
    try:
        arguments = orjson.loads(await request.read() or b"{}")
        value = _ANSWERS[name](sandbox, arguments)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.Response(body=orjson.dumps(value), content_type="application/json")
