"""`cluster`: a list by several workers, here by an engine in this process."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from pyarrow import dataset  # type: ignore[import-untyped]

from capillary_interactions.engines import EngineError
from capillary_interactions.engines._cluster import on_processes
from capillary_interactions.engines._worker_client import close_clients
from capillary_interactions.sandbox import SandboxProcess
from tests.engines.runs import InThisProcess
from tests.tables import table

from .program import Ran, invoke

_MOBILES = "mobile,name\n" + "".join(f"{919_000_000_000 + n},N {n}\n" for n in range(1, 11))


class _Folder:
    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.list, self.out = folder / "list.csv", folder / "out"
        self.list.write_text(_MOBILES)
        self._settings = settings

    def cluster(self, *options: str, **env: str) -> Ran:
        """Run `cluster` on the list."""
        command = ("cluster", str(self.list), "--identifier", "mobile", "--out", str(self.out))
        return invoke(*command, *options, env={**self._settings, **env})


@pytest.fixture
def folder(tmp_path: Path, settings: dict[str, str]) -> Iterator[_Folder]:
    """A list of ten customers, looked up without further processes."""
    with mock.patch.object(on_processes, "start", return_value=InThisProcess()):
        yield _Folder(tmp_path, settings)
    close_clients()


def test_writes_a_folder_that_tables_are_read_from(folder: _Folder, server: SandboxProcess) -> None:
    """It says what it did, and asks for no one again."""
    first = folder.cluster()
    asked = server.counts().received
    again = folder.cluster()

    assert (first.code, again.code, first.out) == (0, 0, "")
    assert "10 rows in 1 part, 0 rows done before; 2 workers (processes)" in first.err
    assert f"written to {folder.out}" in first.err
    assert "10 of 10 rows done" in again.err
    assert server.counts().received == asked
    assert set(_rows(folder.out)) == {*range(1, 11)}


def _rows(out: Path) -> list[int]:
    rows: list[int] = dataset.dataset(out, format="parquet").to_table()["row"].to_pylist()
    return rows


def test_says_what_is_not_found(folder: _Folder, server: SandboxProcess) -> None:
    """By its exit code, as `bulk` does; quiet otherwise, if it is to be."""
    server.change(faults={"error_500": 1.0})
    ran = folder.cluster("--quiet", "--give-up-after", "0", CAPILLARY_ATTEMPTS="1")
    server.change(faults=0.0)
    retried = folder.cluster("--retry")

    assert (ran.code, ran.err) == (1, "")
    assert (retried.code, server.counts().received) == (0, 20)


@table(
    ("options", "env", "said"),
    [
        (["--engine", "storm"], {}, "is not one of processes, ray, spark"),
        (["--address", "auto"], {}, "--address needs --engine ray or spark"),
        (["--workers", "0"], {}, "whole number of 1 or more"),
        (["--workers", "9"], {"CAPILLARY_RATE": "8/1"}, "at most the 8 requests of rate"),
        (["--column", "phone"], {}, "no column named"),
        (["--limit", "3"], {}, "No such option"),
    ],
)
def test_refuses_what_cannot_be(
    folder: _Folder,
    server: SandboxProcess,
    options: list[str],
    env: dict[str, str],
    said: str,
) -> None:
    """Before any request."""
    ran = folder.cluster(*options, **env)

    assert (ran.code, server.counts().received) == (2, 0), ran.err
    assert said in ran.err


@table(("name", "module"), [("ray", "ray"), ("spark", "pyspark")])
def test_says_which_extra_an_engine_needs(
    folder: _Folder, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    """Where it is not installed; nothing is written."""
    find = importlib.util.find_spec

    def found(wanted: str) -> object:
        return None if wanted == module else find(wanted)

    with monkeypatch.context() as without:
        without.setattr("capillary_interactions.engines._cluster.engine.find_spec", found)
        ran = folder.cluster("--engine", name)

    assert ran.code == 2
    assert f"{module} is not installed; --engine {name} needs the extra {name}: " in ran.err
    assert f"pip install 'capillary_interactions[{name}]'" in ran.err
    assert not folder.out.exists()


def test_shares_no_file_with_other_machines(
    folder: _Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of them would have the whole quota; one machine may."""
    shared = f"file:{tmp_path / 'quota'}"
    one = folder.cluster("--shared", shared)
    with monkeypatch.context() as installed:
        installed.setattr("capillary_interactions.engines._cluster.engine.find_spec", bool)
        cluster = folder.cluster("--shared", shared, "--engine", "ray", "--address", "auto")

    assert (one.code, cluster.code) == (0, 2)
    assert "is for the processes of one machine" in cluster.err
    assert list(tmp_path.glob("quota*"))


def test_stops_early_for_refused_credentials(folder: _Folder) -> None:
    """The same command goes on; with other settings it does not."""
    refused = folder.cluster(CAPILLARY_PASSWORD="wrong")
    whole = folder.cluster()
    other = folder.cluster("--network", "capillary")
    anew = folder.cluster("--network", "capillary", "--restart")

    assert [ran.code for ran in (refused, whole, other, anew)] == [3, 0, 2, 0]
    assert "error: the credentials are refused" in refused.err
    assert "stopped early: the same command again goes on" in refused.err
    assert "network was not given and is capillary" in other.err
    assert "--restart, which forgets" in other.err


def test_an_engine_that_fails_is_an_early_stop(folder: _Folder) -> None:
    """With its own words, in which no customer is named."""
    error = EngineError("Ray cannot be used: it is not there")
    with mock.patch.object(on_processes, "start", mock.Mock(side_effect=error)):
        ran = folder.cluster()

    assert ran.code == 3
    assert "error: Ray cannot be used: it is not there" in ran.err
