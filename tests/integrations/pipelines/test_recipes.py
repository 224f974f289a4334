"""The recipes of data pipelines run: dlt's with dlt itself, Airflow's task as a function."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import polars as pl
import pytest

from capillary_interactions.sandbox import SandboxProcess
from tests.docs.readme import run, set_environment


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxProcess]:
    """A server in another process, and the environment that names it."""
    with SandboxProcess(unknown=0.1, messages=3) as running:
        set_environment(monkeypatch, running.base_url)
        monkeypatch.setenv("CAPILLARY_ATTEMPTS", "1")
        yield running


def test_merges_what_has_changed_with_dlt(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each load asks for changed customers and unanswered ones; a failed load changes nothing."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
    database = str(tmp_path / "crm.duckdb")
    load: Callable[..., None] = run("dlt")["load"]
    rows = [
        {"mobile": f"91973852{number:04}", "updated_at": f"2025-01-{number + 1:02}"}
        for number in range(20)
    ]
    sandbox.inject(*["error_503"] * 3)
    load(rows, database)
    assert sandbox.counts().received == 20
    assert _count(database, "interactions") == 17
    monkeypatch.setenv("CAPILLARY_PASSWORD", "wrong")
    with pytest.raises(Exception, match="refused"):
        load(rows, database)
    monkeypatch.setenv("CAPILLARY_PASSWORD", "sandbox")
    sandbox.reset_counts()
    rows[7]["updated_at"] = "2025-02-01"
    load(rows, database)
    # Three again, the one that has changed, and that of the last moment.
    assert sandbox.counts().received == 5
    load(rows, database)
    assert sandbox.counts().received == 6
    assert _count(database, "interactions") == 20
    found = _count(database, "interactions WHERE outcome = 'found'")
    messages = _count(database, "interactions__answer__interaction__message_list")
    assert 0 < found < 20
    assert messages == 3 * found


def _count(database: str, table: str) -> int:
    with duckdb.connect(database) as connection:
        rows = connection.sql(f"SELECT count(*) FROM capillary.{table}").fetchall()  # noqa: S608
    return int(rows[0][0])


def test_resumes_in_a_task_of_airflow(
    sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow is 200 packages, so its decorators are left out here; the README has what it did."""
    decorators: Any = ModuleType("airflow.sdk")
    decorators.dag = decorators.task = lambda **_: lambda function: function
    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", decorators)
    monkeypatch.setenv("CRM_FOLDER", str(tmp_path))
    mobiles = [f"91973852{number:04}" for number in range(30)]
    (tmp_path / "customers.csv").write_text("\n".join(["mobile", *mobiles]))
    for _ in range(2):
        run("airflow")
        assert sandbox.counts().received == 30
    table = pl.read_parquet(tmp_path / "interactions.parquet")
    assert sorted(set(table["mobile"])) == mobiles
