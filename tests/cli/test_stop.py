"""A Ctrl-C that comes before there is anything to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from capillary_interactions import BasicAuth, ClientConfig
from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions.cli._bulk_job import JobOptions, run_job
from capillary_interactions.cli._bulk_stream import StreamOptions, run
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import INTERRUPTED
from capillary_interactions.jobs import CustomerList, QueryTemplate, StopRules

_QUIET = Console(quiet=True)


@pytest.fixture
def silent() -> Iterator[CustomerList]:
    """A pipe that stays silent."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as end, os.fdopen(writing, "wb"):
        yield CustomerList(source=end, identifier="mobile")


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@asynccontextmanager
async def _interrupted() -> AsyncIterator[ClientConfig]:
    """The configuration of a run that is interrupted while it is made."""
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(0.01)
    yield ClientConfig("http://127.0.0.1:9", BasicAuth("till", "secret"))


async def test_keeps_a_job_from_waiting_for_its_list(silent: CustomerList, tmp_path: Path) -> None:
    """The run ends, and has made nothing."""
    bulk = JobOptions(
        customers=silent, out=tmp_path / "out.csv", config=_interrupted, stops=StopRules()
    )
    async with asyncio.timeout(5):
        assert await run_job(bulk, _QUIET) == INTERRUPTED
    assert _names(tmp_path) == []


async def test_keeps_a_pipe_from_waiting_for_its_list(silent: CustomerList, tmp_path: Path) -> None:
    """The run ends, and has opened nothing."""
    out = tmp_path / "out"
    bulk = StreamOptions(
        customers=silent,
        template=QueryTemplate(name=IdentifierName.MOBILE),
        open_out=lambda: out.open("wb"),
        out=str(out),
        config=_interrupted,
    )
    async with asyncio.timeout(5):
        ended = await run(bulk, _QUIET)
    assert ended.code == INTERRUPTED
    assert not out.exists()
