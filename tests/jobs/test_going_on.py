"""Does a job go on with what it began with, and say what is another?"""

import os
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    InteractionsClient,
    OAuth,
)
from capillary_interactions.jobs import CustomerList, Job, JobChangedError, ListError, StopRules
from capillary_interactions.jobs._store.job_settings import (
    compare_settings,
    endpoint_identity,
    job_settings,
    zone_from_text,
    zone_to_text,
)
from capillary_interactions.jobs._store.store import Store
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, lines_of, mobile, mobiles, names, run_job, write_csv

_AUTH = BasicAuth("till", "secret")


def _settings(url: str = "eu", auth: Any = _AUTH, **given: Any) -> dict[str, Any]:
    return job_settings(ClientConfig(url, auth, **given), {}, None, None)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://EU.api.capillarytech.com:443/", "https://eu.api.capillarytech.com"),
        ("https://eu.api.capillarytech.com:8443/a/", "https://eu.api.capillarytech.com:8443/a"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1/a"),
        ("http://localhost:1", "http://localhost"),
        ("http://[::1]:99", "http://[::1]"),
        ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_knows_a_server_by_its_address(url: str, place: str) -> None:
    """On this machine whatever the port is, for that of a sandbox is another each time."""
    assert endpoint_identity(ClientConfig(url, _AUTH).base_url) == place


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (
            _settings("http://127.0.0.1:4711"),
            _settings("eu"),
            "base_url was http://127.0.0.1 and is https://eu.api.capillarytech.com",
        ),
        (_settings("eu"), _settings("us"), "base_url was https://eu.api.* and is https://ushc.api"),
        (_settings(), _settings(max_pages=3), "max_pages was 20 and is 3"),
    ],
)
def test_tells_another_server_and_other_pages(
    before: dict[str, Any], now: dict[str, Any], told: str
) -> None:
    """Both decide on answers; both values are named, and the way on."""
    with pytest.raises(JobChangedError, match=f"{told}.*; go on with the old settings, or give"):
        compare_settings(before, now)


@pytest.mark.parametrize(
    "now",
    [
        _settings(auth=BasicAuth("till", "another")),
        _settings(auth=[_AUTH, BasicAuth("second", "x")]),
        _settings(auth=OAuth("key", "secret")),
        _settings(headers={"X-Trace": "1"}, in_flight=3),
        _settings("https://eu.api.capillarytech.com/"),
    ],
)
def test_minds_no_other_credential(now: dict[str, Any]) -> None:
    """A new password, or a second till of the same organisation, asks for the same customers."""
    assert compare_settings(_settings(), now) is None


def test_goes_on_with_a_job_of_an_earlier_version() -> None:
    """What it has not written down is as it is now."""
    before = _settings()
    del before["base_url"], before["max_pages"]
    assert compare_settings(before, _settings("us", max_pages=3)) is None


async def test_goes_on_with_another_sandbox_and_with_no_other_server(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Invented customers never stand among real ones."""
    path = mobiles(tmp_path / "l.csv", range(5))
    await run_job(sandbox, path, job_path)
    async with Sandbox() as another:
        assert (await run_job(another, path, job_path)).complete
    config = ClientConfig("https://example.invalid", _AUTH)
    async with InteractionsClient(config) as client, Job.open(job_path) as job:
        with pytest.raises(JobChangedError, match=r"base_url was http://127\.0\.0\.1 and"):
            await job.run(client)


async def test_remembers_what_an_earlier_version_did_not(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """From its next run on, an old job has a server too."""
    path = mobiles(tmp_path / "l.csv", range(5))
    await run_job(sandbox, path, job_path)
    store = Store(job_path)
    known = store.metadata("settings")
    newer = {"base_url", "max_pages"}
    store.set_metadata("settings", {n: v for n, v in known.items() if n not in newer})
    await run_job(sandbox, path, job_path)
    assert store.metadata("settings") == known
    store.close()


class _Summer(tzinfo):
    """A zone as other libraries make it: without a fixed offset."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None if when is None else timedelta(hours=2)

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str:
        return "Summer"


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=5.5))])
def test_writes_a_zone_that_can_be_read(zone: tzinfo) -> None:
    """By its name, or its offset."""
    assert zone_from_text(zone_to_text(zone)).utcoffset(datetime(2026, 1, 1)) == zone.utcoffset(  # noqa: DTZ001
        datetime(2026, 1, 1)  # noqa: DTZ001
    )


