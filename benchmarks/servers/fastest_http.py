"""The fastest HTTP server that Python alone can be: one canned answer to whatever is asked.

Runs in a process of its own, so that it and the client under measurement do not share one core.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SAMPLE = Path(__file__).parents[2] / "tests" / "samples" / "documented.json"
_END = b"\r\n\r\n"


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


async def _serve() -> None:
    body = _SAMPLE.read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    answer = head.encode() + _END + body
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Canned(answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The owner's end closes the pipe.
    await asyncio.to_thread(sys.stdin.buffer.read)


@contextmanager
def fast_server() -> Iterator[str]:
    """The base URL of a server in another process, for as long as the block lasts."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
