"""What if a job's file is damaged, or was made by another program to do harm?"""

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

from .damage import FORMATS, VALUES, columns_of, everything, made

_EXAMPLES = 5


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that is done."""
    return asyncio.run(made(tmp_path_factory.mktemp("whole")))


@pytest.fixture
def job(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(whole, tmp_path / "a.job"))


def change(job: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Write to a job as another program might."""
    with closing(sqlite3.connect(job)) as connection, suppress(sqlite3.IntegrityError):
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


@pytest.fixture
def dice() -> random.Random:
    """Other ones at each run, and told with a failure."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


@pytest.mark.parametrize("example", range(_EXAMPLES))
def test_names_a_value_that_is_none(job: Path, dice: random.Random, example: int) -> None:
    """Any value in any column is a JobError at most, and JSON lines are JSON, or not written."""
    table, column = dice.choice(columns_of(job))
    value = dice.choice(VALUES)
    print(table, column, value)  # noqa: T201
    change(job, f"UPDATE OR IGNORE {table} SET {column} = ?", values=(value,))  # noqa: S608
    everything(job)


@pytest.mark.parametrize("name", ["settings", "list", "stamp", "columns", "bookmark", "exports"])
def test_names_a_fact_that_is_none(job: Path, dice: random.Random, name: str) -> None:
    """Whatever JSON, or none, stands there."""
    value = dice.choice(VALUES)
    print(value)  # noqa: T201
    change(job, f"UPDATE fact SET value = ? WHERE name = '{name}'", values=(value,))  # noqa: S608
    everything(job)


@pytest.mark.parametrize("example", range(_EXAMPLES))
def test_survives_flipped_bits(job: Path, dice: random.Random, example: int) -> None:
    """As a bad disk or a bad copy leaves them."""
    content = bytearray(job.read_bytes())
    written = [place for place, byte in enumerate(content) if byte]
    for place in dice.choices(written, k=dice.choice((1, 1, 3, 30))):
        content[place] ^= 1 << dice.randrange(8)
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
def test_opens_no_tables_that_are_none(job: Path, statements: tuple[str, ...]) -> None:
    """A view may take for ever, and a trigger does what its author likes."""
    change(job, *statements)
    for wrong in everything(job):
        assert "it has not the tables of a job" in wrong or "no job" in wrong


async def _exports(job: Path, name: str) -> int:
    async with Job.open(job) as opened:
        return await opened.export(job.with_name(name))


@pytest.mark.parametrize("name", FORMATS)
async def test_names_the_row_of_a_damaged_answer(job: Path, name: str) -> None:
    """It is not written as it is, and the way on asks again for this customer alone."""
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
    """The job is gone then, and no error comes after that."""
    fact = orjson.dumps({"": [], "x" * 5000: [[1]]}).decode()
    change(job, "UPDATE fact SET value = ? WHERE name = 'exports'", values=(fact,))
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
    assert any("is damaged" in wrong for wrong in everything(job, drawn=True))
