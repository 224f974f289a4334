"""Through forward proxies that people run: tunnels, refusals, and the quota at the far end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import (
    Found,
    OAuth,
    RateLimit,
    Rejected,
    RetryPolicy,
    Timeouts,
    Unavailable,
)
from capillary_interactions._client.credential_pool import build_transport
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request
from tests.tables import table

from .authorities import Authority
from .byte_server import KNOWN, Behave, ByteServer, Received, always, answer
from .clients import CUSTOMER, client_for, config_for, mobiles
from .forward_proxies import PASSWORD, USER, ForwardProxy, behind_tls, squid, tinyproxy
from .lateness import Lateness
from .leaks import nothing_left
from .test_no_connection import refusing

TOKEN: Final = orjson.dumps({"data": {"accessToken": "t0ken", "ttlSeconds": 300}, "errors": None})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who has signed the server's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def asking() -> Iterator[ForwardProxy]:
    """A tinyproxy that wants credentials."""
    with tinyproxy() as proxy:
        yield proxy


async def answers(received: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with a token where one is asked for, and else with a customer."""
    writer.write(answer(200, TOKEN if received.body else KNOWN))


def server_of(authority: Authority, behave: Behave = answers) -> ByteServer:
    """A server whose certificate that authority has signed."""
    return ByteServer(behave, tls=authority.server())


def check_credentials_stay(server: ByteServer) -> None:
    """What is meant for the proxy does not reach the server."""
    assert all("proxy-authorization" not in request.headers for request in server.received)


@pytest.mark.parametrize("running", [tinyproxy, squid])
async def test_sends_many_requests_by_one_tunnel(
    running: Callable[[], AbstractContextManager[ForwardProxy]], authority: Authority
) -> None:
    """The proxy is asked once, with its credentials, and passes the rest on unread."""
    with running() as proxy:
        async with server_of(authority) as server, nothing_left():
            client = client_for(server.base_url, proxy=proxy.known_url, tls=authority.tls)
            async with client:
                outcomes = [await client.lookup(mobile) for mobile in mobiles(5)]
        assert all(isinstance(outcome, Found) for outcome in outcomes)
        assert (server.connections, len(server.received)) == (1, 5)
        check_credentials_stay(server)
        assert PASSWORD not in proxy.log.read_text()


async def test_posts_for_a_token_the_same_way(authority: Authority, asking: ForwardProxy) -> None:
    """Else a client of OAuth would have no token behind a proxy."""
    before = asking.tunnels()
    async with server_of(authority) as server:
        settings = {"proxy": asking.known_url, "tls": authority.tls, "auth": OAuth("key", "secret")}
        async with client_for(server.base_url, **settings) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
    assert [bool(request.body) for request in server.received] == [True, False]
    assert asking.tunnels() - before == server.connections == 1


async def test_passes_plain_http_to_the_proxy(asking: ForwardProxy) -> None:
    """It reads the whole URL, and the credentials that are meant for it."""
    async with ByteServer(always(answer())) as server, nothing_left():
        async with client_for(server.base_url, proxy=asking.known_url) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
        assert f"GET {server.base_url}" in asking.log.read_text()
    check_credentials_stay(server)


async def test_speaks_tls_with_a_proxy(authority: Authority, asking: ForwardProxy) -> None:
    """Its own TLS, and in it the server's."""
    async with (
        behind_tls(asking.address, authority.server()) as url,
        server_of(authority) as server,
        nothing_left(),
    ):
        known = url.replace("//", f"//{USER}:{PASSWORD}@")
        async with client_for(server.base_url, proxy=known, tls=authority.tls) as client:
            assert isinstance(await client.lookup(CUSTOMER), Found)
        async with client_for(server.base_url, proxy=known) as client:
            outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason.startswith(f"the TLS certificate of the proxy {url} is not accepted: ")
    assert outcome.attempts == 1


