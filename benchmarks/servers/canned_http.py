"""A small HTTP server in a process of its own, cheap enough to leave the client its core."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import orjson
from attrs import frozen

_ROOT: Final = Path(__file__).parents[2]
_END: Final = b"\r\n\r\n"
BODY: Final = (_ROOT / "tests" / "samples" / "documented.json").read_bytes()
_REASONS: Final = {200: "OK", 404: "Not Found", 429: "Too Many Requests", 503: "Unavailable"}


@frozen(kw_only=True)
class Reply:
    """What a server says, and how long that takes it.

    Attributes:
        status: The HTTP status.
        body: JSON.
        retry_after: Seconds for the header of that name, or None to leave it out.
        takes: Seconds until it is sent.
    """

    status: int = 200
    body: bytes = BODY
    retry_after: int | None = None
    takes: float = 0.0

    def __bytes__(self) -> bytes:
        """As it goes over the wire."""
        hint = "" if self.retry_after is None else f"Retry-After: {self.retry_after}\r\n"
        head = (
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n{hint}\r\n"
        )
        return head.encode() + self.body


# From a request's target and the loop's time to the reply.
Answer = Callable[[str, float], Reply]


class _Connection(asyncio.Protocol):
    """Answers one request after the other; GET only, so no body ever comes in."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._rest = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as have come in whole."""
        *heads, self._rest = (self._rest + data).split(_END)
        for head in heads:
            target = head.split(b" ", 2)[1].decode()
            reply = self._answer(target, self._loop.time())
            if reply.takes:
                self._loop.call_later(reply.takes, self._transport.write, bytes(reply))
            else:
                self._transport.write(bytes(reply))


async def _serve(make: Callable[[Any], Answer]) -> None:
    answer = make(orjson.loads(sys.stdin.buffer.readline()))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The owner's end closes the pipe.
    await asyncio.to_thread(sys.stdin.buffer.read)


def serve(make: Callable[[Any], Answer]) -> None:
    """Serve until the owner is gone: the server's side of `running`."""
    asyncio.run(_serve(make))


@contextmanager
def running(module: str, settings: object) -> Iterator[str]:
    """The base URL of a server in another process, for as long as the block lasts.

    Args:
        module: The module that calls `serve` when it is run.
        settings: JSON that `serve` gives to its `make`.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(orjson.dumps(settings) + b"\n")
        process.stdin.flush()
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.communicate()


def ask(base_url: str, target: str) -> Any:
    """What a server of ours tells about itself; blocks for a moment."""
    with urlopen(base_url + target, timeout=10) as response:  # noqa: S310 - a loopback address
        return orjson.loads(response.read())
