"""A shared quota in a file: among processes that are killed, with files of all kinds."""

import asyncio
import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions import ConfigurationError, RateLimit
from capillary_interactions._pacing.shared import file_store
from capillary_interactions._pacing.shared.file_store import FileStore
from capillary_interactions._pacing.shared.key import quota_key
from capillary_interactions._pacing.shared.schedule import Demand, Reply, Schedule, SharedQuota
from capillary_interactions._pacing.shared.store import StoreError
from tests.fakes import busiest
from tests.pacing.shared.killed_processes import LIMIT
from tests.pacing.shared.stores import DEMANDS
from tests.tables import table

_LIMIT: Final = RateLimit(1000, 1.0)
_KEY: Final = quota_key("basic:user:secret", "https://eu.api.capillarytech.com", _LIMIT)
_WANTED: Final = Demand(want=1, ahead=0.1)
# An hour after the boot.
_NOW: Final = 3600.0


def _store(path: Path, *, now: float = _NOW, boot: str = "this", key: str = _KEY) -> FileStore:
    return FileStore(path, key, SharedQuota.of(_LIMIT), clock=lambda: now, boot=boot)


def _ask(store: FileStore, demand: Demand) -> Reply:
    reply = store.exchange_now(demand)
    assert reply is not None
    return reply


def _file(path: Path) -> Path:
    (file,) = path.parent.glob(f"{path.name}.*")
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the files are."""
    return tmp_path / "quota"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(DEMANDS, st.floats(0, 30)), max_size=20))
def test_keeps_the_law(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Demand, float]]
) -> None:
    """As a state in memory does, though every other exchange is another process's."""
    path, quota, now = tmp_path_factory.mktemp("law") / "quota", SharedQuota.of(_LIMIT), [_NOW]
    stores = [FileStore(path, _KEY, quota, clock=lambda: now[0], boot="this") for _ in range(2)]
    schedule = Schedule.begin(quota, _NOW, full_at=_NOW)
    for number, (demand, elapsed) in enumerate(steps):
        assert _ask(stores[number % 2], demand) == schedule.exchange(quota, demand, now[0])
        now[0] += elapsed


def test_processes_with_one_key_share_and_others_do_not(path: Path) -> None:
    """Whatever the difference: secret, endpoint or limit."""
    url = "https://eu.api.capillarytech.com"
    settings = [
        ("basic:user:secret", url, _LIMIT),
        ("basic:user:other", url, _LIMIT),
        ("basic:user:secre", "t" + url, _LIMIT),
        ("basic:user:secret", url, RateLimit(1000, 2.0)),
        ("basic:user:secret", url, RateLimit(1000, 1.0, burst=5)),
    ]
    keys = [quota_key(*setting) for setting in settings]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert _ask(_store(path, key=key), _WANTED).revision == 1
        assert _ask(_store(path, key=key), _WANTED).revision == 2
    assert len(list(path.parent.iterdir())) == len(keys)
    assert not any(b"secret" in file.read_bytes() for file in path.parent.iterdir())


def test_the_file_is_the_users_own(path: Path) -> None:
    """Another user can neither read the state nor hold its lock."""
    _store(path)
    assert stat.S_IMODE(_file(path).stat().st_mode) == 0o600


def test_begins_full_where_there_is_no_state(path: Path) -> None:
    """The file may have been deleted while processes used it; after a boot there were none."""
    assert _ask(_store(path), _WANTED).delay > 0
    assert _ask(_store(path, boot="next"), _WANTED).delay < 0
    assert _ask(_store(path, boot="another", now=0.001), _WANTED).delay > 0


@table(
    ("damage",),
    [
        lambda record: record[:-1],
        lambda record: record[:20],
        lambda _: b"",
        lambda record: record[:120] + b"\xff" + record[121:],
        lambda record: record[:60] + b"?" + record[61:],
    ],
)
def test_begins_full_with_a_damaged_file(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """As after a disk that was full: none of its numbers is believed."""
    store = _store(path)
    _ask(store, Demand(pause=500.0))
    file = _file(path)
    file.write_bytes(damage(file.read_bytes()))
    reply = _ask(store, _WANTED)
    assert reply.pause == 0
    assert 0 < reply.delay < 0.1
    assert _ask(_store(path), Demand()).revision == reply.revision


def test_refuses_what_it_would_overwrite(tmp_path: Path) -> None:
    """A file of another kind, another quota's file under this name, a directory, a link."""
    path = tmp_path / "quota"
    mine = Path(f"{path}.{_KEY[:16]}")
    mine.write_text("[settings]\n")
    _refused(path, "is not a file of shared quotas")
    assert mine.read_text() == "[settings]\n"
    mine.unlink()
    other = _KEY[:16] + 24 * "0"
    _store(path, key=other)
    _refused(path, "belongs to another quota")
    mine.rename(tmp_path / "elsewhere")
    mine.symlink_to(tmp_path / "elsewhere")
    _refused(path, "is a symbolic link")
    mine.unlink()
    os.mkfifo(mine)
    _refused(path, "is not a regular file")
    _refused(tmp_path, "is a directory")
    _refused(tmp_path / "none" / "quota", "has no directory")


def _refused(path: Path, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        _store(path)
    assert str(caught.value).startswith("shared ")


def test_says_what_to_do_without_locks_or_permission(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system without locks; in a directory of another user; on Windows."""

    def fail(error: int) -> Callable[..., int]:
        def fails(*_: object) -> int:
            raise OSError(error, os.strerror(error))

        return fails

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fail(errno.ENOLCK))
        _refused(path, "cannot be locked.*local file system")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail(errno.EACCES))
        _refused(path, "cannot be opened.*must be allowed")
    monkeypatch.setattr(file_store, "fcntl", None)
    _refused(path, "cannot be a file on this system.*redis://")


def test_finds_the_file_that_others_use(path: Path) -> None:
    """After it was deleted or replaced, and with no more slots than a full bucket has."""
    first, second = _store(path), _store(path)
    born = _ask(first, Demand()).born
    _file(path).unlink()
    assert _ask(second, _WANTED).delay > 0
    assert _ask(first, Demand()).revision == _ask(second, Demand()).revision == 1
    assert born == _NOW


def test_two_machines_with_one_file_do_not_alternate(path: Path) -> None:
    """Their clocks differ: with each exchange the state would begin anew, with a burst."""
    first = _store(path, boot="machine 1")
    second = _store(path, boot="machine 2")
    with pytest.raises(StoreError, match=r"used by another machine.*redis://"):
        first.exchange_now(_WANTED)
    assert _ask(second, _WANTED).granted == 1


async def test_waits_for_a_lock_without_blocking_the_loop(path: Path) -> None:
    """Of a process that has stopped in the middle of an exchange, say."""
    store = _store(path)
    with _file(path).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert store.exchange_now(_WANTED) is None
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await store.exchange(_WANTED)
        fcntl.flock(file, fcntl.LOCK_UN)
    assert (await store.exchange(_WANTED)).revision == 1
    await store.close()
    assert (await store.exchange(_WANTED)).revision == 2


def test_survives_kill_9_at_any_moment(path: Path) -> None:
    """The quota is kept and used, and no process waits for a dead one's lock."""
    program = [sys.executable, "-m", "tests.pacing.shared.killed_processes", str(path), "40"]
    output = subprocess.run(  # noqa: S603 - our own program
        program, check=True, capture_output=True, timeout=30
    ).stdout
    result = json.loads(output)
    assert busiest(result["slots"], LIMIT.per) <= LIMIT.requests
    assert len(result["slots"]) > 40
    assert max(result["waits"]) < 0.5
