"""How the tests ask a sandbox, without any part of the client that it judges."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson

SAMPLES: Final = Path(__file__).parents[1] / "samples"
V1_1 = "/v1.1/customer/interaction"
V2 = "/v2/customers/interaction"
TOKEN = "/v3/oauth/token/generate"


def sample(name: str) -> Any:
    """A published answer."""
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


def basic(username: str = "sandbox", password: str = "sandbox") -> dict[str, str]:
    """The header of an account."""
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{digest}'.encode()).decode()}"}


async def get(
    base_url: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
) -> Reply:
    """One request on a connection of its own, so that aiohttp never sends it twice."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        session._retry_connection = False
        headers = basic() if headers is None else headers
        async with session.request(method, base_url + target, headers=headers) as response:
            return Reply(response.status, response.headers, await response.read())


async def ask(
    base_url: str,
    identifier: str,
    *,
    headers: Mapping[str, str] | None = None,
    **parameters: str | int,
) -> Reply:
    """One question about a mobile number, in the spelling of v1.1."""
    query = {"format": "json", "identifierName": "mobile", "mobile": identifier, **parameters}
    return await get(base_url, f"{V1_1}?{urlencode(query)}", headers)


async def ask_v2(base_url: str, identifier: str, **parameters: str | int) -> Reply:
    """One question about a mobile number, in the spelling of v2."""
    query = {"identifierName": "mobile", "identifierValue": identifier, **parameters}
    return await get(base_url, f"{V2}?{urlencode(query)}")


async def post(base_url: str, path: str, body: object) -> Reply:
    """One POST of a JSON body."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(base_url + path, data=orjson.dumps(body)) as response,
    ):
        return Reply(response.status, response.headers, await response.read())


async def read_wire(base_url: str, identifier: str = "1") -> tuple[bytes, bool]:
    """Every byte that comes back, and whether a reset ended them."""
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [f"GET {V1_1}?mobile={identifier} HTTP/1.1", "Host: sandbox"]
    lines += [f"{name}: {text}" for name, text in basic().items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    came = b""
    try:
        while piece := await reader.read(65536):
            came += piece
    except ConnectionResetError:
        return came, True
    finally:
        writer.close()
    return came, False
