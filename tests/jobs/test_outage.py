"""A run pauses while the endpoint is down, probes it, and goes on or gives up."""

import asyncio
import math
from pathlib import Path
from typing import Any

import orjson
import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    EndpointDownError,
    InteractionsClient,
    RetryPolicy,
)
from capillary_interactions._protocol.messages import Request
from capillary_interactions.jobs import CustomerList, Job, Progress, StopRules
from capillary_interactions.jobs._run import outage
from capillary_interactions.jobs._run.job_run import JobRun
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.testing import FakeTransport, Response, interactions
from tests.tables import table

from .jobs_under_test import client_of, lines_of, mobile, mobiles, run_job

SOON = StopRules(unanswered=5, probe_initial=0.02, probe_max=0.1, give_up_after=20.0)


async def test_pauses_and_asks_now_and_then(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The list is not burnt: an outage costs no customer their outcome, and few requests."""
    path = mobiles(tmp_path / "l.csv", range(200))
    paused: list[str | None] = []

    def watch(progress: Progress) -> None:
        paused.append(progress.paused)
        if progress.paused and sandbox.faults:
            asked.append(sandbox.counts.received)
            if len(asked) == 3:
                sandbox.faults = 0.0

    asked: list[int] = []
    sandbox.faults = {"error_500": 1.0}
    report = await run_job(sandbox, path, job_path, stops=SOON, progress=watch)
    assert report.status.endings["found"] == 200
    # Two attempts each: five lookups, those under way with them, and the probes.
    assert asked[0] <= 2 * (5 + 2 * 8)
    assert asked[-1] - asked[0] <= 2 * 12
    assert any(paused)
    assert report.run.stopped is None


async def test_gives_up_after_a_while(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """The run raises, the rows stay open, and a later run asks for all of them."""
    path = mobiles(tmp_path / "l.csv", range(100))
    sandbox.faults = {"error_500": 1.0}
    stops = StopRules(unanswered=5, probe_initial=0.02, give_up_after=0.2)
    with pytest.raises(EndpointDownError, match="lookups in a row had no answer"):
        await run_job(sandbox, path, job_path, stops=stops)
    async with Job.open(job_path) as job:
        assert (await job.status()).open >= 80
        assert "had no answer" in ((await job.report()).run.stopped or "")
    sandbox.faults = 0.0
    report = await run_job(sandbox, path, job_path)
    assert report.complete
    assert report.status.endings["found"] >= 80


async def test_names_the_last_failure_where_it_is_stopped(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """What is wrong is not hidden behind the retry budget: not in the pause, nor in the report."""
    sandbox.faults = {"error_500": 1.0}
    path = mobiles(tmp_path / "l.csv", range(100))
    paused: list[str] = []
    async with (
        client_of(sandbox, retry=RetryPolicy(budget=0)) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):

        def watch(progress: Progress) -> None:
            if progress.paused:
                paused.append(progress.paused)
                job.stop(drain=0.1)

        report = await job.run(client, stops=SOON, progress=watch)
    assert paused[0].startswith("retry budget spent: the server failed (500)")
    assert report.run.stopped == f"it was asked to stop while nothing answered ({paused[0]})"


async def test_pauses_after_a_silence(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """Few failures in a row are enough if there has been no answer for long."""
    sandbox.faults = {"error_500": 1.0}
    stops = StopRules(unanswered=None, silence=0.001, probe_initial=0.01, give_up_after=0.05)
    with pytest.raises(EndpointDownError):
        await run_job(sandbox, mobiles(tmp_path / "l.csv", range(50)), job_path, stops=stops)
    assert sandbox.counts.received < 60


async def test_does_not_mistake_customers_for_an_outage(tmp_path: Path, job_path: Path) -> None:
    """Customers who fail each time end as unavailable, however many of them stand together."""
    broken: dict[str, Any] = {mobile(n): (500, {}, b"no") for n in range(20, 50)}
    async with Sandbox(unknown=0, answers=broken) as sandbox:
        path = mobiles(tmp_path / "l.csv", range(80))
        report = await run_job(sandbox, path, job_path, stops=SOON)
    assert report.complete
    assert report.status.endings["unavailable"] == 30
    lines = await lines_of(job_path)
    assert [line["row"] for line in lines if line["outcome"] == "unavailable"] == [*range(21, 51)]


@pytest.mark.parametrize("count", [1, 4, 30])
async def test_comes_to_an_end_where_everybody_fails(
    tmp_path: Path, job_path: Path, count: int
) -> None:
    """A list for which no customer is answered is done, or given up, and never hangs."""
    async with Sandbox(faults={"error_500": 1.0}) as sandbox:
        path = mobiles(tmp_path / "l.csv", range(count))
        stops = StopRules(unanswered=5, probe_initial=0.01, probe_max=0.01, give_up_after=9.0)
        report = await run_job(sandbox, path, job_path, stops=stops)
    assert report.status.endings["unavailable"] == count


async def test_stops_during_a_pause(sandbox: Sandbox, tmp_path: Path, job_path: Path) -> None:
    """A run that is asked to stop does not wait for the endpoint."""
    sandbox.faults = {"error_500": 1.0}
    path = mobiles(tmp_path / "l.csv", range(100))
    holder: list[JobRun] = []

    def watch(progress: Progress) -> None:
        if progress.paused:
            holder[0].stop(1.0)

    original = JobRun.run

    async def run(self: JobRun) -> None:
        holder.append(self)
        await original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobRun, "run", run)
        report = await run_job(
            sandbox, path, job_path, stops=StopRules(probe_initial=60.0), progress=watch
        )
    assert report.run.stopped is not None
    assert report.status.open >= 80


async def test_records_failures_before_it_stops(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Too few for an outage are outcomes of their customers, also when the run is stopped."""
    sandbox.faults, sandbox.latency = {"error_500": 1.0}, 0.05
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(100)), identifier="mobile")
    async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
        report = await job.run(client, in_flight=1, progress=lambda _: job.stop())
    assert 1 <= report.run.asked < 20
    assert report.status.endings["unavailable"] == report.run.asked


