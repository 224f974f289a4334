"""Forward proxies of Debian's, tinyproxy and Squid, for as long as a block lasts."""

import asyncio
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from attrs import frozen

from benchmarks.servers.brokers import free_port, running

from .byte_server import TASK

USER: Final = "branch-7"
PASSWORD: Final = "hush-91"

_TINYPROXY: Final = """\
Port {port}
Listen 127.0.0.1
Timeout 30
MaxClients 200
Allow 127.0.0.1
LogLevel Connect
LogFile "{home}/log"
{further}
"""
_SQUID: Final = """\
http_port 127.0.0.1:{port}
pid_filename none
cache deny all
cache_log {home}/cache.log
access_log stdio:{home}/log
coredump_dir {home}
shutdown_lifetime 0 seconds
visible_hostname squid.example
auth_param basic program /bin/sh {home}/knows
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""
# Squid's own question, line by line, and its answer.
_KNOWS: Final = f"""\
while read user password; do
    [ "$user $password" = "{USER} {PASSWORD}" ] && echo OK || echo ERR
done
"""


@frozen
class ForwardProxy:
    """A proxy that runs.

    Attributes:
        address: Its host and port.
        log: The file of its requests.
    """

    address: str
    log: Path

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"http://{self.address}"

    @property
    def known_url(self) -> str:
        """With the credentials that it accepts."""
        return f"http://{USER}:{PASSWORD}@{self.address}"

    def tunnels(self) -> int:
        """How many it was asked for."""
        return len(re.findall(r"CONNECT \S+:\d", self.log.read_text()))


def _binary(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install {name})")
    return found


@contextmanager
def tinyproxy(*, asks: bool = True, further: str = "") -> Iterator[ForwardProxy]:
    """A tinyproxy; where it asks, for `USER` and `PASSWORD`."""
    further += f"\nBasicAuth {USER} {PASSWORD}" if asks else ""
    with _started("tinyproxy", _TINYPROXY, further, "-d", "-c") as proxy:
        yield proxy


@contextmanager
def squid() -> Iterator[ForwardProxy]:
    """A Squid that asks for `USER` and `PASSWORD`."""
    with _started("squid", _SQUID, "", "-N", "-f") as proxy:
        yield proxy


@contextmanager
def _started(name: str, settings: str, further: str, *arguments: str) -> Iterator[ForwardProxy]:
    binary, port = _binary(name), free_port()
    # Not pytest's own folder: Squid takes on another user, who may not look into that one.
    with TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o777)
        (home / "knows").write_text(_KNOWS)
        conf = home / "conf"
        conf.write_text(settings.format(port=port, home=home, further=further))
        with running([binary, *arguments, str(conf)], home, port):
            yield ForwardProxy(f"127.0.0.1:{port}", home / "log")


@asynccontextmanager
async def behind_tls(address: str, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """A proxy that is reached by TLS; where."""
    host, _, port = address.rpartition(":")
    copying = set[asyncio.Task[None]]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port))
        loop = asyncio.get_running_loop()
        for source, target in ((reader, forth), (back, writer)):
            copying.add(loop.create_task(_copy(source, target), name=TASK))

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=tls) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*copying, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.transport.abort()
