"""Recipes for code without async run, under the real frameworks they are for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from capillary_interactions import ClientConfig
from capillary_interactions.sandbox import SandboxProcess
from capillary_interactions.sync import InteractionsClient
from tests.docs.readme import run, set_environment

MOBILES = [f"91973852{number:04}" for number in range(40)]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A sandbox in another process, as the recipes block this one."""
    with SandboxProcess(unknown=0, messages=2) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The same one, as if nothing had been asked, and the environment that names it."""
    server.reset_counts()
    set_environment(monkeypatch, server.base_url)
    return server


@pytest.mark.usefixtures("sandbox")
def test_looks_one_customer_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each message."""
    run("sync")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_looks_many_up(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """A stream of rows, in several threads of one client, and a job of the same list."""
    (tmp_path / "customers.csv").write_text("\n".join(["mobile", *MOBILES]), "utf-8")
    recipe = run("sync_many")
    with InteractionsClient(ClientConfig.from_env()) as client, ThreadPoolExecutor(3) as threads:
        take = partial(recipe["outcomes"], client)
        for outcomes in threads.map(
            lambda path: list(take(path)), [tmp_path / "customers.csv"] * 3
        ):
            assert sorted(outcome.item["mobile"] for outcome in outcomes) == MOBILES
    report = recipe["run"](tmp_path)
    assert report.complete
    assert len(pl.read_parquet(tmp_path / "interactions.parquet")) == 2 * len(MOBILES)
    assert sandbox.counts().received >= len(MOBILES)
