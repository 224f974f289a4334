"""A job whose source is refused: no row is rejected for it, and it resumes with the right one."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    EndpointDownError,
    InteractionsClient,
)
from capillary_interactions.jobs import CustomerList, Job, JobChangedError, Report, StopRules
from capillary_interactions.sandbox import SandboxProcess
from capillary_interactions.testing import FakeTransport, after, interactions

from .jobs_under_test import QUICK, lines_of, mobile, mobiles

REFUSED: Final[Any] = (
    200,
    {},
    {"errors": [{"status": False, "code": 8001, "message": "Invalid source"}]},
)
INVALID: Final[Any] = (200, {}, {"errors": [{"status": False, "code": 1015, "message": "no"}]})
UNKNOWN_PATH: Final[Any] = (404, {}, b"")


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A sandbox in another process, which knows every customer."""
    with SandboxProcess(unknown=0) as running:
        yield running


def refuse(server: SandboxProcess, numbers: Iterable[int], answer: Any = REFUSED) -> None:
    """Refuse some customers, and answer all others."""
    server.change(answers={mobile(number): answer for number in numbers})
    server.reset_counts()


async def run(
    server: SandboxProcess, path: Path, job_path: Path, *, in_flight: int = 8, **options: Any
) -> Report:
    """Run the job once; `source` and the like are settings of the client."""
    names = ("source", "account_id", "api", "page_size")
    settings = {name: options.pop(name) for name in names if name in options}
    config = server.client_config(rate="1000000/1", retry=QUICK, in_flight=in_flight, **settings)
    customers = CustomerList(path, identifier="mobile")
    async with InteractionsClient(config) as client, Job.open(job_path, customers) as job:
        return await job.run(client, **options)


async def endings(job_path: Path) -> dict[str, int]:
    """How the rows have ended so far, by those endings that there are."""
    async with Job.open(job_path) as job:
        status = (await job.report()).status
    return {ending: count for ending, count in status.endings.items() if count}


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("rows", [2, 5, 300])
async def test_stops_and_resumes_with_the_right_setting(
    server: SandboxProcess, tmp_path: Path, job_path: Path, rows: int, in_flight: int
) -> None:
    """All rows stay open; then each customer has one outcome, for one request more at most."""
    path = mobiles(tmp_path / "l.csv", range(rows))
    refuse(server, range(rows))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"^source and account_id .*\(8001\)"):
            await run(server, path, job_path, in_flight=in_flight, source="WRONG")
    assert server.counts().received <= 2 * (5 + 2 * in_flight)
    assert await endings(job_path) == {}

    refuse(server, ())
    report = await run(server, path, job_path, source="INSTORE")
    assert report.complete
    assert await endings(job_path) == {"found": rows}
    assert server.counts().received == rows
    assert [line["row"] for line in await lines_of(job_path)] == [*range(1, rows + 1)]


@pytest.mark.parametrize("change", [{"account_id": "7"}, {"api": "v2"}, {"page_size": 20}], ids=str)
async def test_accepts_other_settings_as_long_as_there_is_no_answer(
    server: SandboxProcess, tmp_path: Path, job_path: Path, change: dict[str, Any]
) -> None:
    """No answer depends on them yet; once there is one, they are those of the job."""
    path = mobiles(tmp_path / "l.csv", range(20))
    refuse(server, range(20))
    with pytest.raises(ConfigurationError):
        await run(server, path, job_path)
    refuse(server, ())
    assert (await run(server, path, job_path, **change)).complete
    with pytest.raises(JobChangedError, match=next(iter(change))):
        await run(server, path, job_path)


async def test_accepts_another_address_after_a_wrong_one(
    server: SandboxProcess, tmp_path: Path, job_path: Path
) -> None:
    """A bare 404 stops the job as before, and it resumes with what is right."""
    path = mobiles(tmp_path / "l.csv", range(30))
    refuse(server, range(30), UNKNOWN_PATH)
    with pytest.raises(EndpointDownError, match="check base_url and api"):
        await run(server, path, job_path)
    refuse(server, ())
    assert (await run(server, path, job_path, api="v2")).status.endings["found"] == 30


