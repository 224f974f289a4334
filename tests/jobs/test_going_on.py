"""Resuming a job with the same list and settings, perhaps given in other terms."""

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
from tests.tables import table

from .jobs_under_test import client_of, lines_of, mobile, mobiles, names, run_job, write_csv

_AUTH = BasicAuth("till", "secret")


def _settings(url: str = "eu", auth: Any = _AUTH, **options: Any) -> dict[str, Any]:
    return job_settings(ClientConfig(url, auth, **options), {}, None, None)


@table(
    ("url", "identity"),
    [
        ("https://EU.api.capillarytech.com:443/", "https://eu.api.capillarytech.com"),
        ("https://eu.api.capillarytech.com:8443/a/", "https://eu.api.capillarytech.com:8443/a"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1/a"),
        ("http://localhost:1", "http://localhost"),
        ("http://[::1]:99", "http://[::1]"),
        ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_identifies_an_endpoint(url: str, identity: str) -> None:
    """On a loopback address without the port: that of a sandbox is another in each run."""
    assert endpoint_identity(ClientConfig(url, _AUTH).base_url) == identity


@table(
    ("before", "now", "difference"),
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
def test_names_what_differs(before: dict[str, Any], now: dict[str, Any], difference: str) -> None:
    """With both values, and how to continue."""
    with pytest.raises(
        JobChangedError, match=f"{difference}.*; go on with the old settings, or give"
    ):
        compare_settings(before, now)


@table(
    "now",
    [
        _settings(auth=BasicAuth("till", "another")),
        _settings(auth=[_AUTH, BasicAuth("second", "x")]),
        _settings(auth=OAuth("key", "secret")),
        _settings(headers={"X-Trace": "1"}, in_flight=3),
        _settings("https://eu.api.capillarytech.com/"),
    ],
)
def test_accepts_other_credentials(now: dict[str, Any]) -> None:
    """A new password, or a second till of the same organisation, is the same job."""
    assert compare_settings(_settings(), now) is None


def test_goes_on_with_a_job_of_an_earlier_version() -> None:
    """A setting that it has not stored counts as equal."""
    before = _settings()
    del before["base_url"], before["max_pages"]
    assert compare_settings(before, _settings("us", max_pages=3)) is None


def test_goes_on_in_the_cluster_s_time_zone() -> None:
    """A version whose default was UTC everywhere has stored that; its answers are as sent."""
    before = {**_settings("asia"), "timezone": "UTC"}
    del before["cluster_timezone"]
    assert compare_settings(before, _settings("asia")) is None
    assert compare_settings(before, _settings("asia", timezone=UTC)) is None
    with pytest.raises(JobChangedError, match="timezone was UTC and is Europe/Berlin"):
        compare_settings(before, _settings("asia", timezone=ZoneInfo("Europe/Berlin")))


def test_does_not_change_a_time_zone_that_was_given() -> None:
    """A job that began with a zone has it for good."""
    before = _settings("asia", timezone=UTC)
    assert compare_settings(before, _settings("asia", timezone=UTC)) is None
    with pytest.raises(JobChangedError, match="timezone was UTC and is Asia/Kolkata"):
        compare_settings(before, _settings("asia"))


async def test_goes_on_with_another_sandbox_and_with_no_other_server(
    sandbox: Sandbox, list_path: Path, job_path: Path
) -> None:
    """Customers of a sandbox are never mixed with real ones."""
    await run_job(sandbox, list_path, job_path)
    async with Sandbox() as another:
        assert (await run_job(another, list_path, job_path)).complete
    config = ClientConfig("https://example.invalid", _AUTH)
    async with InteractionsClient(config) as client, Job.open(job_path) as job:
        with pytest.raises(JobChangedError, match=r"base_url was http://127\.0\.0\.1 and"):
            await job.run(client)


async def test_stores_what_an_earlier_version_did_not(
    sandbox: Sandbox, list_path: Path, job_path: Path
) -> None:
    """From its next run on, an old job has an endpoint, too."""
    await run_job(sandbox, list_path, job_path)
    store = Store(job_path)
    known = store.metadata("settings")
    newer = {"base_url", "max_pages"}
    store.set_metadata({"settings": {n: v for n, v in known.items() if n not in newer}})
    await run_job(sandbox, list_path, job_path)
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


@table("zone", [UTC, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=5.5)),
                                  timezone(timedelta(hours=5.5), "Asia/Kolkata")])  # fmt: skip
def test_reads_the_zone_that_it_has_written(zone: tzinfo) -> None:
    """By its name, or its offset."""
    assert zone_from_text(zone_to_text(zone)).utcoffset(datetime(2026, 1, 1)) == zone.utcoffset(  # noqa: DTZ001
        datetime(2026, 1, 1)  # noqa: DTZ001
    )


async def test_refuses_a_zone_without_a_name(
    sandbox: Sandbox, tmp_path: Path, list_path: Path, job_path: Path
) -> None:
    """It would be read as UTC, and every date would be another."""
    async with (
        client_of(sandbox, timezone=_Summer()) as client,
        Job.open(job_path, CustomerList(list_path, identifier="mobile")) as job,
    ):
        with pytest.raises(ConfigurationError, match=r"^timezone .* zoneinfo\.ZoneInfo"):
            await job.run(client)
    assert names(tmp_path) == ["l.csv"]


@pytest.mark.parametrize(
    "options",
    [
        {"column": 1, "format": "csv"},
        {"column": " MOBILE"},
        {"delimiter": ","},
        {"encoding": "ascii"},
        {"column": "1", "delimiter": ",", "encoding": "cp1252"},
    ],
)
async def test_accepts_the_same_list_read_in_other_terms(
    sandbox: Sandbox, list_path: Path, job_path: Path, options: dict[str, Any]
) -> None:
    """If its rows are the same, it is; the job stores how it is read."""
    await run_job(sandbox, list_path, job_path)
    customers = CustomerList(list_path, identifier="mobile", **options)
    assert (await run_job(sandbox, customers, job_path)).complete
    assert sandbox.counts.received == 5
    store = Store(job_path)
    assert {name: store.metadata("list")[name] for name in options} == {
        name: str(value) for name, value in options.items()
    }
    store.close()
    assert (await run_job(sandbox, None, job_path)).complete


@pytest.mark.parametrize(
    ("options", "differences"),
    [
        ({"encoding": "cp1252"}, "encoding was not given and is cp1252"),
        ({"delimiter": ";"}, "delimiter was not given and is ;"),
        ({"column": "name"}, "column was not given and is name"),
        ({"column": "1", "delimiter": ";"}, "column was not given and is 1; delimiter was not"),
    ],
)
async def test_refuses_what_makes_other_rows(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, options: dict[str, Any], differences: str
) -> None:
    """The error names the setting, not the list, which is the same."""
    path = write_csv(tmp_path / "l.csv", [("mobile", "name"), (mobile(1), "é")])
    await run_job(sandbox, path, job_path)
    with pytest.raises(JobChangedError, match=differences):
        await run_job(sandbox, CustomerList(path, identifier="mobile", **options), job_path)
    assert (await run_job(sandbox, path, job_path)).complete
    assert sandbox.counts.received == 1


def _wide(folder: Path, rows: int) -> Path:
    """A list of several of the pieces in which a file is read."""
    return write_csv(
        folder / "l.csv", [("mobile", "n"), *((mobile(n), "N " * 450) for n in range(rows))]
    )


async def test_goes_on_with_the_encoding_that_its_error_asks_for(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Rows before a byte that is no UTF-8 are done; with the encoding the job goes on."""
    path = _wide(tmp_path, 300)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[251] = lines[251].replace(b"N N", b"Jos\xe9")
    path.write_bytes(b"".join(lines))
    with pytest.raises(ListError, match="give its encoding, such as cp1252"):
        await run_job(sandbox, path, job_path)
    async with Job.open(job_path) as job:
        assert (await job.status()).endings["found"] == 250
    customers = CustomerList(path, identifier="mobile", encoding="cp1252")
    assert (await run_job(sandbox, customers, job_path)).complete
    assert sandbox.counts.received == 300


async def test_sees_a_changed_row_behind_an_old_date(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A program has written to the list and put its date back."""
    path = _wide(tmp_path, 300)
    await run_job(sandbox, path, job_path)
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content.replace(mobile(150).encode(), b"918000000000"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(JobChangedError, match="its row 151 differs"):
        await run_job(sandbox, path, job_path)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await run_job(sandbox, path, job_path)).complete


async def test_goes_on_with_a_list_whose_name_is_no_text(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """A path is bytes, which the job stores."""
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