@pytest.mark.parametrize(
    "rules",
    [
        StopRules(unanswered=None, silence=None),
        StopRules(unanswered=None, silence=math.inf),
        # A pause is allowed, though so late that it does not come.
        StopRules(unanswered=10**9, silence=None),
    ],
)
async def test_records_at_once_where_it_never_pauses(
    tmp_path: Path, job_path: Path, rules: StopRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends is recorded soon whatever the endpoint does, and memory stays flat."""
    monkeypatch.setattr(outage, "_MAX_HELD", 10)
    behind: list[int] = []

    def watch(progress: Progress) -> None:
        behind.append(progress.asked - progress.status.done)

    async with Sandbox(faults={"error_500": 1.0}) as sandbox:
        customers = CustomerList(mobiles(tmp_path / "l.csv", range(1000)), identifier="mobile")
        async with client_of(sandbox) as client, Job.open(job_path, customers) as job:
            running = asyncio.create_task(job.run(client, stops=rules, progress=watch))
            while len(behind) < 3:
                await asyncio.sleep(0.02)
            running.cancel()
            await asyncio.wait({running})
            report = await job.report()
    # What has ended since the last write is on its way.
    assert behind[-1] < 10 + 3 * 8 + 1000 / 4
    assert report.status.endings["unavailable"] == report.run.asked > 0


async def test_loses_no_customer_who_was_asked_for_when_the_answers_came_back(
    tmp_path: Path, job_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe is broken off by another customer's answer; its customer still gets an outcome."""
    hung, late = mobile(1), mobile(0)
    asked: list[str] = []

    async def send(request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109
        value = request.url.rpartition("=")[2]
        asked.append(value)
        if value == late:
            await asyncio.sleep(0.05)
        elif value == hung and asked.count(hung) > 1:
            await asyncio.sleep(0 if asked.count(hung) > 2 else 0.2)
        else:
            return Response(status=500)
        return Response(status=200, body=orjson.dumps(interactions()))

    transport = FakeTransport()
    monkeypatch.setattr(transport, "send", send)
    config = ClientConfig(
        "https://api.example.test", BasicAuth("u", "p"), retry=RetryPolicy(attempts=1)
    )
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(4)), identifier="mobile")
    rules = StopRules(unanswered=3, probe_initial=0.01, give_up_after=1e9)
    async with (
        asyncio.timeout(5.0),
        InteractionsClient(config, transport=transport) as client,
        Job.open(job_path, customers) as job,
    ):
        report = await job.run(client, stops=rules)
    assert report.complete


def test_doubles_the_time_between_probes() -> None:
    """Up to the most that is allowed."""
    rules = StopRules(probe_initial=2.0, probe_max=60.0)
    assert [rules.probe_delay(n) for n in (0, 1, 4, 5, 5000)] == [2.0, 4.0, 32.0, 60.0, 60.0]


@table(
    "settings",
    [
        {"unanswered": 0},
        {"silence": 0.0},
        {"silence": math.nan},
        {"probe_initial": -1.0},
        {"give_up_after": -1.0},
        {"rejected_share": 1.5},
        {"rejected_of": 0},
    ],
)
def test_refuses_rules_that_cannot_work(settings: dict[str, Any]) -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match=f"stops.{next(iter(settings))}"):
        StopRules(**settings)


def test_may_wait_for_ever() -> None:
    """`give_up_after` may be infinite."""
    assert StopRules(give_up_after=math.inf, silence=math.inf).give_up_after == math.inf
