"""A list that grows and answers that age, through `kill -9` and by the real program."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from copy import copy
from pathlib import Path

from benchmarks._results import answers, recorded
from capillary_interactions.sandbox import SandboxProcess

from .program import started
from .workspace import Workspace

_ALL = [919_000_000_000 + number for number in range(1, 101)]
_DAYS = 8


def _killed(workspace: Workspace, is_time: Callable[[], bool], *options: str) -> None:
    """Run `bulk` in a process, and kill it when it is time."""
    command = ("bulk", str(workspace.list), "--identifier", "mobile", "--out", str(workspace.out))
    with started(*command, "--rate", "60/1", *options, **workspace.settings) as process:
        deadline = time.monotonic() + 20
        while not is_time() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -9


def _requests(server: SandboxProcess, customers: Iterable[str]) -> Counter[str]:
    return Counter({customer: server.received_for(customer) for customer in customers})


def test_asks_again_only_for_those_who_need_it(
    workspace: Workspace, server: SandboxProcess
) -> None:
    """Append, kill, go on, refresh, kill, go on: equal to a fresh run."""
    workspace.write(range(1, 61))
    _killed(workspace, lambda: len(recorded(workspace.job)) > 10)
    kept = _requests(server, recorded(workspace.job))
    workspace.write([*range(1, 61), 5, 7, *range(61, 101), 5])
    _killed(workspace, lambda: len(recorded(workspace.job)) > len(kept) + 10)
    kept |= _requests(server, set(recorded(workspace.job)) - kept.keys())
    grown = workspace.bulk()

    assert grown.code == 0
    assert "103 of 103 rows done" in grown.err
    assert 20 <= len(kept) < 100
    assert _requests(server, kept) == kept
    before = _requests(server, map(str, _ALL))
    old = {str(customer) for customer in _ALL[::2]}
    _make_older(workspace.job, old)
    server.change(answers={customer: {"interaction": []} for customer in old})
    earlier = answers(workspace.out)
    _killed(workspace, lambda: len(_older(workspace.job)) < len(old), "--refresh", "7d")
    workspace.jobs("export", "--overwrite")
    halfway = answers(workspace.out)
    newer = _requests(server, old - _older(workspace.job))
    again = workspace.bulk("--refresh", "7d")
    after = _requests(server, before)
    asked = {customer: after[customer] - before[customer] for customer in before}

    assert len(halfway) == len(earlier) == 103
    assert again.code == 0
    assert "customers refreshed" in again.err
    assert {customer for customer, count in asked.items() if count} == old
    assert 0 < len(newer) < len(old)
    assert _requests(server, newer) == newer
    assert _fresh(workspace) == answers(workspace.out)


def _older(job: Path) -> set[str]:
    query = "SELECT value FROM customer JOIN outcome USING (first) WHERE at < ?"
    with closing(sqlite3.connect(job)) as connection:
        rows = connection.execute(query, (time.time() - 86_400,)).fetchall()
    return {customer for (customer,) in rows}


def _make_older(job: Path, customers: set[str]) -> None:
    with closing(sqlite3.connect(job)) as connection, connection:
        connection.executemany(
            "UPDATE outcome SET at = at - ? WHERE first = "
            "(SELECT first FROM customer WHERE value = ?)",
            [(86_400 * _DAYS, customer) for customer in customers],
        )


def _fresh(workspace: Workspace) -> list[dict[str, object]]:
    fresh = copy(workspace)
    fresh.out = workspace.out.with_name("fresh.jsonl")
    assert fresh.bulk().code == 0
    return answers(fresh.out)
