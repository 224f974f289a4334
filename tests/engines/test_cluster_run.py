"""A list is divided, looked up part by part, and put together again."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ConfigurationError,
    EndpointDownError,
)
from capillary_interactions.engines import done_counts
from capillary_interactions.engines._cluster.folder import ClusterFolder
from capillary_interactions.engines._cluster.run import ClusterRun, StoppedError
from capillary_interactions.engines._cluster.split import part_rows
from capillary_interactions.jobs import (
    ExportError,
    JobChangedError,
    JobInUseError,
    JobStoreError,
    ListError,
    StopRules,
    WrongListError,
)
from capillary_interactions.sandbox import Sandbox
from tests.arrow.tables_under_test import untimed
from tests.tables import table

from .batches import config_of
from .runs import MOBILES, TYPED, InThisProcess, by_job, request_of, result, run, write_list


def _csv(path: Path) -> Path:
    odd = ("none", "+91 90000-00003", "", MOBILES[3], "9.19E+11")
    return write_list(path.with_suffix(".csv"), *MOBILES, *odd)


def _json_lines(path: Path) -> Path:
    lines = [orjson.dumps({"mobile": mobile, f"key{mobile % 3}": 1}) for mobile in MOBILES]
    path.with_suffix(".jsonl").write_bytes(b"\n".join(lines))
    return path.with_suffix(".jsonl")


def _parquet(path: Path) -> Path:
    parquet.write_table(TYPED, path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


@table("write", [_csv, _json_lines, _parquet], ids=lambda write: write.__name__)
async def test_is_what_a_job_of_the_same_list_exports(
    sandbox: Sandbox, tmp_path: Path, write: Any
) -> None:
    """The same columns, types, rows and outcomes, but for times; parts that are lost do no harm."""
    source = write(tmp_path / f"list{write.__name__}")
    expected, out = await by_job(sandbox, source), tmp_path / write.__name__
    sandbox.reset_counts()

    ended = await run(sandbox, request_of(source, out), InThisProcess(0, 2))

    assert untimed(result(out)).schema == untimed(expected).schema
    assert untimed(result(out)).equals(untimed(expected))
    assert ended.counts is not None
    assert ended.counts.parts > 2
    assert sandbox.counts.received == len(MOBILES)
    assert ended.counts.endings.total() == ended.counts.rows


async def test_goes_on_where_it_was_and_asks_no_one_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    """Parts that are done are left alone; of the others, who has ended is not asked again."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"
    await run(sandbox, request_of(source, out))
    first = result(out)
    for part in (1, 2):
        ClusterFolder(out).reopen(part)
    (out / "part-00000.parquet").unlink()

    engine = InThisProcess()
    ended = await run(sandbox, request_of(source, out), engine)

    assert engine.done == [0, 1, 2]
    assert result(out).equals(first)
    assert sandbox.counts.received == len(MOBILES)
    assert (out / "_SUCCESS").exists()
    assert ended.counts is not None
    assert (ended.counts.done_before, ended.counts.requests) == (len(MOBILES) - 150, 0)
    assert done_counts(out / "_run" / "done").total() == len(MOBILES)


async def test_follows_a_list_that_has_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    """The results are the new one's, and only new customers are asked for."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"
    await run(sandbox, request_of(source, out))
    write_list(source, MOBILES[1], 918, MOBILES[0])

    await run(sandbox, request_of(source, out))

    assert set(result(out)["row"].to_pylist()) == {1, 2, 3}
    assert sandbox.counts.received == len(MOBILES) + 1


async def test_begins_anew_only_if_it_is_to(sandbox: Sandbox, tmp_path: Path) -> None:
    """Another question in the same folder is refused, and a restart forgets what there is."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:5]), tmp_path / "out"
    await run(sandbox, request_of(source, out))

    with pytest.raises(JobChangedError, match=r"source was not given and is INSTORE.*--restart"):
        await run(sandbox, request_of(source, out), source="INSTORE")
    await run(sandbox, request_of(source, out, restart=True), source="INSTORE")

    assert sandbox.counts.received == 10


