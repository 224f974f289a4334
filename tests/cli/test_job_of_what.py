"""Which list and which server is a job of, as `bulk` and `jobs` see it?"""

import io
import os
from pathlib import Path

import orjson
import polars as pl
import pytest

from .program import invoke, json_lines

_FAST = ("--sandbox", "--rate", "100000/1")
_TEXT = "mobile,n\n919000000001,a\n919000000002,b\n"


def test_mixes_no_invented_customers_with_real_ones(tmp_path: Path) -> None:
    """A sandbox goes on with what a sandbox began, on whichever port; nothing else does."""
    (tmp_path / "l.csv").write_text(_TEXT)
    out = str(tmp_path / "o.jsonl")
    command = ("bulk", str(tmp_path / "l.csv"), "--identifier", "mobile", "--out", out)
    real = {
        # Nothing listens there, and nothing is sent.
        "CAPILLARY_BASE_URL": "https://127.0.0.1:9",
        "CAPILLARY_USERNAME": "till",
        "CAPILLARY_PASSWORD": "hunter22",
    }
    first = invoke(*command, *_FAST)
    other = invoke(*command, env=real)
    again = invoke(*command, *_FAST)

    assert (first.code, other.code, again.code) == (0, 2, 0)
    assert "base_url was http://127.0.0.1 and is https://127.0.0.1" in other.err
    assert "--restart" in other.err
    assert "a job (and a result) of its own" in other.err
    assert "hunter22" not in other.err
    assert "0 requests" in again.err


def test_takes_names_that_are_no_text(tmp_path: Path) -> None:
    """As some disks have them, of the list as of the result."""
    folder = os.fsencode(tmp_path)
    source, out = (os.fsdecode(folder + name) for name in (b"/caf\xe9.csv", b"/caf\xe9.jsonl"))
    try:
        Path(source).write_text(_TEXT)
    except OSError:  # pragma: no cover - such a disk
        pytest.skip("this disk has names of text only")
    ran = invoke("bulk", source, "--identifier", "mobile", "--out", out, *_FAST)
    status = invoke("jobs", "status", f"{out}.job", "--json")

    assert (ran.code, status.code) == (0, 0)
    status_ = orjson.loads(status.out)
    assert status_["path"].endswith("caf\\udce9.jsonl.job")
    assert status_["customers"].endswith("caf\\udce9.csv")
    assert len(json_lines(Path(out).read_text())) == 2


def test_reads_parquet_through_a_pipe(tmp_path: Path) -> None:
    """Without a name that would tell what it is."""
    file = io.BytesIO()
    pl.DataFrame({"mobile": [919_000_000_001, 919_000_000_002]}).write_parquet(file)
    out = str(tmp_path / "o.jsonl")
    ran = invoke("bulk", "-", "--identifier", "mobile", "--out", out, *_FAST, stdin=file.getvalue())

    assert ran.code == 0
    assert len(json_lines(Path(out).read_text())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoding", "punycode"), "'punycode' is no encoding"),
        (("--encoding", "unicode_escape"), "'unicode_escape' is no encoding"),
        (("--column", "9" * 5000), "no column named"),
    ],
)
def test_refuses_options_that_mean_nothing(
    tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    """In a line, before anything is asked."""
    (tmp_path / "l.csv").write_text(_TEXT)
    out = str(tmp_path / "o.jsonl")
    command = ("bulk", str(tmp_path / "l.csv"), "--identifier", "mobile", "--out", out)
    ran = invoke(*command, *options, *_FAST)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
