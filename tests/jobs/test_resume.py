"""Runs that are cancelled before their first request."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions.jobs import CustomerList, Job
from capillary_interactions.jobs._run import resume
from capillary_interactions.jobs._store import job_file
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, mobiles


async def test_closes_the_file_of_a_new_job_that_is_cancelled_while_it_is_opened(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python 3.13 on, a connection that is not closed is warned of."""
    loop = asyncio.get_running_loop()
    opened, closed = list[Store](), list[Store]()

    class Slow(Store):
        """One that is cancelled while it opens its file."""

        def __init__(self, path: Path, **options: Any) -> None:
            super().__init__(path, **options)
            opened.append(self)
            loop.call_soon_threadsafe(running.cancel)
            time.sleep(0.02)

        def close(self) -> None:
            super().close()
            closed.append(self)

    monkeypatch.setattr(resume, "Store", Slow)
    customers = CustomerList(mobiles(tmp_path / "l.csv", [1]), identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        running = asyncio.create_task(job.run(client))
        with pytest.raises(asyncio.CancelledError):
            await running

    assert len(opened) == 1
    assert closed == opened


async def test_ends_a_run_that_is_cancelled_while_no_job_is_found(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first Ctrl-C ends it, however early; the cancellation is not lost."""
    loop = asyncio.get_running_loop()

    class Cancelling(Store):
        """One whose absence is found while the run is cancelled."""

        def __init__(self, path: Path, **options: Any) -> None:
            loop.call_soon_threadsafe(running.cancel)
            time.sleep(0.02)
            super().__init__(path, **options)

    customers = CustomerList(mobiles(tmp_path / "l.csv", [1]), identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        monkeypatch.setattr(job_file, "Store", Cancelling)
        running = asyncio.create_task(job.run(client))
        with pytest.raises(asyncio.CancelledError):
            await running
