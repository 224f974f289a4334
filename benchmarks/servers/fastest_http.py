"""The fastest HTTP server that Python alone can be: one canned answer to whatever is asked.

Runs in a process of its own, so that it and the client under measurement do not share one core.
"""

import asyncio
import gzip
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trustme

_SAMPLE = Path(__file__).parents[2] / "tests" / "samples" / "documented.json"
_END = b"\r\n\r\n"
# Thirteen with Content-Length, as a load balancer, a CDN and a Java application send them.
_PRODUCTION: Final = {
    "Date": "Sat, 29 Nov 2025 12:00:00 GMT",
    "Content-Type": "application/json;charset=utf-8",
    "Content-Encoding": "gzip",
    "Connection": "keep-alive",
    "Server": "cloudflare",
    "Vary": "Accept-Encoding",
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Cap-Requestid": "f3a1c6de-5d1b-4b7e-9f0a-6f8d0f1f2a3b",
    "CF-RAY": "9a5d2c1e8f3b7a64-BOM",
}


class _Canned(asyncio.Protocol):
    """Answers each request head with the same bytes; GET only, so no body ever comes in."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as have come in whole."""
        *heads, self._rest = (self._rest + data).split(_END)
        if heads:
            self._transport.write(self._answer * len(heads))


async def _serve(answer: bytes, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Canned(answer), "127.0.0.1", 0, backlog=1024, ssl=context
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # The owner's end closes the pipe.
    await asyncio.to_thread(sys.stdin.buffer.read)


def _answer(headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(("HTTP/1.1 200 OK", *lines, f"Content-Length: {len(body)}"))
    return head.encode() + _END + body


@contextmanager
def fast_server(core: int = -1) -> Iterator[str]:
    """The base URL of a server in another process, for as long as the block lasts.

    Args:
        core: The CPU it runs on, or -1 for any.
    """
    with _process(core) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def production_server(core: int = -1) -> Iterator[tuple[str, str]]:
    """The same with TLS, gzip and the headers of a server on the internet.

    Args:
        core: The CPU it runs on, or -1 for any.

    Yields:
        Its base URL, and a file of the authority that signed its certificate.
    """
    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        certificate, trusted = Path(folder, "server.pem"), Path(folder, "authority.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(trusted)
        with _process(core, str(certificate)) as port:
            yield f"https://127.0.0.1:{port}", str(trusted)


@contextmanager
def _process(core: int, *certificate: str) -> Iterator[int]:
    command = [sys.executable, __file__, str(core), *certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield int(process.stdout.readline())
        process.communicate()


def main() -> None:
    """Serve until the owner is gone: on a CPU, and with TLS where there is a certificate."""
    core, *certificate = sys.argv[1:]
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    body = _SAMPLE.read_bytes()
    if not certificate:
        asyncio.run(_serve(_answer({"Content-Type": "application/json"}, body), None))
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[0])
    asyncio.run(_serve(_answer(_PRODUCTION, gzip.compress(body)), context))


if __name__ == "__main__":
    main()
