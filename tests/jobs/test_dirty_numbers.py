"""Lists of phone numbers as people have them: one customer is one, however it is spelled."""

import csv
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import IdentifierName
from capillary_interactions.jobs import CustomerList, Job, JobChangedError, QueryTemplate, RowStream
from capillary_interactions.jobs._store.connection import connect
from capillary_interactions.jobs._store.records import RESULTS_QUERY
from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import client_of, exported, lines_of, mobiles, run_job, write_csv

_REGION: Final = "IN"
# What is never part of a number, around the ten digits of a national one.
_ANYWHERE: Final = (
    "+91{}",
    "+91 {0:.5} {0:5.10}",
    "91-{}",
    "(+91) {}",
    "91.{}",
    "\u202a+91\u00a0{}\u202c",
    '="91{}"',
    "'91{}",
    "91{}.0",
    "\ufeff91{}\u200b",
)
_IN_INDIA: Final = (
    *_ANYWHERE,
    "{}",
    "0{}",
    "0 {0:.5}-{0:.5}",
    "0091-{}",
    "+91 (0) {}",
    "091{}",
    "tel:+91-{}",
)
_FULL_WIDTH: Final = str.maketrans("0123456789", "".join(map(chr, range(0xFF10, 0xFF1A))))
_BAD: Final = ("97385x22695", "9.19739E+11", "12 ext 3", "n/a", "97385/226/95")


def _national(number: int) -> str:
    return str(9_738_500_000 + number)


def _spelled(national: str, style: str) -> str:
    halves = {"{0:.5}": national[:5], "{0:5.10}": national[5:]}
    if "{0" in style:
        for place in ("{0:.5}", "{0:.5}" if style.count("{0:.5}") > 1 else "{0:5.10}"):
            style = style.replace(place, halves.pop(place, national[5:]), 1)
        return style
    return style.format(national)


def _dirty(clean: list[str], region: str | None, seed: int = 5) -> Iterator[str]:
    """The same numbers, each in one of the ways in which people write them."""
    dice = random.Random(seed)
    for number in clean:
        spelled = _spelled(number[2:], dice.choice(_ANYWHERE if region is None else _IN_INDIA))
        if region is not None and dice.random() < 0.1:
            spelled = spelled.translate(_FULL_WIDTH)
        yield spelled


def _numbers() -> list[str]:
    """A thousand rows of two hundred customers."""
    dice = random.Random(7)
    distinct = [f"91{_national(number)}" for number in range(200)]
    numbers = [*distinct, *dice.choices(distinct, k=800)]
    dice.shuffle(numbers)
    return numbers


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _results(
    sandbox: Sandbox, folder: Path, cells: list[str], **settings: Any
) -> tuple[list[dict[str, Any]], int]:
    rows = [["name", "mobile"], *(["N", cell] for cell in cells)]
    path = write_csv(_new(folder) / "l.csv", rows)
    before = sandbox.counts.received
    customers = CustomerList(path, identifier="mobile")
    async with (
        client_of(sandbox, **settings) as client,
        Job.open(folder / "a.job", customers) as job,
    ):
        assert (await job.run(client)).complete
    return await lines_of(folder / "a.job"), sandbox.counts.received - before


async def test_ends_as_the_clean_twin(tmp_path: Path) -> None:
    """A thousand dirty rows: the same outcomes, in as many requests; each keeps its spelling."""
    clean = _numbers()
    async with Sandbox(unknown=0.3, messages=1) as sandbox:
        wanted, requests = await _results(sandbox, tmp_path / "clean", clean)
        assert requests == 200
        for region in (None, _REGION):
            dirty, folder = list(_dirty(clean, region)), tmp_path / f"dirty {region}"
            lines, asked = await _results(sandbox, folder, dirty, phone_region=region)
            assert asked == requests
            _compare(wanted, lines, clean)
            with (await exported(folder / "a.job", "out.csv")).open(newline="") as file:
                rows = {int(row["row"]): row for row in csv.DictReader(file)}
            ordered = [rows[number] for number in range(1, 1001)]
            assert [row["mobile"] for row in ordered] == dirty
            assert [row["sent_identifier"] for row in ordered] == clean


def _compare(wanted: list[dict[str, Any]], lines: list[dict[str, Any]], clean: list[str]) -> None:
    assert len(lines) == 1000
    changed = 0
    for before, after, number in zip(wanted, lines, clean, strict=True):
        for name in ("row", "outcome", "answer", "reason", "code"):
            assert before.get(name) == after.get(name)
        assert before["query"] == {"identifierName": "mobile", "identifierValue": number}
        value, sent = after["query"]["identifierValue"], after["query"].get("sentValue")
        assert (sent or value) == number
        assert sent != value
        changed += sent is not None
    assert changed > 500
    assert {line["outcome"] for line in lines} == {"found", "not_found"}


