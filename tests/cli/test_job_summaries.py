"""What is said of a job's run: the share of the quota, a new beginning, and how to name a file."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capillary_interactions.cli._summaries import job_summary, quote
from capillary_interactions.jobs import JobStatus, Report, RunFigures
from tests.tables import table

from .workspace import Workspace


def _report(seconds: float, requests: int) -> Report:
    status = JobStatus(
        path="x.job",
        customers="x.csv",
        began=datetime(2026, 1, 1, tzinfo=UTC),
        rows=requests,
        whole=True,
        blank=0,
        duplicates=0,
        endings={"found": requests},
    )
    run = RunFigures(
        seconds=seconds, asked=requests, requests=requests, waited=1.0, served=1.0, quota=1000 / 60
    )
    return Report(status=status, run=run, first_failures=(), last_failures=())


@table(
    ("seconds", "requests", "share"),
    [
        (0.1, 10, None),
        (2.4, 40, None),
        (59.0, 985, None),
        (60.0, 1000, "100 %"),
        (61.0, 1030, "100 %"),
        (120.0, 1000, "50 %"),
    ],
)
def test_tells_the_share_of_the_quota_of_no_run_shorter_than_its_window(
    seconds: float, requests: int, share: str | None
) -> None:
    """The burst that a run begins with is no share of what it may use; none is above all of it."""
    message = " ".join(job_summary(_report(seconds, requests), 0, window=60.0))

    assert ("of the quota used" in message) is (share is not None)
    assert (share or "for quota and took") in message


def test_says_that_a_job_begins_anew_and_counts_its_rows_from_there(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """`--restart` goes on with nothing: what had ended before is no part of its sums."""
    workspace = Workspace(tmp_path, settings)
    workspace.bulk()
    again = workspace.bulk()
    anew = workspace.bulk("--restart")

    assert f"going on with {workspace.job}: 10 rows done" in again.err
    assert "going on" not in anew.err
    assert (
        f"beginning anew, once the list can be read; forgotten is {workspace.job}: 10" in anew.err
    )
    assert "\n10 rows in " in anew.err
    assert "10 of 10 rows done" not in anew.err


@pytest.mark.parametrize("name", ["a b", "it's", "a\x1b]0;x\x07'b\\", "caf\udce9", "\u202e€"])
def test_a_command_with_an_odd_file_name_can_be_copied(name: str, tmp_path: Path) -> None:
    """A shell reads the name from what is shown, and what is shown is printable."""
    shown = quote(name)
    ran = subprocess.run(  # noqa: S603 - a shell on this machine
        ["/bin/bash", "-c", f"touch -- {shown}"], cwd=tmp_path, check=True
    )

    assert ran.returncode == 0
    assert shown.isprintable()
    assert [each.name for each in tmp_path.iterdir()] == [name]
