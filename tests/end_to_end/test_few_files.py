"""A machine that runs out of file descriptors: neither the server's fault nor a customer's."""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from capillary_interactions import Found, InteractionsClient, Unavailable
from capillary_interactions.sandbox import SandboxProcess

from .byte_server import ByteServer, always, answer
from .clients import CUSTOMER, client_for, mobiles

CUSTOMERS = 60
REASON = "too many open files: lower --in-flight or raise ulimit -n"


@contextmanager
def open_at_most(further: int) -> Iterator[None]:
    """Limit the number of further files that this process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is on a descriptor's number, and lower ones may be free.
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(further + 1)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened[-1], hard))
    for descriptor in opened:
        os.close(descriptor)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_costs_no_outcome_no_token_and_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """A failure of this machine costs neither outcomes nor tokens, and counts as no request."""
    async with SandboxProcess(unknown=0, latency=0.01) as sandbox:
        auth, port = sandbox.client_config().auth, urlsplit(sandbox.base_url).port
        # For the name, the resolver needs descriptors too.
        for host in ("127.0.0.1", "localhost"):
            caplog.clear()
            client = client_for(f"http://{host}:{port}", auth=auth, in_flight=40)
            await check_with_few_files(client, caplog)
            await client.aclose()
        received = sandbox.counts().received
    assert received == 2 * (CUSTOMERS + 1)


async def check_with_few_files(
    client: InteractionsClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Check that all are found, at one request each, and that one log line names the shortage."""
    # Loop, resolver and log open their own files first.
    assert isinstance(await client.lookup(CUSTOMER), Found)
    with open_at_most(10), caplog.at_level(logging.WARNING, "capillary_interactions"):
        outcomes = await client.lookup_all(mobiles(CUSTOMERS))
        snapshot = client.snapshot()
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert snapshot.shortage == REASON
    assert snapshot.requests == CUSTOMERS + 1
    assert snapshot.retries == 0
    assert snapshot.retry_budget == client.config.retry.budget
    assert [record.getMessage() for record in caplog.records] == [
        f"credential 0 sends fewer requests at once: {REASON}"
    ]


async def test_is_the_reason_where_there_is_no_time_to_wait() -> None:
    """A deadline holds, and the reason names the shortage."""
    async with ByteServer(always(answer())) as server, client_for(server.base_url) as client:
        with open_at_most(0):
            outcome = await client.lookup(mobiles(1)[0], timeout=0.2)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == REASON
    assert outcome.attempts == 0
    assert client.snapshot().requests == 0
