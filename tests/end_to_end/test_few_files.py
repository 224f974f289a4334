"""A machine that runs short of open files: no fault of the server's, nor of a customer's."""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from capillary_interactions import Found, InteractionsClient, Unavailable
from capillary_interactions.sandbox import SandboxProcess

from .byte_server import Wire, always, answer
from .clients import CUSTOMER, client_for, mobiles

CUSTOMERS = 120
WORD = "too many open files: lower --in-flight or raise ulimit -n"


@contextmanager
def open_at_most(further: int) -> Iterator[None]:
    """So many files may be opened beyond those that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A descriptor's number counts, and those in between may be free.
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(further + 1)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1], hard))
    for each in held:
        os.close(each)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_costs_no_outcome_no_token_and_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """A failure of this machine costs neither outcomes nor tokens; what never left is not sent."""
    async with SandboxProcess(unknown=0, latency=0.01) as sandbox:
        auth, port = sandbox.client_config().auth, urlsplit(sandbox.base_url).port
        # For one of them the name server's files lack as well.
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
    """Everything is found, at one request each, and one line of the log says what is lacking."""
    # Loop, resolver and log have what they need.
    assert isinstance(await client.lookup(CUSTOMER), Found)
    with open_at_most(10), caplog.at_level(logging.WARNING, "capillary_interactions"):
        outcomes = await client.lookup_all(mobiles(CUSTOMERS))
        snapshot = client.snapshot()
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert snapshot.shortage == WORD
    assert snapshot.requests == CUSTOMERS + 1
    assert snapshot.retries == 0
    assert snapshot.retry_budget == client.config.retry.budget
    assert [record.getMessage() for record in caplog.records] == [
        f"credential 0 sends fewer requests at once: {WORD}"
    ]


async def test_says_so_where_there_is_no_time_to_wait() -> None:
    """A deadline holds, and the reason names what this machine lacks."""
    async with Wire(always(answer())) as wire, client_for(wire.base_url) as client:
        with open_at_most(0):
            outcome = await client.lookup(mobiles(1)[0], timeout=0.2)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == WORD
    assert outcome.attempts == 0
    assert client.snapshot().requests == 0
