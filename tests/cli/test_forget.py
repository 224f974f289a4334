"""`jobs forget NAME VALUE JOB`: what it deletes, says, and never shows."""

from pathlib import Path

from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import invoke, json_lines
from .workspace import Workspace

_FOURTH = "919000000004"


def _forget(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    ran = invoke("jobs", "forget", *arguments, str(workspace.job))
    assert ran.out == ""
    return ran.code, ran.err


def test_forgets_a_customer_for_good(workspace: Workspace, server: SandboxProcess) -> None:
    """Later runs do not ask, and write results without them; beginning anew is announced."""
    workspace.bulk()
    code, said = _forget(workspace, "mobile", "+91 90000-00004")
    status = workspace.jobs("status")
    again = workspace.bulk()
    asked = server.received_for(_FOURTH)
    restarted = workspace.bulk("--restart")

    assert (code, status.code, again.code, asked) == (0, 0, 0, 1)
    assert said.startswith("mobile +************04: 1 row deleted for good, and later runs of")
    assert f"written before, and left as it is: {workspace.out}; export again" in said
    assert said.endswith("the list itself, copies and backups are left as they are\n")
    assert "9 of 9 rows done: 9 found" in status.err
    assert "1 row of customers who are forgotten" in again.err
    assert "0 requests" in again.err
    assert "forgotten (`jobs forget`) are asked for again" in restarted.err
    assert server.received_for(_FOURTH) == 2
    for shown in (said, status.err, again.err):
        assert "00004" not in shown
    assert len(json_lines(workspace.out.read_text())) == 10


def test_writes_results_without_them(workspace: Workspace) -> None:
    """Rows keep their numbers."""
    workspace.bulk()
    _forget(workspace, "mobile", _FOURTH)
    workspace.bulk()
    rows = [line["row"] for line in json_lines(workspace.out.read_text())]

    assert rows == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert _FOURTH not in workspace.out.read_text()


@table(
    ("arguments", "message"),
    [
        ((_FOURTH, "mobile"), "the customers of this job are named by their mobile"),
        (("email", "asha@example.com"), "the customers of this job are named by their mobile"),
        (("mobile", "asha@example.com"), "the value is no mobile, however it is written"),
        (("mobile", "91900", "0000004"), "Too many arguments"),
        (("mobile",), "Missing argument"),
    ],
)
def test_shows_no_customer_where_it_is_used_wrongly(
    tmp_path: Path, settings: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    """In the wrong order, with another kind, or not quoted."""
    workspace = Workspace(tmp_path, settings)
    workspace.bulk()
    code, said = _forget(workspace, *arguments)

    assert code == 2
    assert message in said
    assert "0000004" not in said
    assert "asha@" not in said