async def test_keeps_what_there_is_where_a_run_cannot_begin(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Neither a list that is none nor other settings cost anything of the results."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:60]), tmp_path / "out"
    await run(sandbox, request_of(source, out))
    before = result(out)

    with pytest.raises(JobChangedError):
        await run(sandbox, request_of(source, out), source="INSTORE")
    write_list(source)
    for options in ({}, {"restart": True}):
        with pytest.raises(ListError):
            await run(sandbox, request_of(source, out, **options))

    assert result(out).equals(before)
    assert (out / "_SUCCESS").exists()
    assert done_counts(out / "_run" / "done").total() == 60


async def test_asks_again_for_who_was_unavailable(sandbox: Sandbox, tmp_path: Path) -> None:
    """If it is to, and for no one else."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:120]), tmp_path / "out"
    sandbox.inject("error_500", "error_500")
    before = await run(sandbox, request_of(source, out), in_flight=1)
    same = await run(sandbox, request_of(source, out))

    engine = InThisProcess()
    after = await run(sandbox, request_of(source, out, retry=True), engine)

    assert before.counts is not None
    assert same.counts is not None
    assert after.counts is not None
    assert before.counts.endings["unavailable"] == same.counts.endings["unavailable"] == 1
    assert after.counts.endings["unavailable"] == 0
    assert (engine.done, sandbox.counts.received) == ([0], 122)


async def test_stops_for_what_is_true_of_all_parts(sandbox: Sandbox, tmp_path: Path) -> None:
    """All workers, and the customers stay open."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"
    refused = await run(sandbox, request_of(source, out), auth=BasicAuth("x", "y"))
    sandbox.inject(*["error_500"] * 2000)
    stops = StopRules(unanswered=3, give_up_after=0)
    down = await run(sandbox, request_of(source, out, stops=stops))

    assert isinstance(refused.problem, AuthenticationError)
    assert isinstance(down.problem, EndpointDownError)
    assert (refused.complete, down.complete) == (False, False)
    assert not list(out.glob("*.parquet"))
    assert not (out / "_SUCCESS").exists()
    sandbox.script.clear()
    assert (await run(sandbox, request_of(source, out))).complete


async def test_stops_when_it_is_asked_to(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is in progress ends, and is kept."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"
    config = config_of(sandbox)

    def stopped() -> ClusterRun:
        with ClusterRun(request_of(source, out), config) as running:
            running.prepare()

            class Stopping(InThisProcess):
                def results(self, work: Any, parts: Any) -> Any:
                    yield work(parts[0])
                    running.stop()
                    yield from super().results(work, parts[1:])

            running.run(Stopping)
        return running

    first = await asyncio.to_thread(stopped)
    asked = sandbox.counts.received
    await run(sandbox, request_of(source, out))

    assert first.problem is None
    assert not first.complete
    assert asked == 50
    assert sandbox.counts.received == len(MOBILES)


async def test_stops_in_the_middle_of_a_part(sandbox: Sandbox, tmp_path: Path) -> None:
    """A part may take minutes at a low rate; what has ended of it is kept."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:40]), tmp_path / "out"
    sandbox.latency = 0.2

    async def stop() -> None:
        while not sandbox.counts.received:
            await asyncio.sleep(0.01)
        ClusterFolder(out).stop()

    first, _ = await asyncio.gather(run(sandbox, request_of(source, out), in_flight=1), stop())
    asked, sandbox.latency = sandbox.counts.received, 0.0
    whole = await run(sandbox, request_of(source, out))

    assert 0 < asked < 40
    assert not first.complete
    assert whole.complete
    assert sandbox.counts.received == 40


@table(
    ("rows", "options", "error"),
    [
        (["none"] * 200, {"stops": StopRules()}, (WrongListError, "100 of the first 100 rows")),
        ([], {}, (ListError, "no rows")),
        ([1], {"workers": 2_000_000}, (ConfigurationError, "at most the 1000000 requests")),
    ],
)
async def test_refuses_before_any_request(
    sandbox: Sandbox,
    tmp_path: Path,
    rows: list[Any],
    options: dict[str, Any],
    error: tuple[type[Exception], str],
) -> None:
    """What cannot be meant."""
    source = write_list(tmp_path / "list.csv", *rows)

    with pytest.raises(error[0], match=error[1]):
        await run(sandbox, request_of(source, tmp_path / "out", **options))

    assert sandbox.counts.received == 0


async def test_takes_no_folder_of_others(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nor one in which a run is going on."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:5]), tmp_path / "out"
    with pytest.raises(ExportError, match="holds something else"):
        await run(sandbox, request_of(source, tmp_path))

    with (
        ClusterRun(request_of(source, out), config_of(sandbox)),
        pytest.raises(JobInUseError, match="being run already"),
        ClusterRun(request_of(source, out), config_of(sandbox)),
    ):
        pass


async def test_a_worker_without_the_folder_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    """As on a machine that has a disk of its own at that path."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES[:5]), tmp_path / "out"

    class Elsewhere(InThisProcess):
        def results(self, work: Any, parts: Any) -> Any:
            ClusterFolder(out).save_settings({"run": "another"})
            return super().results(work, parts)

    ended = await run(sandbox, request_of(source, out), Elsewhere())

    assert isinstance(ended.problem, JobStoreError)
    assert "file system that the machines of all workers share" in str(ended.problem)
    assert sandbox.counts.received == 0


async def test_can_be_stopped_while_the_list_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing is left that a later run would take for a whole list."""
    source, out = write_list(tmp_path / "list.csv", *MOBILES), tmp_path / "out"

    with ClusterRun(request_of(source, out), config_of(sandbox)) as running:
        running.stop()
        with pytest.raises(StoppedError):
            running.prepare()
    await run(sandbox, request_of(source, out))

    assert sandbox.counts.received == len(MOBILES)


@table(("rows", "expected"), [(0, 50), (3_000, 50), (6_400, 100), (320_000, 5_000), (10**7, 5_000)])
def test_parts_grow_with_the_list(rows: int, expected: int) -> None:
    """A short list has work for several workers, and a long one no more files than are useful."""
    assert part_rows(rows) == expected
