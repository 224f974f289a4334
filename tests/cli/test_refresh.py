"""`--refresh AGE` of `bulk`, and `--older-than AGE` of `jobs retry`."""

from datetime import timedelta

import click
import orjson
import pytest

from capillary_interactions.cli._options import AGE
from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import invoke
from .workspace import Workspace


@table(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("30m", 1800),
        ("12h", 43_200),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1.5 H", 5400),
        ("0s", 0),
    ],
)
def test_reads_an_age(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert AGE.convert(text, None, None) == timedelta(seconds=seconds)


@table("text", ["7", "7 days", "d", "-7d", "1d12h", "7y", "", "1e3d"])
def test_refuses_what_is_no_age(text: str) -> None:
    """With the units, and examples."""
    with pytest.raises(click.BadParameter, match=r"a unit \(s, m, h, d or w\), such as 90m"):
        AGE.convert(text, None, None)
    with pytest.raises(click.BadParameter, match="longer ago than there are dates"):
        AGE.convert("999999999999w", None, None)


def test_asks_again_and_says_so(workspace: Workspace, server: SandboxProcess) -> None:
    """Who has no newer answer keeps the old one, and the exit code is 1."""
    workspace.bulk()
    young = workspace.bulk("--refresh", "1h")
    server.change(answers={"919000000003": (503, {}, b"{}")})
    refreshed = workspace.bulk("--refresh", "0s", CAPILLARY_ATTEMPTS="1")
    status = workspace.jobs("status")
    figures = orjson.loads(workspace.jobs("status", "--json").out)

    assert (young.code, refreshed.code, status.code) == (0, 1, 0)
    assert "0 requests" in young.err
    assert "10 lookups in " in refreshed.err
    assert "9 customers refreshed\n1 customer had no newer answer: the earlier" in refreshed.err
    assert "10 of 10 rows done: 10 found" in status.err
    assert "9 customers refreshed" in status.err
    assert (figures["stale"], figures["lastRun"]["refreshed"], figures["lastRun"]["kept"]) == (
        0,
        9,
        1,
    )


def test_leaves_it_to_the_next_run(workspace: Workspace, server: SandboxProcess) -> None:
    """`jobs retry` marks; the answers stay until then."""
    workspace.bulk()
    retried = workspace.jobs("retry", "--older-than", "0s", "--ending", "found")
    status = workspace.jobs("status")
    exported = workspace.jobs("export", "--out", "-")
    again = workspace.bulk()

    assert (retried.code, status.code, again.code) == (0, 1, 0)
    assert "10 rows are older, and kept until there are newer answers" in retried.err
    assert "10 customers still to be asked once more" in status.err
    assert len(exported.lines()) == 10
    assert "10 customers refreshed" in again.err
    assert server.counts().received == 20


@table(
    ("arguments", "message"),
    [
        (("bulk", "-", "--identifier", "mobile", "--out", "-", "--refresh", "7d"), "needs --out"),
        (("jobs", "retry", "x.job", "--older-than", "7d", "--damaged"), "contradict each other"),
    ],
)
def test_refuses_what_has_no_answers(arguments: tuple[str, ...], message: str) -> None:
    """A stream keeps none, and damaged ones are asked for anyway."""
    ran = invoke(*arguments, env={"CAPILLARY_BASE_URL": "eu", "CAPILLARY_USERNAME": "till",
                                  "CAPILLARY_PASSWORD": "x"})  # fmt: skip

    assert ran.code == 2
    assert message in ran.err
