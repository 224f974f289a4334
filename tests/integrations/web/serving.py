"""Applications under a real uvicorn: in this process, and in another one by its command line."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvicorn
from attrs import define

_ROOT: Final = Path(__file__).parents[3]
_TIMEOUT: Final = 30.0


@define
class Served:
    """An application in another process.

    Attributes:
        base_url: Where it listens.
        process: Its process.
        log: What it has written.
    """

    base_url: str
    process: asyncio.subprocess.Process
    log: bytearray

    def terminate(self) -> None:
        """Ask it to stop, as an orchestrator does."""
        self.process.send_signal(signal.SIGTERM)

    async def wrote(self, text: bytes) -> None:
        """Wait until it has written something."""
        async with asyncio.timeout(_TIMEOUT):
            while text not in self.log:
                await asyncio.sleep(0.002)


def environment(base_url: str, **settings: str) -> dict[str, str]:
    """What an operator would set."""
    return {
        "CAPILLARY_BASE_URL": base_url,
        "CAPILLARY_USERNAME": "sandbox",
        "CAPILLARY_PASSWORD": "sandbox",
        "CAPILLARY_RATE": "100000/1",
        **settings,
    }


@asynccontextmanager
async def elsewhere(application: str, base_url: str, **settings: str) -> AsyncIterator[Served]:
    """Serve an application by uvicorn's command line, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", application, "--port", "0", "--backlog", "1024"),
        env={**os.environ, "PYTHONPATH": str(_ROOT), **environment(base_url, **settings)},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    served = Served("", process, bytearray())
    reading = asyncio.create_task(_read(served))
    try:
        await served.wrote(b"Uvicorn running on")
        address = re.search(rb"http://127\.0\.0\.1:\d+", served.log)
        assert address is not None
        served.base_url = address[0].decode()
        yield served
    finally:
        if process.returncode is None:
            served.terminate()
        async with asyncio.timeout(_TIMEOUT):
            await process.wait()
            await reading


async def _read(served: Served) -> None:
    assert served.process.stderr is not None
    while part := await served.process.stderr.read(4096):
        served.log += part


@asynccontextmanager
async def here(app: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """An application under a server in this process, and a session with connections at will."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session:
        yield session
    server.should_exit = True
    await task
