"""A cancelled export leaves everything as it was."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions.jobs import Job
from capillary_interactions.jobs._export import job_rows
from capillary_interactions.jobs._store.records import ResultRow, parse_result_row
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import mobiles, names, run_job

FORMATS = ("jsonl", "csv", "parquet", "sqlite", "csv.gz")


@pytest.mark.parametrize("form", FORMATS)
async def test_leaves_all_as_it_was_when_it_is_cancelled(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """It is over when `export` is, and neither the old result nor anything beside it is touched."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(50)), tmp_path / "x.job")
    out = tmp_path / f"o.{form}"
    out.write_text("old")
    loop, half = asyncio.get_running_loop(), asyncio.Event()
    go_on, seen = threading.Event(), list[int]()

    def slowly(found: tuple[Any, ...]) -> ResultRow:
        seen.append(found[0])
        if found[0] == 25:
            loop.call_soon_threadsafe(half.set)
            go_on.wait(5)
        return parse_result_row(found)

    monkeypatch.setattr(job_rows, "parse_result_row", slowly)
    async with Job.open(tmp_path / "x.job") as job:
        writing = asyncio.create_task(job.export(out))
        await half.wait()
        writing.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert seen[-1] == 25
        assert out.read_text() == "old"
        assert names(tmp_path, ".*") == []
        await job.export(out)
    assert out.read_bytes() != b"old"
