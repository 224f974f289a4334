"""What does a run do where a firewall refuses customers before any has been answered?"""

from pathlib import Path
from typing import Any

import pytest

from capillary_interactions import AuthenticationError, Identifier
from capillary_interactions.jobs import CustomerList, Job
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, lines_of, mobile, mobiles, run_job

PAGE: Any = (403, {"Content-Type": "text/html"}, b"<html>Access Denied. Reference 18.abc</html>")


def _blocking(*numbers: int) -> dict[str, Any]:
    return {mobile(number): PAGE for number in numbers}


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("blocked", [1, 2, 4])
async def test_goes_on_where_the_first_customers_are_blocked(
    tmp_path: Path, job_path: Path, blocked: int, in_flight: int
) -> None:
    """They are rejected once another is answered, and every other customer is found."""
    path = mobiles(tmp_path / "l.csv", range(21))
    async with Sandbox(unknown=0, answers=_blocking(*range(blocked))) as sandbox:
        report = await run_job(sandbox, path, job_path, in_flight=in_flight)
        assert sandbox.counts.received == 21
    assert report.complete
    assert report.status.endings["rejected"] == blocked
    assert report.status.endings["found"] == 21 - blocked
    first = (await lines_of(job_path))[0]
    assert "by a proxy or firewall, not by the API" in first["reason"]


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("rows", [2, 4, 30])
async def test_records_nothing_where_every_customer_is_blocked(
    tmp_path: Path, job_path: Path, rows: int, in_flight: int
) -> None:
    """It is the credentials; each customer is asked for again when they are mended."""
    path = mobiles(tmp_path / "l.csv", range(rows))
    async with Sandbox(unknown=0, answers=_blocking(*range(rows))) as sandbox:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="HTTP 403 with a body that is not JSON"):
                await run_job(sandbox, path, job_path, in_flight=in_flight)
        assert sandbox.counts.received <= 2 * (5 + in_flight)
        async with Job.open(job_path) as job:
            assert (await job.report()).status.done == 0
        sandbox.answers = {}
        assert (await run_job(sandbox, path, job_path)).status.endings["found"] == rows


async def test_rejects_a_customer_who_is_the_only_one(tmp_path: Path, job_path: Path) -> None:
    """No other can tell what the refusal means, so the list comes to its end."""
    path = mobiles(tmp_path / "l.csv", [7])
    async with Sandbox(unknown=0, answers=_blocking(7)) as sandbox:
        report = await run_job(sandbox, path, job_path)
        assert report.complete
        assert report.status.endings["rejected"] == 1
        sandbox.answers = {}
        async with client_of(sandbox) as client, Job.open(job_path) as job:
            assert await job.retry(["rejected"]) == 1
            assert (await job.run(client)).status.endings["found"] == 1


async def test_believes_a_client_that_has_had_answers(tmp_path: Path, job_path: Path) -> None:
    """Two blocked customers are a whole list, and rejected, where the credentials are known."""
    path = mobiles(tmp_path / "l.csv", [1, 2])
    async with (
        Sandbox(unknown=0, answers=_blocking(1, 2)) as sandbox,
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        (await client.lookup(Identifier.mobile(mobile(3)))).unwrap()
        report = await job.run(client)
    assert report.status.endings["rejected"] == 2


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("page", [PAGE, (401, *PAGE[1:])])
async def test_leaves_rows_open_where_this_machine_is_blocked_midway(
    tmp_path: Path, job_path: Path, page: Any, in_flight: int
) -> None:
    """No row is rejected for a firewall that blocks everything from then on."""
    path = mobiles(tmp_path / "l.csv", range(60))
    answers: dict[str, Any] = {mobile(number): page for number in range(20, 60)}
    async with Sandbox(unknown=0, answers=answers) as sandbox:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="with no answer in between"):
                await run_job(sandbox, path, job_path, in_flight=in_flight)
            async with Job.open(job_path) as job:
                status = (await job.report()).status
            assert (status.endings["found"], status.endings["rejected"]) == (20, 0)
        sandbox.answers = {}
        assert (await run_job(sandbox, path, job_path)).status.endings["found"] == 60
