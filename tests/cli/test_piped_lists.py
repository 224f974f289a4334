"""Lists that are pipes though they are named like files, and lists of strangers, from `bulk`."""

import os
import threading
from pathlib import Path

import pytest

from capillary_interactions.jobs import MANY_UNKNOWN, unknown_hint
from capillary_interactions.sandbox import SandboxProcess
from tests.tables import table

from .program import invoke, json_lines


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/{}", "fifo"])
def test_asks_for_every_row_of_a_pipe_with_a_name(
    tmp_path: Path, settings: dict[str, str], name: str
) -> None:
    """No row of the first 64 KiB is lost, none is half a number, and the writer is not ended."""
    numbers = [str(919_000_000_000 + n) for n in range(150)]
    content = "mobile,note\n" + "".join(f"{number},{'x' * 1000}\n" for number in numbers)
    reading, writing = os.pipe()
    source, target = name.format(reading), f"/dev/fd/{writing}"
    if name == "fifo":
        source = target = str(tmp_path / name)
        os.mkfifo(source)
    stdin = os.dup(0)
    os.dup2(reading, 0)
    wrote: list[int] = []

    def write() -> None:
        with Path(target).open("w") as file:
            os.close(writing)
            wrote.append(file.write(content))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    out = tmp_path / "out.jsonl"
    try:
        ran = invoke("bulk", source, "--identifier", "mobile", "--out", str(out), env=settings)
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)
        os.close(reading)
    thread.join(5)
    assert (ran.code, wrote) == (0, [len(content)]), ran.err
    lines = json_lines(out.read_text())
    assert [line["query"]["identifierValue"] for line in lines] == numbers


@pytest.mark.parametrize("out", ["-", "out.jsonl"])
def test_says_that_no_customer_of_a_list_is_known(
    tmp_path: Path, server: SandboxProcess, settings: dict[str, str], out: str
) -> None:
    """The wrong column or kind is worth a hint, and no error: the exit code stays."""
    server.change(unknown=1.0)
    try:
        place = out if out == "-" else str(tmp_path / out)
        ran = invoke(
            *("bulk", "-", "--identifier", "external_id", "--out", place),
            stdin="A1\nA2\nA3\nA4\n",
            env=settings,
        )
    finally:
        server.change(unknown=0.0)
    assert ran.code == 0
    assert "none of 4 customers is known" in ran.err


@table(
    ("endings", "least", "is_hint"),
    [
        ({"not_found": 100}, MANY_UNKNOWN, True),
        ({"not_found": 99}, MANY_UNKNOWN, False),
        ({"not_found": 100, "rejected": 3}, MANY_UNKNOWN, True),
        ({"not_found": 100, "found": 1}, MANY_UNKNOWN, False),
        ({"not_found": 1}, 3, False),
        ({}, 3, False),
    ],
)
def test_hints_only_where_nothing_is_found(
    endings: dict[str, int], least: int, is_hint: bool
) -> None:
    """One known customer shows that the column is right."""
    assert (unknown_hint(endings, least) is not None) == is_hint


@pytest.mark.parametrize("out", ["-", "out.jsonl"])
@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ("mobile 919000000001 919000000002 N/A null", "2 rows hold no digits"),
        ("email a@example.com b@example.com none", "1 row holds no @"),
        ("mobile 919000000001", None),
    ],
)
def test_counts_the_rows_that_hold_no_customer(
    tmp_path: Path, settings: dict[str, str], out: str, cells: str, note: str | None
) -> None:
    """Words in place of numbers are one line of the summary, not only a reason in each row."""
    identifier, *_ = cells.split()
    source = tmp_path / "list.csv"
    source.write_text("\n".join((*cells.split(), "")))
    to = out if out == "-" else str(tmp_path / out)
    ran = invoke("bulk", str(source), "--identifier", identifier, "--out", to, env=settings)
    assert ran.code == (0 if note is None else 1), ran.err
    lines = [line for line in ran.err.splitlines() if " hold" in line and "reason" not in line]
    assert [line for line in lines if "cell" not in line] == ([] if note is None else [note])
