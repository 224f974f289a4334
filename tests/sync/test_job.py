"""Jobs and tables, in a thread that waits for them."""

import threading
from pathlib import Path
from queue import SimpleQueue

import polars as pl
import pytest

from capillary_interactions import RetryPolicy
from capillary_interactions.jobs import CustomerList, JobInUseError, NoJobError, Progress
from capillary_interactions.sync import Job, lookup_table, plan_job
from capillary_interactions.sync._progress import ProgressRelay
from capillary_interactions.testing import interactions
from tests.fakes import Server, in_turn, settings
from tests.jobs.jobs_under_test import mobile, mobiles

from .clients import InThread, client_of, interrupted_when, until


def job_of(folder: Path, count: int) -> Job:
    """A job with a list of customers."""
    customers = CustomerList(mobiles(folder / "list.csv", range(count)), identifier="mobile")
    return Job.open(folder / "a.job", customers)


def test_goes_from_a_list_to_a_table(tmp_path: Path) -> None:
    """Every call of a job, in its order, by a thread that waits for each."""
    server = Server(in_turn(503, then=interactions()))
    with client_of(server, retry=RetryPolicy(attempts=1)) as client, job_of(tmp_path, 30) as job:
        assert job.run(client).complete
        assert job.status().endings["unavailable"] == 1
        assert job.retry() == 1
        report = job.run(client)
        assert report.status.endings["found"] == job.report().status.endings["found"] == 30
        assert job.export(tmp_path / "a.jsonl") == 30
        assert job.table().num_rows == job.record_batches().read_all().num_rows == 30
        assert job.retry_damaged() == 0
        assert job.forget("mobile", "+91 90000-00001").rows == 1
        assert job.retry(["found"]) == 29
        job.discard()
        for call in (job.status, job.report, lambda: job.write_report(tmp_path / "report.html")):
            with pytest.raises(NoJobError):
                call()
    assert len((tmp_path / "a.jsonl").read_bytes().splitlines()) == 30
    assert not job.path.exists()


def test_reports_progress_in_the_thread_that_waits(tmp_path: Path) -> None:
    """Where a notebook's bar or a session of a database is used; an error there stops the run."""
    threads: list[int] = []

    def show(_: Progress) -> None:
        threads.append(threading.get_ident())

    def fail(_: Progress) -> None:
        raise OSError("the bar is gone")

    with client_of(Server()) as client, job_of(tmp_path, 40) as job:
        with pytest.raises(OSError, match="the bar is gone"):
            job.run(client, progress=fail)
        job.run(client, progress=show, restart=True)
    assert set(threads) == {threading.get_ident()}


def test_reports_the_latest_progress_to_a_slow_thread() -> None:
    """What came while it was busy is not kept for it, and the last report is never lost."""
    shown: list[int] = []
    messages: SimpleQueue[ProgressRelay] = SimpleQueue()
    relay = ProgressRelay(shown.append, messages)
    for reports in ((1,), (2, 3, 4)):
        for report in reports:
            relay(report)
        messages.get_nowait().deliver()
    assert messages.empty()
    assert shown == [1, 4]


def test_is_stopped_by_another_thread(tmp_path: Path) -> None:
    """It returns soon, its rows recorded; a second run is refused meanwhile."""
    server = Server(takes=0.01)
    with client_of(server) as client, job_of(tmp_path, 5000) as job:
        running = InThread(lambda: job.run(client, in_flight=2))
        until(lambda: len(server.requests) > 3)
        assert job.is_running
        with pytest.raises(JobInUseError):
            job.run(client)
        job.stop()
        report = running.result()
        assert not report.complete
        assert 1 <= report.status.endings["found"] < 5000
        assert not job.is_running


def test_records_what_has_ended_when_it_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in a run raises when everything is on disk."""
    server = Server(takes=0.01)
    with client_of(server) as client, job_of(tmp_path, 200) as job:
        with (
            pytest.raises(KeyboardInterrupt),
            interrupted_when(lambda: len(server.requests) > 20),
        ):
            job.run(client, in_flight=2)
        found = job.status().endings["found"]
        assert server.under_way == 0
        assert found >= len(server.requests) - 2
        job.run(client, in_flight=200)
        assert len(server.requests) <= 200 + 2


def test_works_without_a_block(tmp_path: Path) -> None:
    """As the asynchronous job does: a call opens what it needs."""
    with client_of(Server()) as client:
        job = job_of(tmp_path, 3)
        assert job.run(client).status.endings["found"] == 3
        with job:
            assert job.status().endings["found"] == 3


def test_plans_a_job(tmp_path: Path) -> None:
    """Without a client, and without a request."""
    customers = CustomerList(mobiles(tmp_path / "list.csv", range(7)), identifier="mobile")
    assert plan_job(customers, settings()).customers == 7


def test_looks_a_table_up() -> None:
    """A table of another library comes back as one, and progress is shown on the way."""
    shown: list[tuple[int, int]] = []
    frame = pl.DataFrame({"mobile": [mobile(number) for number in range(9)]})
    with client_of(Server()) as client:
        table = lookup_table(
            client, frame, identifier="mobile", progress=lambda *done: shown.append(done)
        )
    assert table["mobile"].to_pylist() == frame["mobile"].to_list()
    assert shown[-1] == (9, 9)