async def test_obeys_the_environment(
    authority: Authority, asking: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default, and NO_PROXY, and not where a proxy or none is set."""
    async with server_of(authority) as server:

        async def tunnels(**settings: Any) -> int:
            before = asking.tunnels()
            async with client_for(server.base_url, tls=authority.tls, **settings) as client:
                assert isinstance(await client.lookup(CUSTOMER), Found)
            return asking.tunnels() - before

        assert await tunnels() == 0
        monkeypatch.setenv("HTTPS_PROXY", asking.known_url)
        assert await tunnels() == 1
        assert await tunnels(proxy=None) == 0
        monkeypatch.setenv("NO_PROXY", "localhost, 127.0.0.0/8")
        assert await tunnels() == 0
        assert await tunnels(proxy=asking.known_url) == 1


async def refused_by(proxy: str, base_url: str, **settings: Any) -> Unavailable | Rejected:
    """How a lookup ends that gets no answer."""
    async with nothing_left(), client_for(base_url, proxy=proxy, **settings) as client:
        outcome = await client.lookup(CUSTOMER)
    assert isinstance(outcome, Unavailable | Rejected)
    assert PASSWORD not in str(outcome)
    return outcome


async def test_says_what_a_real_proxy_refuses(asking: ForwardProxy) -> None:
    """Once where asking again brings the same, with what to do."""
    wrong = asking.known_url.replace(PASSWORD, "wrong")
    refused = await refused_by(wrong, "https://api.example")
    assert refused.attempts == 1
    assert refused.reason == (
        f"the proxy {asking.url} refuses to connect (HTTP 401): it does not accept the user name "
        "and password of its URL"
    )
    with tinyproxy(asks=False, further="ConnectPort 443") as closed:
        refused = await refused_by(closed.url, "https://api.example:8443")
    assert refused.attempts == 1
    assert refused.reason == (
        f"the proxy {closed.url} refuses to connect (HTTP 403): it does not allow this host or port"
    )


async def test_says_what_squid_refuses() -> None:
    """Missing and wrong credentials differ; a server that it cannot reach may come back."""
    with squid() as proxy:
        wrong = proxy.known_url.replace(PASSWORD, "wrong")
        missing, false = [
            await refused_by(url, "https://api.example") for url in (proxy.url, wrong)
        ]
        async with refusing() as down:
            unreached = await refused_by(proxy.known_url, down.replace("http:", "https:"))
    refuses = f"the proxy {proxy.url} refuses to connect (HTTP 407): it "
    assert (
        missing.reason == f"{refuses}wants credentials, in its URL (http://user:password@host:port)"
    )
    assert false.reason == f"{refuses}does not accept the user name and password of its URL"
    assert (missing.attempts, false.attempts) == (1, 1)
    assert unreached.reason == f"the proxy {proxy.url} has no connection to the server (HTTP 503)"
    assert unreached.attempts == 3


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing."""
    writer.close()


async def greets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak another protocol."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    writer.close()


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request, and do nothing."""
    await reader.read()
    writer.close()


async def wants_kerberos(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse as a proxy of Windows does."""
    await reader.readuntil(b"\r\n\r\n")
    lines = b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n"
    writer.write(b"HTTP/1.1 407 Denied\r\n%b\r\n" % lines)
    writer.close()


NO_HTTP: Final = "{proxy} gave no answer of HTTP to CONNECT; look at its scheme and port"


@table(
    ("act", "scheme", "reason", "attempts"),
    [
        (closes, "http", NO_HTTP, 3),
        (greets, "http", NO_HTTP, 3),
        (hangs, "http", "no connection within 0.05 s through {proxy}", 3),
        (wants_kerberos, "http", "it wants Negotiate or NTLM, and only Basic is supported", 1),
        (greets, "https", "{proxy} does not speak TLS as its URL says; look at its scheme", 1),
    ],
)
async def test_says_what_is_no_proxy(act: Any, scheme: str, reason: str, attempts: int) -> None:
    """Neither the API nor the network is blamed, and a deadline ends what hangs."""
    async with await asyncio.start_server(act, "127.0.0.1", 0) as server:
        proxy = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        timeouts = Timeouts(connect=0.05 if act is hangs else 5.0)
        outcome = await refused_by(proxy, "https://api.example", timeouts=timeouts)
        if act is hangs:
            early = await refused_by(proxy, "https://api.example", timeouts=Timeouts(attempt=0.05))
            assert early.reason == f"no whole answer within 0.05 s through the proxy {proxy}"
    assert reason.format(proxy=f"the proxy {proxy}") in outcome.reason
    assert outcome.attempts == attempts


async def test_says_that_a_proxy_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that names it, and without its password."""
    async with refusing() as proxy:
        monkeypatch.setenv("https_proxy", proxy.replace("//", f"//{USER}:{PASSWORD}@"))
        outcome = await refused_by("env", "https://api.example")
    assert outcome.reason == f"no connection to the proxy {proxy} (https_proxy): Connection refused"
    unknown = await refused_by("no-such-host.invalid:3128", "https://api.example")
    assert unknown.reason == (
        "the host name of the proxy http://no-such-host.invalid:3128 does not resolve"
    )


@pytest.mark.measures
async def test_keeps_the_quota_at_the_far_end(authority: Authority, asking: ForwardProxy) -> None:
    """However long the tunnels take that are opened at once: 60 in any second at most."""
    limit, count = RateLimit(60, 1.0), 90
    async with server_of(authority) as server, Lateness() as lateness:
        settings = {"proxy": asking.known_url, "tls": authority.tls, "rate": limit}
        async with client_for(server.base_url, **settings) as client:
            outcomes = await client.lookup_all(mobiles(count))
    assert Counter(map(type, outcomes)) == {Found: count}
    times = [request.at for request in server.received]
    assert len(times) == count
    assert all(later - first > 1.0 for first, later in zip(times, times[60:], strict=False))
    assert (count - 1) / (times[-1] - times[0]) >= (0.8 - lateness.share) * 60


async def test_may_be_sent_once_its_tunnel_is_there(
    authority: Authority, asking: ForwardProxy
) -> None:
    """The pace is asked then, and not before: neither for one that is refused."""
    before = asking.tunnels()
    async with server_of(authority) as server:
        asked: list[int] = []

        async def before_send() -> None:
            asked.append(asking.tunnels() - before)

        request = Request(
            url=f"{server.base_url}/v1.1/customer/interaction?format=json&mobile=91",
            headers={"Authorization": "Basic x"},
            before_send=before_send,
        )
        for url, answered in ((asking.known_url, True), (asking.url, False)):
            config = config_for(server.base_url, proxy=url, tls=authority.tls)
            pool = build_transport(config, None)
            with nullcontext() if answered else pytest.raises(TransportError):
                assert (await pool.send(request, timeout=5.0)).status == 200
            await pool.aclose()
        server.received.clear()
    assert asked == [1]


async def test_opens_another_tunnel_for_a_stale_one(
    authority: Authority, asking: ForwardProxy
) -> None:
    """A server that drops kept-alive connections costs a request, and no back-off."""
    asked: Counter[int] = Counter()

    async def answers_once(_: Received, writer: asyncio.StreamWriter) -> None:
        asked[id(writer)] += 1
        if asked[id(writer)] > 1:
            writer.transport.abort()
        else:
            writer.write(answer())

    async with server_of(authority, answers_once) as server:
        settings = {"proxy": asking.known_url, "tls": authority.tls}
        async with client_for(server.base_url, **settings) as client:
            outcomes = [await client.lookup(mobile) for mobile in mobiles(2)]
            snapshot = client.snapshot()
    assert [outcome.attempts for outcome in outcomes] == [1, 2]
    assert (snapshot.requests, snapshot.retries) == (3, 0)
    assert len(server.received) == 3


async def test_tells_the_proxy_no_more_than_it_needs() -> None:
    """The server's name, the program and what is meant for the proxy: nothing of the request."""
    async with ByteServer(always(answer(502, b"")), described=False) as proxy:
        url = proxy.base_url.replace("//", f"//{USER}:{PASSWORD}@")
        await refused_by(url, "https://api.example", retry=RetryPolicy(attempts=1))
    (request,) = proxy.received
    assert request.head.startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
    assert request.headers["user-agent"].startswith("capillary-interactions/")
    assert request.headers["host"] == "api.example"
    assert set(request.headers) == {
        *("host", "user-agent", "proxy-authorization", "accept", "accept-encoding")
    }
