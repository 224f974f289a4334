"""The recipes of the room's README run; those of Ray and Spark where these are installed.

Neither is in the extra `test`: `python -m benchmarks.engines` runs them with a worker killed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from capillary_interactions.sandbox import SandboxProcess
from tests.docs.readme import run, set_environment

from .batches import mobiles


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A sandbox in another process, as the blocks have no event loop."""
    with SandboxProcess(unknown=0, messages=3) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The same one, as if nothing had been asked, and the environment that names it."""
    server.reset_counts()
    set_environment(monkeypatch, server.base_url)
    return server


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """Twenty customers as Parquet."""
    parquet.write_table(pa.Table.from_batches([mobiles(0, 20)]), tmp_path / "customers.parquet")
    return tmp_path / "customers.parquet"


def test_batches_of_a_file(
    sandbox: SandboxProcess, customers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run asks for nothing."""
    recipe = run("engine_batches")
    for _ in range(2):
        recipe["main"](customers, tmp_path / "results.parquet", tmp_path / "done")

    assert parquet.read_table(tmp_path / "results.parquet").num_rows == 60
    assert sandbox.counts().received == 20
    assert capsys.readouterr().out.splitlines() == ["Counter({'found': 20})"] * 2


def test_partitions_of_dask(sandbox: SandboxProcess, customers: Path, tmp_path: Path) -> None:
    """With the types of Arrow, and every customer once."""
    frame = dd.from_pandas(pd.read_parquet(customers), npartitions=3)  # type: ignore[no-untyped-call]

    result = run("engine_dask")["enriched"](frame, str(tmp_path / "done"), 1).compute()

    assert len(result) == 60
    assert result["message_id"].dtype == pd.ArrowDtype(pa.int64())
    assert sandbox.counts().received == 20


# Both warn of what is theirs to change.
@pytest.mark.filterwarnings("default")
def test_a_dataset_of_ray(sandbox: SandboxProcess, customers: Path, tmp_path: Path) -> None:
    """Written by Ray."""
    ray: Any = pytest.importorskip("ray")
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    try:
        run("engine_ray")["main"](customers, tmp_path / "results", tmp_path / "done")
    finally:
        ray.shutdown()

    assert parquet.read_table(tmp_path / "results").num_rows == 60
    assert sandbox.counts().received == 20


@pytest.mark.filterwarnings("default")
def test_a_data_frame_of_spark(sandbox: SandboxProcess, customers: Path, tmp_path: Path) -> None:
    """Written by Spark."""
    sql: Any = pytest.importorskip("pyspark.sql")
    spark = sql.SparkSession.builder.master("local[2,4]").getOrCreate()
    try:
        run("engine_spark")["main"](spark, customers, tmp_path / "results", tmp_path / "done")
    finally:
        spark.stop()

    assert parquet.read_table(tmp_path / "results").num_rows == 60
    assert sandbox.counts().received == 20
