"""Which servers NO_PROXY names: the same ones as curl's, where it knows them."""

import asyncio
import os
import shutil
from typing import Final

import pytest

from capillary_interactions._config.no_proxy import is_exempt
from tests.tables import table

# NO_PROXY, the host and the port of the server, and whether it is reached without a proxy.
_LIKE_CURL: Final = (
    ("", "a.example", 80, False),
    ("*", "a.example", 80, True),
    ("*", "10.1.2.3", 80, True),
    ("b.example,*", "a.example", 80, False),
    ("a.example", "a.example", 80, True),
    (".a.example", "a.example", 80, True),
    ("example", "a.example", 80, True),
    (".example", "a.example", 8080, True),
    ("xample", "a.example", 80, False),
    ("a.example", "b.a.example", 80, True),
    ("b.a.example", "a.example", 80, False),
    ("*.example", "a.example", 80, False),
    ("A.Example", "a.example", 80, True),
    ("a.example", "A.EXAMPLE", 80, True),
    ("a.example.", "a.example", 80, True),
    ("a.example", "a.example.", 80, True),
    ("b.example, a.example", "a.example", 80, True),
    ("b.example a.example", "a.example", 80, True),
    ("b.example\ta.example", "b.example", 80, True),
    (",,a.example,,", "a.example", 80, True),
    (".", "a.example", 80, False),
    ("localhost", "localhost", 8080, True),
    ("localhost", "127.0.0.1", 8080, False),
    ("127.0.0.1", "localhost", 8080, False),
    ("127.0.0.1", "127.0.0.1", 8080, True),
    ("<local>", "intranet", 80, False),
    ("10.0.0.0/8", "10.1.2.3", 80, True),
    ("10.0.0.0/8", "11.1.2.3", 80, False),
    ("10.1.0.0/8", "10.9.2.3", 80, True),
    ("10.1.2.0/24", "10.1.3.3", 80, False),
    ("10.1.2.3/32", "10.1.2.3", 80, True),
    ("10.0.0.0/33", "10.1.2.3", 80, False),
    ("10.0.0.0/255.0.0.0", "10.1.2.3", 80, False),
    ("10.0.0.0/8", "a.10.example", 80, False),
    ("10.", "10.1.2.3", 80, False),
    ("2.3", "10.1.2.3", 80, False),
    ("::1", "::1", 8080, True),
    ("2001:DB8::1", "2001:db8::1", 80, True),
    ("::1", "::2", 80, False),
)
# curl 7.88 knows no ports (requests does), no networks of IPv6 and no other spelling of an address.
_BEYOND_CURL: Final = (
    ("a.example:443", "a.example", 443, True),
    ("a.example:443", "a.example", 8443, False),
    ("example:8443", "a.example", 8443, True),
    ("127.0.0.1:8080", "127.0.0.1", 8080, True),
    ("127.0.0.1:8080", "127.0.0.1", 80, False),
    ("[::1]", "::1", 8080, True),
    ("[::1]:8080", "::1", 8080, True),
    ("[::1]:8080", "::1", 80, False),
    ("0:0:0:0:0:0:0:1", "::1", 80, True),
    ("0.0.0.0/0", "10.1.2.3", 80, False),
    ("2001:db8::/32", "2001:db8::1", 80, True),
    ("::/0", "::1", 80, False),
    ("fe80::/10", "fe80::1", 80, True),
    ("fe80::/10", "fe80::1%eth0", 80, True),
    ("fe80::/10", "2001:db8::1", 80, False),
)


@table(("no_proxy", "host", "port", "exempt"), [*_LIKE_CURL, *_BEYOND_CURL])
def test_exempts_a_server(no_proxy: str, host: str, port: int, *, exempt: bool) -> None:
    """Names, domains, addresses and networks, with ports or without."""
    assert is_exempt(no_proxy, host, port) is exempt


async def _tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A proxy is asked for a tunnel, as curl is to connect to another port than the URL's.
    head = await reader.readuntil(b"\r\n\r\n")
    body = b"proxy" if head.startswith(b"CONNECT") else b"server"
    status = 403 if head.startswith(b"CONNECT") else 200
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
    writer.close()


async def test_exempts_the_servers_that_curl_exempts() -> None:
    """The program itself is asked about each row."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed (apt-get install curl)")
    turns = asyncio.Semaphore(4)
    async with await asyncio.start_server(_tell, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

        async def exempts(no_proxy: str, host: str, port: int) -> bool:
            name = f"[{host}]" if ":" in host else host
            async with turns:
                process = await asyncio.create_subprocess_exec(
                    *(curl, "-q", "-s", "-g", "-m", "10", "-o", os.devnull),
                    *("-w", "%{http_connect} %{http_code}", "--connect-to", f"::{address}"),
                    f"http://{name}:{port}/",
                    env={"http_proxy": f"http://{address}", "no_proxy": no_proxy},
                    stdout=asyncio.subprocess.PIPE,
                )
                output, _ = await process.communicate()
            return {b"403 000": False, b"000 200": True}[output]

        found = await asyncio.gather(*(exempts(*row[:3]) for row in _LIKE_CURL))
    assert [
        row for row, exempt in zip(_LIKE_CURL, found, strict=True) if row[3] is not exempt
    ] == []