async def test_refuses_a_zone_that_cannot_be_written(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """It would come back as UTC, and every date would be another."""
    path = mobiles(tmp_path / "l.csv", range(5))
    async with (
        client_of(sandbox, timezone=_Summer()) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        with pytest.raises(ConfigurationError, match=r"^timezone .* zoneinfo\.ZoneInfo"):
            await job.run(client)
    assert names(tmp_path) == ["l.csv"]


@pytest.mark.parametrize(("form", "told"), [("lines", "csv and is lines"), ("jsonl", "is jsonl")])
async def test_refuses_another_format(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, form: Any, told: str
) -> None:
    """The rows would be others."""
    path = mobiles(tmp_path / "l.csv", range(5))
    await run_job(sandbox, path, job_path)
    customers = CustomerList(path, identifier="mobile", format=form)
    with pytest.raises(JobChangedError, match=f"format was .*{told}"):
        await run_job(sandbox, customers, job_path)
    same = CustomerList(path, identifier="mobile", format="csv")
    assert (await run_job(sandbox, same, job_path)).complete


@pytest.mark.parametrize(
    "told",
    [
        {"column": 1},
        {"column": " MOBILE"},
        {"delimiter": ","},
        {"encoding": "ascii"},
        {"column": "1", "delimiter": ",", "encoding": "cp1252"},
    ],
)
async def test_goes_on_with_the_same_said_otherwise(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, told: dict[str, Any]
) -> None:
    """The rows decide whether it is the same list; the job remembers how it is read."""
    path = mobiles(tmp_path / "l.csv", range(5))
    await run_job(sandbox, path, job_path)
    otherwise = CustomerList(path, identifier="mobile", **told)
    assert (await run_job(sandbox, otherwise, job_path)).complete
    assert sandbox.counts.received == 5
    store = Store(job_path)
    assert {name: store.metadata("list")[name] for name in told} == {
        name: str(value) for name, value in told.items()
    }
    store.close()
    assert (await run_job(sandbox, None, job_path)).complete


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"encoding": "cp1252"}, "encoding was not given and is cp1252"),
        ({"delimiter": ";"}, "delimiter was not given and is ;"),
        ({"column": "name"}, "column was not given and is name"),
        ({"column": "1", "delimiter": ";"}, "column was not given and is 1; delimiter was not"),
    ],
)
async def test_refuses_what_makes_other_rows(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, told: dict[str, Any], said: str
) -> None:
    """And names it, rather than the list, which is the same."""
    path = write_csv(tmp_path / "l.csv", [("mobile", "name"), (mobile(1), "é")])
    await run_job(sandbox, path, job_path)
    with pytest.raises(JobChangedError, match=said):
        await run_job(sandbox, CustomerList(path, identifier="mobile", **told), job_path)
    assert (await run_job(sandbox, path, job_path)).complete
    assert sandbox.counts.received == 1


def _wide(folder: Path, rows: int) -> Path:
    """A list of several of the pieces in which a file is read."""
    return write_csv(
        folder / "l.csv", [("mobile", "n"), *((mobile(n), "N " * 150) for n in range(rows))]
    )


async def test_follows_its_own_advice_on_the_encoding(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Rows before a byte that is no UTF-8 are done; with the encoding the job goes on."""
    path = _wide(tmp_path, 900)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[801] = lines[801].replace(b"N N", b"Jos\xe9")
    path.write_bytes(b"".join(lines))
    with pytest.raises(ListError, match="give its encoding, such as cp1252"):
        await run_job(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        assert (await job.status()).endings["found"] == 800
    told = CustomerList(path, identifier="mobile", encoding="cp1252")
    assert (await run_job(sandbox, told, job_path)).complete
    assert sandbox.counts.received == 900


async def test_sees_a_changed_row_behind_an_old_date(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Somebody has written to the list and put its date back."""
    path = _wide(tmp_path, 900)
    await run_job(sandbox, path, job_path)
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content.replace(mobile(450).encode(), b"918000000000"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(JobChangedError, match="its rows differ"):
        await run_job(sandbox, path, job_path)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await run_job(sandbox, path, job_path)).complete


async def test_goes_on_with_a_list_whose_name_is_no_text(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A path is bytes; the job finds it again by them."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    try:
        mobiles(path, range(300))
    except OSError:  # pragma: no cover - such a disk
        pytest.skip("this disk has names of text only")
    async with (
        client_of(sandbox) as client,
        Job.open(job_path, CustomerList(path, identifier="mobile")) as job,
    ):
        await job.run(client, progress=lambda _: job.stop())
        orjson.dumps((await job.status()).customers)
    report = await run_job(sandbox, None, job_path, stops=StopRules())
    assert report.complete
    assert report.status.customers.endswith("caf\\udce9.csv")
    assert len(await lines_of(job_path)) == 300
