"""What `bulk` says and leaves when a job cannot go on as it was wished for."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from capillary_interactions.jobs import ExportError, Job

from .program import json_lines
from .workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, settings: dict[str, str]) -> Workspace:
    """A list of ten customers, in a folder whose name needs quotes."""
    folder = tmp_path / "our customers"
    folder.mkdir()
    return Workspace(folder, settings)


@pytest.mark.parametrize(
    ("source", "options"), [("typo.csv", ()), (None, ("--column", "nosuch"))], ids=str
)
def test_keeps_a_job_that_cannot_be_begun_anew(
    workspace: Workspace, source: str | None, options: tuple[str, ...]
) -> None:
    """`--restart` forgets the old job when the new one has begun, and no sooner."""
    workspace.bulk()
    failed = workspace.bulk("--restart", *options, source=source)
    workspace.out.unlink()
    again = workspace.bulk()
    anew = workspace.bulk("--restart")

    assert (failed.code, again.code, anew.code) == (2, 0, 0)
    assert "0 requests" in again.err
    assert "10 requests" in anew.err
    assert len(json_lines(workspace.out.read_text())) == 10


def test_refuses_another_list_through_a_pipe(workspace: Workspace) -> None:
    """As it would refuse a file, though a pipe has to be read for that."""
    first = workspace.bulk(source="-", stdin=workspace.text(range(1, 11)))
    changed = workspace.bulk(source="-", stdin=workspace.text(range(1, 10)))

    assert (first.code, changed.code) == (0, 2)
    assert "has changed since its job began" in changed.err
    assert "the same command again goes on" not in changed.err


def test_says_what_is_left_when_all_is_done(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The results can be written again, without a request."""

    async def export(*_: Any, **__: Any) -> int:
        raise ExportError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Job, "export", export)
        failed = workspace.bulk()
    again = workspace.bulk()

    assert (failed.code, again.code) == (3, 0)
    assert "error: no room" in failed.err
    assert f"all is done but {workspace.out}: the same command again writes it" in failed.err
    assert f"jobs export '{workspace.job}' --out '{workspace.out}'" in failed.err
    assert "0 requests" in again.err


def test_says_that_results_are_being_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first Ctrl-C there leaves them whole, and tells what a second one does."""
    export = Job.export

    async def interrupted(self: Job, *arguments: Any, **options: Any) -> int:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0.01)
        return await export(self, *arguments, **options)

    monkeypatch.setattr(Job, "export", interrupted)
    ran = workspace.bulk()

    assert ran.code == 0
    assert f"writing {workspace.out} first; Ctrl-C again stops at once" in ran.err
    assert len(json_lines(workspace.out.read_text())) == 10
