"""Messages of envelopes that hold words of the flat answer reach every table."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from capillary_interactions.sandbox import Sandbox

from .jobs_under_test import exported, lines_of, mobile, mobiles, run_job


def _envelope(**beside: Any) -> dict[str, Any]:
    message = {"id": "7", "reciever": "someone", "subject": "Hello", "sentDate": ["x"]}
    interaction = {"type": "email", "messages": {"message": message}, **beside}
    network = {"name": "capillary", "interaction": interaction}
    status = {"success": "true", "code": 200}
    customer = {"externalId": 5, "interactions": {"network": network}}
    return {"truncated": "no", "response": {"status": status, "customer": customer}}


@pytest.mark.parametrize(
    "beside",
    [
        {"surveys": {"survey": [], "total": "0"}},
        {"locations": "none", "messageList": {}, "usedStatus": "yes", "lastInteractionTime": 5},
    ],
    ids=["an empty list of surveys", "words of the flat answer"],
)
async def test_message_is_in_every_table(
    tmp_path: Path, job_path: Path, beside: dict[str, Any]
) -> None:
    """As it is in the JSON lines, with nothing said against the answer."""
    source = mobiles(tmp_path / "l.csv", [1])
    async with Sandbox(unknown=0, answers={mobile(1): _envelope(**beside)}) as sandbox:
        await run_job(sandbox, source, job_path)
    (line,) = await lines_of(job_path)
    assert line["answer"]["interaction"][0]["messageList"][0]["subject"] == "Hello"
    assert line["elapsed"] == round(line["elapsed"], 6)
    (row,) = csv.DictReader((await exported(job_path, "o.csv")).read_text("utf-8").splitlines())
    assert (row["subject"], row["message_id"], row["reason"]) == ("Hello", "7", "")
    assert len(row["elapsed"]) <= len("0.123456")
    (cells,) = pl.read_parquet(await exported(job_path, "o.parquet")).iter_rows(named=True)
    assert (cells["subject"], cells["reason"]) == ("Hello", None)
    with closing(sqlite3.connect(await exported(job_path, "o.sqlite"))) as connection:
        (found,) = connection.execute("SELECT subject, reason FROM messages").fetchall()
    assert found == ("Hello", None)
