"""A client whose quota is shared: whom it shares it with, and what it says when it cannot."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from capillary_interactions import (
    BasicAuth,
    ConfigurationError,
    Found,
    InteractionsClient,
    OAuth,
    Unavailable,
)
from capillary_interactions.events import Event, SharedQuotaLost
from tests.fakes import TILL, Server, customer, customers, settings
from tests.tables import table

# Nothing listens there.
_NOWHERE: Final = "redis://:hush@127.0.0.1:1"


def _files(folder: Path, **changes: Any) -> set[str]:
    """The state files of a client with these settings."""
    before = set(folder.iterdir())
    config = evolve(settings(shared=f"file:{folder}/quota"), **changes)
    InteractionsClient(config, transport=Server())
    return {file.name for file in set(folder.iterdir()) - before}


def test_shares_with_those_that_have_the_same_credential_endpoint_and_limit(
    tmp_path: Path,
) -> None:
    """However these are written; every credential has a quota of its own."""
    first = _files(tmp_path)
    assert len(first) == 1
    assert not _files(tmp_path, in_flight=3, base_url="https://API.example.com:443/")
    assert not _files(tmp_path, auth=BasicAuth.from_md5("till", TILL.md5()))
    others: list[dict[str, Any]] = [
        {"auth": BasicAuth("till", "other")},
        {"auth": OAuth("till", "password")},
        {"base_url": "https://eu.example.com"},
        {"base_url": "https://api.example.com/x"},
        {"rate": "100000/2"},
    ]
    for changes in others:
        assert len(_files(tmp_path, **changes)) == 1, changes
    assert len(_files(tmp_path, auth=[TILL, BasicAuth("a", "b"), BasicAuth("c", "d")])) == 2


def test_refuses_a_pace_beside_it(tmp_path: Path) -> None:
    """Neither would keep the quota with the other."""
    config = settings(shared=f"file:{tmp_path}/quota")
    with pytest.raises(ConfigurationError, match=r"^shared and pace contradict"):
        InteractionsClient(config, pace=object())  # type: ignore[arg-type]


def test_refuses_a_file_that_cannot_be_used_at_the_start(tmp_path: Path) -> None:
    """Not in the tenth minute."""
    with pytest.raises(ConfigurationError, match=r"^shared .* directory"):
        InteractionsClient(settings(shared=f"file:{tmp_path}/none/quota"))


async def test_looks_up_and_leaves_nothing_open(tmp_path: Path) -> None:
    """As often as it is entered."""
    client = InteractionsClient(
        settings(shared=f"file:{tmp_path}/quota"), transport=Server(takes=0.0)
    )
    for _ in range(2):
        async with client:
            outcomes = await client.lookup_all(customers(5))
        assert {type(outcome) for outcome in outcomes} == {Found}
        assert not _opened_below(tmp_path)


def _opened_below(folder: Path) -> list[str]:
    """The files there that this process has open, on a system that says so."""
    opened = []
    for link in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            opened.append(str(link.readlink()))
    return [name for name in opened if name.startswith(str(folder))]


@table(
    ("fallback", "ending", "rate"),
    [
        ({}, Unavailable, 0.0),
        ({"shared_fallback": "local", "expected_workers": 4}, Found, 25_000.0),
    ],
)
async def test_says_once_that_the_quota_is_out_of_reach(
    caplog: pytest.LogCaptureFixture, fallback: dict[str, Any], ending: type, rate: float
) -> None:
    """By an event, a line of the log, the snapshot and the outcomes; without the password."""
    events: list[Event] = []
    client = InteractionsClient(
        settings(shared=_NOWHERE, **fallback),
        transport=Server(takes=0.0),
        observers=[events.append],
    )
    caplog.clear()
    async with client, asyncio.timeout(10.0):
        outcomes = await client.lookup_all(customers(20))
        reason = client.snapshot().outage
    assert {type(outcome) for outcome in outcomes} == {ending}
    (lost,) = [event for event in events if isinstance(event, SharedQuotaLost)]
    assert (lost.credential, lost.rate, lost.reason) == (0, rate, reason)
    assert reason == "Redis at redis://***@127.0.0.1:1 has no connection (Connection refused)"
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert reason in line.getMessage()
    for outcome in outcomes:
        if isinstance(outcome, Unavailable):
            assert outcome.reason == f"the shared quota cannot be reached: {reason}"
            assert outcome.retry_after is not None


async def test_names_the_quota_in_a_check() -> None:
    """And not the credentials, which could not be tried."""
    server = Server()
    async with InteractionsClient(settings(shared=_NOWHERE), transport=server) as client:
        (step,) = (await client.check()).steps
    assert (step.name, step.status) == ("shared", "failed")
    assert "redis://***@127.0.0.1:1 has no connection" in step.detail
    assert "CAPILLARY_SHARED" in step.advice
    assert not server.requests


async def test_ends_a_lookup_that_waits_when_its_deadline_comes_first() -> None:
    """Before it is known that the quota is out of reach, the deadline counts."""
    client = InteractionsClient(settings(shared=_NOWHERE), transport=Server())
    async with client:
        outcome = await client.lookup(customer(), timeout=0.01)
    assert isinstance(outcome, Unavailable)
    assert outcome.attempts == 0
