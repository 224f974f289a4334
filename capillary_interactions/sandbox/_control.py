"""What may a process on this machine ask a sandbox that runs in another one?

A private path on the same port; only `SandboxProcess` is meant to use it.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web
from attrs import asdict

from capillary_interactions.sandbox._settings import read_json

if TYPE_CHECKING:
    from capillary_interactions.sandbox._server import Sandbox

PREFIX: Final = "/_sandbox/"

_Ask = Mapping[str, Any]


def _change(sandbox: "Sandbox", settings: _Ask) -> None:
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
    if not request.raw_path.startswith(PREFIX) or request.remote is None:
        return False
    try:
        return ip_address(request.remote).is_loopback
    except ValueError:
        return False


async def answer_control(sandbox: "Sandbox", request: web.BaseRequest) -> web.Response:
    """The answer to a question on the private path: JSON arguments in, a JSON value out."""
    name = request.raw_path.removeprefix(PREFIX)
    if request.method != "POST" or name not in _ANSWERS:
        return web.json_response({"error": f"POST {', '.join(_ANSWERS)}"}, status=404)
    try:
        value = _ANSWERS[name](sandbox, orjson.loads(await request.read() or b"{}"))
    except (ValueError, TypeError, KeyError) as wrong:
        return web.json_response({"error": str(wrong)}, status=400)
    return web.Response(body=orjson.dumps(value), content_type="application/json")
