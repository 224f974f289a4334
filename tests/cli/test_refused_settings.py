"""A source that is refused for every customer: the exit code, the line, and what is left."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from capillary_interactions.sandbox import SandboxProcess

from .workspace import Workspace

_LINE: Final = (
    r"error: source and account_id \(CAPILLARY_SOURCE, CAPILLARY_ACCOUNT_ID\) cannot be right: "
    r"refused for [5-9] different customers in a row, with no answer in between \(last: source or "
    r"account id missing or invalid; check source and account_id \(8001\): Invalid source\)"
)
_NO_STOP: Final = ("--give-up-after", "0")


@pytest.fixture
def workspace(server: SandboxProcess, settings: dict[str, str], tmp_path: Path) -> Workspace:
    """Ten customers, each refused for the source."""
    body: Any = {"errors": [{"status": False, "code": 8001, "message": "Invalid source"}]}
    server.change(answers={str(919_000_000_000 + n): (200, {}, body) for n in range(1, 11)})
    return Workspace(tmp_path, {**settings, "CAPILLARY_SOURCE": "WRONG"})


def test_stops_a_job_that_resumes_with_the_right_source(
    workspace: Workspace, server: SandboxProcess
) -> None:
    """Exit code 3 and one line; the same command, corrected, asks for each customer."""
    stopped = workspace.bulk("--in-flight", "2")
    assert stopped.code == 3
    assert re.search(_LINE, stopped.err)
    assert "or take each for its customer's own: --give-up-after 0" in stopped.err
    assert not workspace.out.exists()

    server.change(answers=None)
    completed = workspace.bulk(CAPILLARY_SOURCE="INSTORE")
    assert completed.code == 0, completed.err
    assert len(workspace.out.read_text().splitlines()) == 10


def test_records_them_all_the_same_if_asked_to(workspace: Workspace) -> None:
    """Each is its customer's own then."""
    assert workspace.bulk(*_NO_STOP, "--accept-rejected").code == 1
    assert workspace.out.read_text().count("(8001)") == 10


def test_writes_no_line_for_them_into_a_pipe(workspace: Workspace) -> None:
    """Rows without a line are still to be asked."""
    list_ = str(workspace.list)
    workspace.out = Path("-")
    stopped = workspace.bulk("--in-flight", "2", source=list_)
    assert (stopped.code, stopped.out) == (3, "")
    assert re.search(_LINE, stopped.err)
    assert workspace.bulk(*_NO_STOP, source=list_).out.count("(8001)") == 10
