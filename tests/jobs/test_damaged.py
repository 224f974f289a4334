"""Job files that are damaged, or made by another program to do harm."""

import asyncio
import random
import secrets
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import orjson
import pytest

from capillary_interactions.jobs import ExportError, Job, JobStoreError

from .damage import FORMATS, VALUES, columns_of, complete_job, everything

_EXAMPLES = 5


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that is done."""
    return asyncio.run(complete_job(tmp_path_factory.mktemp("undamaged")))


@pytest.fixture
def job(undamaged: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(undamaged, tmp_path / "a.job"))


def change(job: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Write to a job as another program might."""
    with closing(sqlite3.connect(job)) as connection, suppress(sqlite3.IntegrityError):
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


@pytest.fixture
def rng() -> random.Random:
    """Another one in each run; its seed is printed with a failure."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


@pytest.mark.parametrize("example", range(_EXAMPLES))
def test_reports_a_value_of_any_type(job: Path, rng: random.Random, example: int) -> None:
    """Any value in any column is a JobError at most, and JSON lines are JSON, or not written."""
    table, column = rng.choice(columns_of(job))
    value = rng.choice(VALUES)
    print(table, column, value)  # noqa: T201
    change(job, f"UPDATE OR IGNORE {table} SET {column} = ?", values=(value,))  # noqa: S608
    everything(job)


@pytest.mark.parametrize("name", ["settings", "list", "stamp", "columns", "bookmark", "exports"])
def test_reports_any_metadata(job: Path, rng: random.Random, name: str) -> None:
    """Any JSON, or none."""
    value = rng.choice(VALUES)
    print(value)  # noqa: T201
    change(job, f"UPDATE fact SET value = ? WHERE name = '{name}'", values=(value,))  # noqa: S608
    everything(job)


@pytest.mark.parametrize("example", range(_EXAMPLES))
def test_survives_flipped_bits(job: Path, rng: random.Random, example: int) -> None:
    """As a bad disk or a bad copy leaves them."""
    content = bytearray(job.read_bytes())
    written = [index for index, byte in enumerate(content) if byte]
    for index in rng.choices(written, k=rng.choice((1, 1, 3, 30))):
        content[index] ^= 1 << rng.randrange(8)
    job.write_bytes(content)
    everything(job)


_ENDLESS = (
    "CREATE VIEW tally AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
    "SELECT 'found' AS name, x AS count FROM n"
)


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE tally", _ENDLESS),
        ("DROP TABLE outcome",),
        ("ALTER TABLE row DROP COLUMN cells",),
        ("CREATE TRIGGER t AFTER INSERT ON outcome BEGIN DELETE FROM outcome; END",),
        ("DROP TABLE fact", "CREATE VIRTUAL TABLE fact USING fts5(name, value)"),
    ],
)
def test_opens_nothing_but_tables(job: Path, statements: tuple[str, ...]) -> None:
    """A view may take for ever, and a trigger may do anything."""
    change(job, *statements)
    for error in everything(job):
        assert "it has not the tables of a job" in error or "no job" in error


async def _exports(job: Path, name: str) -> int:
    async with Job.open(job) as opened:
        return await opened.export(job.with_name(name))


@pytest.mark.parametrize("name", FORMATS)
async def test_names_the_row_of_a_damaged_answer(job: Path, name: str) -> None:
    """It is not written as it is; only this customer is looked up again."""
    change(job, "UPDATE outcome SET answer = substr(answer, 2) WHERE first = 2")
    with pytest.raises(ExportError, match=r"a\.job is damaged: row 2 of the list"):
        await _exports(job, name)
    async with Job.open(job) as opened:
        before = await opened.status()
        assert await opened.retry_damaged() == 1
        after = await opened.status()
        assert await opened.retry_damaged() == 0
    assert (before.open, after.open) == (0, 1)
    assert await _exports(job, name) == 6


async def test_discards_a_job_that_knows_odd_results(job: Path) -> None:
    """The job is removed, without an error."""
    value = orjson.dumps({"": [], "x" * 5000: [[1]]}).decode()
    change(job, "UPDATE fact SET value = ? WHERE name = 'exports'", values=(value,))
    async with Job.open(job) as opened:
        await opened.discard()
    assert not (job.parent / job.name).exists()


async def test_names_a_job_whose_settings_are_damaged(job: Path) -> None:
    """With the file, and what to do."""
    change(job, "UPDATE fact SET value = '{}' WHERE name = 'settings'")
    with pytest.raises(JobStoreError, match=r"a\.job is damaged.*'settings'.*Bring back a copy"):
        await _exports(job, "o.csv")


def test_draws_no_report_of_a_damaged_job(job: Path) -> None:
    """Nor does it fail in another way than with a JobError."""
    change(job, "UPDATE outcome SET at = 9e99, answer = '[1]'")
    assert any("is damaged" in error for error in everything(job, report=True))
