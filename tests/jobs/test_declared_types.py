"""Do SQLite results open with the types that they declare?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import exported, mobiles, run_job


@pytest.mark.parametrize("detected", [0, sqlite3.PARSE_DECLTYPES])
async def test_are_read_by_python_with_declared_types_too(
    sandbox: Sandbox, tmp_path: Path, job_path: Path, detected: int
) -> None:
    """Times are ISO text with a zone either way: Python's own reader of timestamps knows none."""
    await run_job(sandbox, mobiles(tmp_path / "l.csv", range(3)), job_path)
    out = await exported(job_path, "o.sqlite")
    with closing(sqlite3.connect(out, detect_types=detected)) as connection:
        ended = [at for (at,) in connection.execute("SELECT ended_at FROM messages")]
        names = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(messages)")}
    assert ended
    assert all(at.endswith("Z") and "T" in at for at in ended)
    assert (names["ended_at"], names["sent_at"]) == ("DATETIME", "DATETIME")