@pytest.mark.parametrize("region", [None, _REGION])
async def test_rejects_what_is_no_number_and_keeps_its_row(
    sandbox: Sandbox, tmp_path: Path, region: str | None
) -> None:
    """Each with a reason without digits, no request, and its own cell."""
    cells = [*_BAD, *(f"91{_national(number)}" for number in range(6)), "97385"]
    lines, asked = await _results(sandbox, tmp_path / "x", cells, phone_region=region)
    assert [line["query"]["identifierValue"] for line in lines] == cells
    assert [line["outcome"] for line in lines[:5]] == ["rejected"] * 5
    assert [line["outcome"] for line in lines[5:11]] == ["found"] * 6
    assert lines[11]["outcome"] == ("found" if region is None else "rejected")
    assert asked == (7 if region is None else 6)
    for line in lines:
        assert not any(map(str.isdigit, line.get("reason", "")))
    assert "spreadsheet's rounding" in lines[1]["reason"]
    with (await exported(tmp_path / "x" / "a.job", "out.csv")).open(newline="") as file:
        sent = {row["identifier"]: row["sent_identifier"] for row in csv.DictReader(file)}
    assert list(sent.values()) == ["" if cell in _BAD else cell for cell in cells[:11]] + [
        cells[11] if region is None else ""
    ]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("\ufeffName;Mobile\r\nA;9,19739E+11\r\nB;919738522695\r\n", "utf-8"),
        ("Name,Mobile\r\nA,9.19739E+11\r\nB,919738522695\r\n", "cp1252"),
        ("Name\tMobile\r\nA\t9.19739E+11\r\nB\t919738522695\r\n", "utf-16"),
        ('sep=;\r\n"Name";"Mobile"\r\n"A";"9,19739E+11"\r\n"B";="919738522695"\r\n', "utf-8"),
    ],
)
async def test_names_what_excel_has_rounded(
    sandbox: Sandbox, tmp_path: Path, content: str, encoding: str
) -> None:
    """In each of the ways in which Excel saves a table: that row is rejected, the next is asked."""
    path = tmp_path / "l.csv"
    path.write_bytes(content.encode(encoding))
    customers = CustomerList(
        path, identifier="mobile", encoding="cp1252" if "cp" in encoding else None
    )
    await run_job(sandbox, customers, tmp_path / "a.job")
    first, second = await lines_of(tmp_path / "a.job")
    assert "a spreadsheet's rounding of a long number" in first["reason"]
    assert (first["outcome"], second["outcome"]) == ("rejected", "found")


@pytest.mark.parametrize("region", [None, _REGION])
async def test_streams_the_same(tmp_path: Path, region: str | None) -> None:
    """Without a job each row gives its line, with both spellings."""
    clean = [f"91{_national(number)}" for number in range(40)]
    dirty = [*_dirty(clean, region), "97385x22695"]
    path = write_csv(tmp_path / "l.csv", [["mobile"], *([cell] for cell in dirty)])
    lines: list[dict[str, Any]] = []

    async def write(line: bytes) -> None:
        lines.append(orjson.loads(line))

    template = QueryTemplate(name=IdentifierName.MOBILE, phone_region=region)
    rows = RowStream(CustomerList(path, identifier="mobile"), template)
    async with Sandbox(unknown=0) as sandbox, client_of(sandbox, phone_region=region) as client:
        await rows.look_up(client, write)
        assert all(sandbox.received_for(number) == 1 for number in clean)
    ended = sorted(lines, key=lambda line: int(line["row"]))
    assert [line["outcome"] for line in ended] == ["found"] * 40 + ["rejected"]
    queries = [line["query"] for line in ended[:40]]
    assert [query.get("sentValue", query["identifierValue"]) for query in queries] == clean


async def test_sends_a_foreign_number_once_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    """Its digits with country code look like a national number: they are not read again."""
    lines, _ = await _results(sandbox, tmp_path / "x", ["+65 9123 4567"], phone_region=_REGION)
    assert lines[0]["query"]["sentValue"] == "6591234567"
    assert sandbox.received_for("6591234567") == 1


