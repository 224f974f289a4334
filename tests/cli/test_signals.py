"""What Ctrl-C, SIGTERM and a closed pipe do to the program."""

import os
import signal
import time
from pathlib import Path
from subprocess import Popen

from .program import Ran, ended, invoke, started

_BULK = ("bulk", "-", "--identifier", "mobile", "--sandbox")


def _feed(process: Popen[bytes], count: int) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(b"%d\n" % (919_000_000_000 + n) for n in range(count)))
    process.stdin.flush()


def _rows(job: Path) -> list[int]:
    """The rows that have an outcome in a job, if there is one."""
    ran = invoke("jobs", "export", str(job), "--out", "-")
    return [line["row"] for line in ran.lines()]


def _wait_for_rows(job: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and not (job.exists() and _rows(job)):
        time.sleep(0.2)


def _wait_for_reader(process: Popen[bytes]) -> None:
    """Wait for the thread that reads the list: signals are heard before it begins."""
    until = time.monotonic() + 20
    while time.monotonic() < until and len(os.listdir(f"/proc/{process.pid}/task")) == 1:  # noqa: PTH208
        time.sleep(0.01)


def test_ends_in_good_order_when_it_is_interrupted(tmp_path: Path) -> None:
    """What is under way ends and is recorded; the rest of the list is not waited for."""
    out, job = tmp_path / "out.jsonl", tmp_path / "out.jsonl.job"
    with started(*_BULK, "--out", str(out), "--rate", "40/1", "--in-flight", "8") as process:
        _feed(process, 2000)
        _wait_for_rows(job)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=20)
        ran = Ran(code, "", (process.stderr.read() if process.stderr else b"").decode())

    rows = _rows(job)
    assert ran.code == 130
    assert rows == list(range(1, len(rows) + 1))
    assert 1 <= len(rows) < 2000
    assert not out.exists()
    assert "stopping: waiting up to 30 s for what is under way" in ran.err
    assert f"\n{len(rows)} rows in " in ran.err
    assert "the same command again goes on" in ran.err
    assert f"jobs export {job}" in ran.err
    assert "Traceback" not in ran.err


def test_ends_at_once_at_the_second_signal(tmp_path: Path) -> None:
    """What is in progress is lost, and nothing that is recorded."""
    out, job = tmp_path / "out.jsonl", tmp_path / "out.jsonl.job"
    with started(*_BULK, "--out", str(out), "--rate", "1/25") as process:
        _feed(process, 100)
        _wait_for_rows(job)
        process.send_signal(signal.SIGINT)
        time.sleep(0.4)  # a second one sooner is taken for an echo of the first
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        ran = ended(process)

    assert ran.code == 130
    assert _rows(job) == [1]
    assert "Traceback" not in ran.err


def test_can_be_interrupted_before_the_first_row(tmp_path: Path) -> None:
    """A pipe that stays silent blocks no end, whichever of the signals comes."""
    with started(*_BULK, "--out", str(tmp_path / "o.csv")) as process:
        _wait_for_reader(process)
        process.send_signal(signal.SIGTERM)
        ran = ended(process)

    assert ran.code == 130
    assert "Traceback" not in ran.err


def test_ends_quietly_when_its_reader_goes() -> None:
    """As in `bulk ... --out - | head -1`."""
    with started(*_BULK, "--out", "-", "--rate", "200/1") as process:
        assert process.stdout is not None
        _feed(process, 2000)
        process.stdout.readline()
        process.stdout.close()
        code = process.wait(timeout=20)
        message = process.stderr.read() if process.stderr else b""

    assert (code, message) == (3, b"")


def test_gives_a_row_its_line_while_the_list_is_still_being_written() -> None:
    """A consumer at the other end of two pipes sees each answer when it is there."""
    with started(*_BULK, "--out", "-") as process:
        assert process.stdout is not None
        for row in (1, 2):
            _feed(process, 1)
            assert process.stdout.readline().startswith(b'{"row":%d,' % row)
        ran = ended(process)

    assert ran.code == 0
    assert "2 rows in " in ran.err