@pytest.mark.parametrize("in_flight", [1, 8])
async def test_rejects_single_customers(
    server: SandboxProcess, tmp_path: Path, job_path: Path, in_flight: int
) -> None:
    """Four in a row before the first answer, forty-nine later, and the last one of the list."""
    bad = [*range(4), *range(60, 109), 199]
    path = mobiles(tmp_path / "l.csv", range(200))
    refuse(server, bad)
    report = await run(server, path, job_path, in_flight=in_flight)
    assert report.complete
    assert await endings(job_path) == {"found": 200 - len(bad), "rejected": len(bad)}
    assert server.counts().received == 200


async def test_rejects_the_only_customer(
    server: SandboxProcess, tmp_path: Path, job_path: Path
) -> None:
    """No other can tell whether it is the setting."""
    path = mobiles(tmp_path / "l.csv", [7])
    refuse(server, [7])
    assert (await run(server, path, job_path)).complete
    assert await endings(job_path) == {"rejected": 1}


@pytest.mark.parametrize("in_flight", [1, 8])
async def test_stops_midway_where_fifty_in_a_row_are_refused(
    server: SandboxProcess, tmp_path: Path, job_path: Path, in_flight: int
) -> None:
    """What was answered is recorded, the rest stays open; a job with answers keeps its settings."""
    path = mobiles(tmp_path / "l.csv", range(300))
    refuse(server, range(100, 300))
    with pytest.raises(ConfigurationError, match="for 50 different customers in a row"):
        await run(server, path, job_path, in_flight=in_flight)
    assert await endings(job_path) == {"found": 100}
    with pytest.raises(JobChangedError, match="source"):
        await run(server, path, job_path, source="INSTORE")
    refuse(server, ())
    assert (await run(server, path, job_path)).status.endings["found"] == 300
    assert server.counts().received == 200


async def test_rejects_meanwhile_who_is_at_fault_themselves(
    server: SandboxProcess, tmp_path: Path, job_path: Path
) -> None:
    """An invalid identifier proves no source: it is recorded, and what is in doubt stays open."""
    path = mobiles(tmp_path / "l.csv", range(60))
    server.change(answers={mobile(n): REFUSED if n % 3 else INVALID for n in range(60)})
    with pytest.raises(ConfigurationError, match="for 5 different"):
        await run(server, path, job_path, in_flight=1)
    assert set(await endings(job_path)) == {"rejected"}
    assert {line["code"] for line in await lines_of(job_path)} == {1015}


async def test_leaves_open_what_is_in_doubt_when_it_is_stopped(
    tmp_path: Path, job_path: Path
) -> None:
    """Three are refused, and the fourth has not ended: none of them has an outcome."""
    numbers = iter(range(4))
    stopped = FakeTransport(
        default=lambda _: REFUSED[2] if next(numbers) < 3 else after(60.0, interactions())
    )
    config = ClientConfig("https://api.example.test", BasicAuth("till", "password"))
    customers = CustomerList(mobiles(tmp_path / "l.csv", range(4)), identifier="mobile")
    async with (
        InteractionsClient(config, transport=stopped) as client,
        Job.open(job_path, customers) as job,
    ):
        running = asyncio.create_task(job.run(client))
        async with asyncio.timeout(5.0):
            while client.snapshot().endings["rejected"] < 3:
                await asyncio.sleep(0.01)
        job.stop(0.0)
        assert (await running).status.done == 0


async def test_takes_each_for_its_own_if_asked_to(
    server: SandboxProcess, tmp_path: Path, job_path: Path
) -> None:
    """A list may end with many such customers, and the settings be right all the same."""
    path = mobiles(tmp_path / "l.csv", range(200))
    refuse(server, range(100, 200))
    rules = StopRules(refused_settings=False)
    assert (await run(server, path, job_path, stops=rules)).complete
    assert await endings(job_path) == {"found": 100, "rejected": 100}
