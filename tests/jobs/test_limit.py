"""A run that looks up so many customers at most; the next one goes on behind them."""

from pathlib import Path

import pytest

from capillary_interactions import ConfigurationError
from capillary_interactions.jobs import StopRules
from capillary_interactions.sandbox import Sandbox
from tests.tables import table

from .jobs_under_test import mobile, mobiles, names, run_job


async def test_goes_on_behind_the_limit_of_the_last_run(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Neither duplicates nor rejected rows count, and no customer is asked for twice."""
    numbers = [1, 1, 2, 3, 2, 4, 5, 6, 7, 7, 7]
    path = mobiles(tmp_path / "l.csv", numbers)
    path.write_text(path.read_text().replace("\n", "\n,no number\n", 1))
    seen = []
    for _ in range(3):
        report = await run_job(sandbox, path, job_path, limit=3)
        seen.append((sandbox.counts.received, report.run.stopped, report.complete))

    assert seen == [
        (3, "its limit was 3 customers", False),
        (6, "its limit was 3 customers", False),
        (7, None, True),
    ]
    assert [sandbox.received_for(mobile(n)) for n in range(1, 8)] == [1] * 7


async def test_is_complete_where_the_limit_is_no_less_than_the_list(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Also where it is just as much, and more duplicates follow than are read at once."""
    path = mobiles(tmp_path / "l.csv", [1, 2, 3, *[2] * 500])
    report = await run_job(sandbox, path, job_path, limit=3)

    assert report.complete
    assert report.run.stopped is None
    assert report.status.rows == 503


async def test_counts_each_customer_once_however_often_they_are_looked_up(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """An outage makes a run look them up again; the limit is about customers."""
    path = mobiles(tmp_path / "l.csv", range(100))
    sandbox.faults = {"error_500": 1.0}

    def watch(progress: object) -> None:
        if sandbox.counts.received > 60:
            sandbox.faults = 0.0

    stops = StopRules(unanswered=5, probe_initial=0.01, probe_max=0.02, give_up_after=20.0)
    report = await run_job(sandbox, path, job_path, limit=20, stops=stops, progress=watch)

    assert report.status.done == 20
    assert [sandbox.received_for(mobile(n)) > 0 for n in range(100)] == [n < 20 for n in range(100)]


@table("limit", [0, -1, 1.5, True])
async def test_refuses_a_limit_that_is_none(
    sandbox: Sandbox, list_path: Path, job_path: Path, limit: object
) -> None:
    """Before anything is done."""
    with pytest.raises(ConfigurationError, match="limit"):
        await run_job(sandbox, list_path, job_path, limit=limit)
    assert names(job_path.parent) == ["l.csv"]