async def test_keeps_to_the_region_it_began_with(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Another region makes other customers of the same rows; an e-mail address has none."""
    path = mobiles(tmp_path / "l.csv", range(3))
    await run_job(sandbox, path, job_path)
    async with client_of(sandbox, phone_region=_REGION) as client:
        async with Job.open(job_path, CustomerList(path, identifier="mobile")) as job:
            with pytest.raises(JobChangedError, match="phone_region was not given and is IN"):
                await job.run(client)
        addresses = write_csv(tmp_path / "e.csv", [["email"], ["a@example.com"]])
        emails = CustomerList(addresses, identifier="email")
        await run_job(sandbox, emails, tmp_path / "e.job")
        async with Job.open(tmp_path / "e.job", emails) as job:
            assert (await job.run(client)).complete


def _as_the_first_version_left_it(path: Path, values: dict[int, str]) -> None:
    """Make a complete job what it was before: identifiers as given, nothing of regions, open."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE sent")
        connection.execute("DROP TABLE stale")
        connection.execute("ALTER TABLE run DROP COLUMN refreshed")
        connection.execute("ALTER TABLE run DROP COLUMN kept")
        settings = connection.execute("SELECT value FROM fact WHERE name = 'settings'").fetchone()
        older = {**orjson.loads(settings[0])}
        del older["phone_region"]
        connection.execute(
            "UPDATE fact SET value = ? WHERE name = 'settings'", (orjson.dumps(older).decode(),)
        )
        connection.execute("DELETE FROM outcome WHERE first > 1")
        connection.execute("DELETE FROM tally")
        connection.execute("INSERT INTO tally VALUES ('found', 1)")
        connection.execute("UPDATE fact SET value = '1' WHERE name = 'settled'")
        for number, value in values.items():
            connection.execute("UPDATE row SET value = ? WHERE number = ?", (value, number))
            connection.execute("UPDATE customer SET value = ? WHERE first = ?", (value, number))


@pytest.mark.parametrize("with_list", [True, False])
async def test_resumes_a_job_of_an_earlier_version(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, *, with_list: bool
) -> None:
    """Its rows are as the list spells them: each ends in its outcome, by its digits."""
    path = mobiles(tmp_path / "l.csv", range(4))
    await run_job(sandbox, path, job_path)
    _as_the_first_version_left_it(job_path, {2: "+91 90000-00001", 3: "97385x22695"})
    with closing(connect(job_path, read_only=True)) as connection:
        assert len(connection.execute(RESULTS_QUERY).fetchall()) == 1
    before = sandbox.counts.received
    async with client_of(sandbox, phone_region=_REGION) as client, Job.open(job_path) as job:
        with pytest.raises(JobChangedError, match="phone_region was not given and is IN"):
            await job.run(client)
    report = await run_job(sandbox, path if with_list else None, job_path)
    assert report.complete
    assert sandbox.counts.received == before + 2
    assert sandbox.received_for("919000000001") == 2
    lines = await lines_of(job_path)
    assert [line["outcome"] for line in lines] == ["found", "found", "rejected", "found"]
    assert lines[1]["query"]["identifierValue"] == "+91 90000-00001"


async def test_looks_up_a_list_of_custom_identifiers(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """The column is the one of that name; the job resumes by itself, and no other list does."""
    path = write_csv(tmp_path / "l.csv", [["id", "wechat"], ["1", "o6_b+1"], ["2", "00 7"]])
    wechat = CustomerList(path, identifier=IdentifierName.custom("wechat"))
    report = await run_job(sandbox, wechat, job_path)
    assert report.status.endings["found"] == 2
    assert [sandbox.received_for(value) for value in ("o6_b+1", "00 7")] == [1, 1]
    assert (await lines_of(job_path))[1]["query"] == {
        "identifierName": "wechat",
        "identifierValue": "00 7",
    }
    assert (await run_job(sandbox, None, job_path)).complete
    assert (await run_job(sandbox, wechat, job_path)).complete
    for other in ("external_id", IdentifierName.custom("mobile")):
        with pytest.raises(JobChangedError, match="identifier was custom:wechat and is "):
            await run_job(sandbox, CustomerList(path, identifier=other, column=2), job_path)


async def test_looks_up_a_list_of_customer_ids(
    sandbox: Sandbox, tmp_path: Path, job_path: Path
) -> None:
    """Found by the column's name; numbers of a column with gaps are whole."""
    path = write_csv(tmp_path / "l.csv", [["row", "Customer_ID"], ["1", "554"], ["2", "555.0"]])
    await run_job(sandbox, CustomerList(path, identifier="customer_id"), job_path)
    assert [sandbox.received_for(value) for value in ("554", "555")] == [1, 1]
    assert (await lines_of(job_path))[0]["query"] == {
        "identifierName": "id",
        "identifierValue": "554",
    }
