"""Runs the FastAPI application of `web_app.py` under uvicorn, in a process of its own."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks._suite.clients import CLIENT_CORE, ROOT, THIS, Checkout


@contextmanager
def application(upstream: str, checkout: Checkout = THIS) -> Iterator[str]:
    """The address of the application, for as long as the block lasts.

    Args:
        upstream: The base URL of what it looks customers up at.
        checkout: Whose library it has.
    """
    command = (
        *checkout.command(CLIENT_CORE, "uvicorn", "benchmarks.servers.web_app:app"),
        *("--port", "0", "--no-access-log", "--backlog", "1024"),
    )
    settings = {
        "CAPILLARY_BASE_URL": upstream,
        "CAPILLARY_USERNAME": "sandbox",
        "CAPILLARY_PASSWORD": "sandbox",
        "CAPILLARY_RATE": "1000000/1",
    }
    with subprocess.Popen(
        command, env={**os.environ, **settings}, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        try:
            lines = iter(process.stderr.readline, "")
            found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines)
            yield next(match[0] for match in found if match)
        finally:
            process.terminate()
            process.communicate()
