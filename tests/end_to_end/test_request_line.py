"""The request as the server receives it, character by character."""

import base64
import hashlib
from typing import Final

import orjson
import pytest

from capillary_interactions import BasicAuth, Found, Identifier, OAuth, Query

from .byte_server import KNOWN, ByteServer, Received, always, answer
from .clients import client_for

V1_1: Final = "/v1.1/customer/interaction"
V2: Final = "/v2/customers/interaction"


async def received(query: Query, **settings: object) -> Received:
    """The request that a lookup sends."""
    async with ByteServer(always(answer()), extra=query.extra) as server:
        async with client_for(server.base_url, **settings) as client:
            assert isinstance(await client.lookup(query), Found)
        assert server.connections == len(server.received) == 1
        return server.received[0]


async def test_is_the_documented_example() -> None:
    """With source and account set, it is the request of the vendor's page, and nothing else."""
    query = Query(Identifier.mobile("91660499160"), type="whatsapp")
    request = await received(query, source="INSTORE", account_id="1234")
    assert request.head.split(b"\r\n", 1)[0] == (
        b"GET /v1.1/customer/interaction?format=json&source=INSTORE&accountId=1234"
        b"&identifierName=mobile&mobile=91660499160&type=whatsapp HTTP/1.1"
    )


@pytest.mark.parametrize(
    ("query", "api", "target"),
    [
        (
            Query(Identifier.email("a+b@c.co")),
            "v1.1",
            f"{V1_1}?format=json&identifierName=email&email=a%2Bb%40c.co",
        ),
        (
            Query(Identifier.external_id("Ä/ %"), limit=5),
            "v1.1",
            f"{V1_1}?format=json&identifierName=external_id&external_id=%C3%84%2F%20%25&limit=5",
        ),
        (
            Query(Identifier.mobile("+91 1"), offset=10, extra={"id ": "ü&="}),
            "v1.1",
            f"{V1_1}?format=json&identifierName=mobile&mobile=911&offset=10&id%20=%C3%BC%26%3D",
        ),
        (
            Query(Identifier.custom("mobile", "+91 1")),
            "v1.1",
            f"{V1_1}?format=json&identifierName=mobile&mobile=%2B91%201",
        ),
        (
            Query(Identifier.customer_id("554")),
            "v1.1",
            f"{V1_1}?format=json&identifierName=id&id=554",
        ),
        (
            Query(Identifier.mobile("91"), network="twitter", type="tweet", source="A"),
            "v2",
            f"{V2}?identifierName=mobile&identifierValue=91&network=twitter&type=tweet&source=A",
        ),
        (
            Query(Identifier.custom("wechat", "a;b@c.co"), account_id="7"),
            "v2",
            f"{V2}?identifierName=wechat&identifierValue=a%3Bb%40c.co&accountId=7",
        ),
    ],
)
async def test_encodes_a_query(query: Query, api: str, target: str) -> None:
    """Nothing below encodes the URL again, or decodes it."""
    assert (await received(query, api=api)).target == target


async def test_keeps_the_path_of_the_base_url() -> None:
    """A gateway may have put the API under a path of its own."""
    async with ByteServer(always(answer()), described=False) as server:
        async with client_for(f"{server.base_url}/gate%20way/") as client:
            await client.lookup(Identifier.mobile("1"))
        assert server.received[0].target.startswith(f"/gate%20way{V1_1}?format=json&")
        assert server.received[0].violations(prefix="/gate%20way") == []


@pytest.mark.parametrize(
    "auth",
    [
        BasicAuth("till.01", "123"),
        BasicAuth.from_md5("till.01", "202CB962AC59075B964B07152D234B70"),
    ],
)
async def test_proves_a_till_by_the_md5_of_its_password(auth: BasicAuth) -> None:
    """The vendor's rule, with the digest of a known password."""
    assert hashlib.md5(b"123").hexdigest() == "202cb962ac59075b964b07152d234b70"  # noqa: S324
    pair = base64.b64encode(b"till.01:202cb962ac59075b964b07152d234b70").decode()
    headers = (await received(Query(Identifier.mobile("1")), auth=auth)).headers
    assert headers["authorization"] == f"Basic {pair}"
    assert headers["accept"] == headers["content-type"] == "application/json"


async def test_sends_further_headers_and_no_cookie() -> None:
    """Headers of the configuration are in each request."""
    query = Query(Identifier.mobile("1"))
    headers = (await received(query, headers={"X-Further": "yes"})).headers
    assert headers["x-further"] == "yes"
    assert headers["user-agent"].startswith("capillary-interactions/")
    assert "cookie" not in headers


async def test_fetches_a_token_and_sends_it() -> None:
    """Key and secret go in a POST of JSON, the token and the attribution in headers."""
    token = orjson.dumps({"data": {"accessToken": "t0ken", "ttlSeconds": 300}, "errors": None})

    async with ByteServer(always(answer(200, token))) as server:
        auth = OAuth("key", "secret", attribution=("STORE_CODE", "S1"))
        async with client_for(server.base_url, auth=auth) as client:
            await client.lookup(Identifier.mobile("1"))
        posted, sent = server.received[:2]
    assert posted.head.startswith(b"POST /v3/oauth/token/generate HTTP/1.1\r\n")
    assert orjson.loads(posted.body) == {"key": "key", "secret": "secret"}
    assert posted.headers.keys().isdisjoint({"x-cap-api-oauth-token", "authorization"})
    assert sent.target == f"{V1_1}?format=json&identifierName=mobile&mobile=1"
    assert sent.headers["x-cap-api-oauth-token"] == "t0ken"
    assert sent.headers["x-cap-api-attribution-entity-type"] == "STORE_CODE"
    assert sent.headers["x-cap-api-attribution-entity-code"] == "S1"
    assert "authorization" not in sent.headers


async def test_returns_no_cookie() -> None:
    """A cookie of a proxy in front of the API is dropped."""
    cookie = "Set-Cookie: _cfuvid=x; Path=/; HttpOnly"
    async with ByteServer(always(answer(200, KNOWN, cookie))) as server:
        async with client_for(server.base_url) as client:
            for number in range(3):
                await client.lookup(Identifier.mobile(str(number)))
        assert server.connections == 1
        assert all("cookie" not in request.headers for request in server.received)
