"""What a job would take, said before it is run."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    RateLimit,
)
from capillary_interactions.jobs import CustomerList, Job, ListError, Plan, StopRules, plan_job
from capillary_interactions.testing import FakeTransport, run_without_waiting
from tests.tables import table

_RATE = RateLimit(20, 1.0)
_STOPS = StopRules(rejected_share=None)
# Some are the same customer in another spelling, some none at all.
_CELLS = st.lists(
    st.sampled_from(
        ["919000000001", "+91 9000-000001", "919000000002", "9.19E+11", "name", "", " ", "91a"]
    )
    | st.integers(919_000_000_000, 919_000_000_009).map(str),
    max_size=30,
)


def _config(*credentials: str, rate: RateLimit = _RATE) -> ClientConfig:
    auth = [BasicAuth(name, "secret") for name in credentials or ("till",)]
    return ClientConfig("http://127.0.0.1:9", auth, rate=rate)


def _list(folder: Path, cells: Sequence[str]) -> CustomerList:
    path = folder / "list.csv"
    path.write_text("mobile\n919111111111\n" + "".join(f"{cell}\n" for cell in cells))
    return CustomerList(path, identifier="mobile")


async def _planned(folder: Path, count: int, config: ClientConfig, latency: float = 0.2) -> Plan:
    cells = [str(919_000_000_000 + number) for number in range(count - 1)]
    return await plan_job(_list(folder, cells), config, latency=latency)


@given(cells=_CELLS)
@settings(max_examples=8)
async def test_counts_what_a_run_of_the_list_then_does(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    """Rows, blank lines, duplicates, rejected rows and requests; nothing is sent before."""
    folder = tmp_path_factory.mktemp("plan")
    customers, transport = _list(folder, cells), FakeTransport()
    config = _config(rate=RateLimit(100_000, 1.0))

    plan = await plan_job(customers, config)
    async with (
        InteractionsClient(config, transport=transport) as client,
        Job.open(folder / "list.job", customers) as job,
    ):
        status = (await job.run(client, stops=_STOPS)).status

    assert (plan.rows, plan.blank) == (status.rows, status.blank)
    assert plan.duplicates == status.duplicates
    assert plan.rejected == status.endings["rejected"]
    assert plan.customers == plan.requests == len(transport.requests)


def test_takes_as_long_as_the_pace_does(tmp_path: Path) -> None:
    """The hours are those of the pace that keeps the quota, and not of the bare quota."""

    async def run() -> tuple[float, float]:
        plan = await _planned(tmp_path, 200, _config())
        async with InteractionsClient(_config(), transport=FakeTransport()) as client:
            started_at = asyncio.get_running_loop().time()
            await client.lookup_all(Identifier.mobile(str(919 + number)) for number in range(200))
        return plan.seconds, asyncio.get_running_loop().time() - started_at

    planned, elapsed = run_without_waiting(run())

    assert elapsed == pytest.approx(planned, rel=0.02)


@table(
    ("credentials", "latency", "in_flight", "processes"),
    [(1, 0.2, 4, 1), (1, 5.0, 98, 1), (3, 0.2, 12, 1)],
)
async def test_says_how_many_in_flight_reach_the_rate(
    tmp_path: Path, credentials: int, latency: float, in_flight: int, processes: int
) -> None:
    """Little's law, over the rate of all credentials together."""
    config = _config(*map(str, range(credentials)))

    plan = await _planned(tmp_path, 10, config, latency)

    assert (plan.in_flight, plan.processes) == (in_flight, processes)
    assert plan.max_latency == pytest.approx(32 * credentials / plan.rate)


async def test_needs_more_processes_where_one_cannot_send_so_much(tmp_path: Path) -> None:
    """A process sends some 1,500 a second."""
    plan = await _planned(tmp_path, 10, _config(rate=RateLimit(4000, 1.0)))

    assert plan.processes == 3


async def test_names_rejected_rows_by_their_reasons(tmp_path: Path) -> None:
    """The most frequent reason first, with the numbers of its first rows."""
    plan = await plan_job(_list(tmp_path, ["a", "9.19E+11", "b", "c", "d", "#1"]), _config())

    assert [(item.rows, item.first_rows) for item in plan.rejections] == [
        (4, (2, 4, 5)),
        (1, (3,)),
        (1, (7,)),
    ]
    assert "no digits" in plan.rejections[0].reason


async def test_holds_a_bounded_number_of_reasons(tmp_path: Path) -> None:
    """Where each row has one of its own, further ones are counted together."""
    rows = "".join(
        f'{{"mobile": {{"a{number}": 1}}}}\n{{"{number}": 2}}\n' for number in range(300)
    )
    path = tmp_path / "list.jsonl"
    path.write_text('{"mobile": "919"}\n' + rows)

    plan = await plan_job(CustomerList(path, identifier="mobile"), _config())

    assert plan.rejected == 600
    assert len(plan.rejections) <= 101


@table(("bad", "stops"), [(49, False), (50, True)])
async def test_says_that_a_run_would_stop(tmp_path: Path, bad: int, stops: bool) -> None:
    """Where half of the first hundred rows are rejected."""
    cells = ["name"] * bad + [str(919_000_000_000 + number) for number in range(99 - bad)]

    assert (await plan_job(_list(tmp_path, cells), _config())).stops is stops


async def test_estimates_the_file_of_a_job(tmp_path: Path) -> None:
    """Not smaller than it gets, and at most a third larger."""
    message = {"id": 1, "status": "DELIVERED", "subject": "s" * 180}
    answer = {"interaction": [{"name": "email", "count": 8, "messageList": [message] * 8}]}
    customers = _list(tmp_path, [str(919_000_000_000 + number) for number in range(999)])
    config = _config(rate=RateLimit(100_000, 1.0))

    plan = await plan_job(customers, config)
    async with (
        InteractionsClient(config, transport=FakeTransport(default=answer)) as client,
        Job.open(tmp_path / "list.job", customers) as job,
    ):
        await job.run(client)
        await job.export(tmp_path / "out.jsonl")

    assert 0.75 < (tmp_path / "list.job").stat().st_size / plan.job_bytes < 1.05
    assert (tmp_path / "out.jsonl").stat().st_size == pytest.approx(plan.result_bytes, rel=0.1)


async def test_fails_as_a_run_would_where_the_list_cannot_be_read(tmp_path: Path) -> None:
    """There is no plan for half a list."""
    (tmp_path / "list.csv").write_text("name,city\nAsha,Pune\n")

    with pytest.raises(ListError, match="no column named"):
        await plan_job(CustomerList(tmp_path / "list.csv", identifier="mobile"), _config())
