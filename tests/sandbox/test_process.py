"""A sandbox in a process of its own, which never outlives its owner."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from capillary_interactions.sandbox import Counts, Sandbox, SandboxProcess
from capillary_interactions.sandbox import _process as process_module
from capillary_interactions.sandbox._settings import SandboxSettings

from .asking import TOKEN, V1_1, ask, basic, post

SETTINGS: dict[str, Any] = {"unknown": 0.0, "messages": 3, "seed": 5, "retry_after": None}


@pytest.fixture(scope="module")
def process() -> Iterator[SandboxProcess]:
    """One for all tests that only ask: a process takes half a second to start."""
    with SandboxProcess(**SETTINGS) as running:
        yield running


@pytest.fixture
def fresh(process: SandboxProcess) -> SandboxProcess:
    """The same one, as if nothing had been asked and nothing changed."""
    process.reset_counts()
    process.change(**SETTINGS, rate=None, faults=0, script=(), answers={})
    return process


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_answers_as_one_in_process_does(fresh: SandboxProcess) -> None:
    """The same settings give the same customers, in whichever process."""
    reply = await ask(fresh.base_url, "1")
    assert reply.json == fresh.expected("1") == Sandbox(**SETTINGS).expected("1")


async def test_counts_in_its_own_process(fresh: SandboxProcess) -> None:
    """Every count is there to ask for, on the clock of this process."""
    began = time.monotonic()
    for _ in range(3):
        await ask(fresh.base_url, "1")
    await ask(fresh.base_url, "2", headers={})
    assert fresh.counts() == Counts(received=4, answered=3, refused=1, connections=4)
    assert fresh.received_for("1") == 3
    assert fresh.most_in_any_window(60) == fresh.most_in_any_window(60, "sandbox") == 3
    arrivals = fresh.arrivals("sandbox")
    assert len(arrivals) == 3
    assert began <= arrivals[0] <= arrivals[-1] <= time.monotonic()
    assert len(fresh.arrivals()) == 4
    fresh.reset_counts()
    assert fresh.counts() == Counts()


async def test_changes_while_it_runs(fresh: SandboxProcess) -> None:
    """Rate, shape, answers and Retry-After reach the other process."""
    fresh.change(rate="1/60", retry_after=7, shape="envelope", answers={"2": (404, {}, b"x")})
    assert "response" in (await ask(fresh.base_url, "1")).json
    throttled = await ask(fresh.base_url, "1")
    assert (throttled.status, throttled.headers["Retry-After"]) == (429, "7")
    fresh.change(rate=None, shape="flat", retry_after=...)
    assert ((await ask(fresh.base_url, "2")).status, fresh.expected("2")) == (404, None)


async def test_changes_how_answers_are_written(fresh: SandboxProcess) -> None:
    """The settings of clusters and versions, and back to the default of each."""
    written = {
        "shape": "envelope",
        "customers": "list",
        "timezone": "Asia/Kolkata",
        "iso_fields": True,
        "warnings": ["1017"],
        "item_warnings": [{"code": 91009}],
        "request_id_headers": ["X-CAP-REQUEST-ID"],
        "phone_mirrors_sms": True,
        "delivered_offset": True,
        "token_status": 498,
        "token_script": ["code_320001_200"],
    }
    fresh.change(**written)
    reply = await ask(fresh.base_url, "1")
    bad = await ask(fresh.base_url, "1", headers={"X-CAP-API-OAUTH-TOKEN": "x"})
    key = {"key": "sandbox-key", "secret": "sandbox-secret"}
    tokens = [(await post(fresh.base_url, TOKEN, key)).json["data"] for _ in range(2)]
    fresh.inject_token("html_502")
    broken = await post(fresh.base_url, TOKEN, key)
    default = SandboxSettings()
    fresh.change(**{name: getattr(default, name) for name in written})

    assert {name for name in reply.headers if name.startswith("X-")} == {"X-CAP-REQUEST-ID"}
    [customer] = reply.json["response"]["customers"]["customer"]
    assert customer["item_status"]["warnings"] == {"warning": [{"code": 91009}]}
    assert reply.json["response"]["status"]["warnings"] == {"warning": ["1017"]}
    assert b'+05:30"' in reply.body
    assert (bad.status, tokens[0], broken.status) == (498, None, 502)
    assert tokens[1]["accessToken"]
    assert (await ask(fresh.base_url, "1")).json == Sandbox(**SETTINGS).expected("1")


def test_refuses_a_bad_change(fresh: SandboxProcess) -> None:
    """Here, by the setting's name; and what cannot change is another error."""
    with pytest.raises(ValueError, match="page_size"):
        fresh.change(page_size=0)
    with pytest.raises(AttributeError):
        fresh.change(port=1)


async def test_injects_faults(fresh: SandboxProcess) -> None:
    """In order, None for a right answer, and none at all; a fault that is none is refused here."""
    fresh.inject("error_503", None, "error_500")
    assert [(await ask(fresh.base_url, "1")).status for _ in range(4)] == [503, 200, 500, 200]
    with pytest.raises(ValueError, match="'fire'"):
        fresh.inject("fire")
    fresh.inject()
    assert (await ask(fresh.base_url, "1")).status == 200


async def test_revokes_tokens_and_configures_a_client(fresh: SandboxProcess) -> None:
    """What `Sandbox` offers beside its settings is here too."""
    fresh.revoke_tokens()
    config = fresh.client_config(in_flight=2)
    assert (str(config.base_url).rstrip("/"), config.in_flight) == (fresh.base_url, 2)


def test_tells_what_the_other_process_says(fresh: SandboxProcess) -> None:
    """A question that it cannot answer is an error here."""
    with pytest.raises(ValueError, match="received_for"):
        fresh._call("shutdown")


def test_is_started_once(fresh: SandboxProcess) -> None:
    """A second start is an error, and harms nothing."""
    pid = fresh.pid
    with pytest.raises(RuntimeError, match="running already"):
        fresh.start()
    assert fresh.pid == pid
    assert fresh.counts().received == 0


def test_has_no_address_before_it_runs() -> None:
    """The error says how it is started; stopping it is no error."""
    sandbox = SandboxProcess()
    with pytest.raises(RuntimeError, match="with SandboxProcess"):
        _ = sandbox.base_url
    assert sandbox.pid is None
    sandbox.stop()


async def test_is_an_async_context_manager_and_leaves_no_zombie() -> None:
    """It ends with the block, its exit status taken, and can be started again."""
    sandbox = SandboxProcess(unknown=0)
    pids = list[int]()
    for _ in range(2):
        async with sandbox:
            assert sandbox.pid is not None
            pids.append(sandbox.pid)
            assert (await ask(sandbox.base_url, "1")).status == 200
        assert sandbox.pid is None
    assert pids[0] != pids[1]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_ends_a_process_that_has_died_already() -> None:
    """A sandbox that was killed is stopped without an error or a zombie."""
    with SandboxProcess() as sandbox:
        pid = sandbox.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_kills_a_process_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot hear is killed when its time is up."""
    monkeypatch.setattr(process_module, "_STOP_TIMEOUT", 0.02)
    sandbox = SandboxProcess()
    sandbox.start()
    pid = sandbox.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    sandbox.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "program", ["raise SystemExit(3)", "import sys; sys.stdin.buffer.readline()"]
)
def test_says_that_its_process_ended(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that never listens is an error at once, and nothing of it is left."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -c "{program}"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    sandbox = SandboxProcess()
    with pytest.raises(RuntimeError, match="ended before it listened"):
        sandbox.start()
    assert sandbox.pid is None


def test_gives_up_on_a_process_that_never_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that hangs is killed when its time is up."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(process_module, "_START_TIMEOUT", 0.05)
    with pytest.raises(RuntimeError, match="ended before it listened"):
        SandboxProcess().start()


def test_does_not_outlive_an_owner_that_is_killed() -> None:
    """SIGKILL leaves no time for a goodbye, and none is needed."""
    program = (
        "import sys; from capillary_interactions.sandbox import SandboxProcess\n"
        "sandbox = SandboxProcess(); sandbox.start()\n"
        "print(sandbox.pid, sandbox.base_url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        pid, base_url = owner.stdout.readline().split()
        assert is_alive(int(pid))
        owner.kill()
    until = time.monotonic() + 10
    while is_alive(int(pid)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(int(pid))
    with pytest.raises(OSError, match="onnection"):
        urlopen(f"{base_url.decode()}/", timeout=1)  # noqa: S310 - a loopback address


def test_leaves_ctrl_c_to_its_owner(process: SandboxProcess) -> None:
    """The interrupt of a terminal reaches the whole group; the owner alone decides."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    request = Request(f"{process.base_url}{V1_1}?mobile=1", headers=basic())  # noqa: S310
    with urlopen(request, timeout=5) as response:  # noqa: S310 - a loopback address
        assert response.status == 200


async def test_does_not_block_the_loop_while_it_starts() -> None:
    """Others run while the process comes up and goes down."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count())
    async with SandboxProcess():
        pass
    counting.cancel()
    assert turns > 20


def test_runs_no_code_of_the_current_folder_and_knows_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither modules nor packages of the folder that a command is called in are imported."""
    for name in ("orjson", "aiohttp", "attrs", "argparse", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'a').write(__name__)\n")
    (tmp_path / "capillary_interactions" / "sandbox").mkdir(parents=True)
    (tmp_path / "capillary_interactions" / "__init__.py").write_text("open('ran', 'a')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAPILLARY_PASSWORD", "hunter2")
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{tmp_path / 'further'}")

    with SandboxProcess() as sandbox:
        assert sandbox.counts().received == 0
        environ = Path(f"/proc/{sandbox.pid}/environ")
        if environ.exists():
            variables = environ.read_bytes().decode().split("\0")
            assert f"{tmp_path / 'further'}" in " ".join(variables)
            assert not [variable for variable in variables if variable.startswith("CAPILLARY_")]
    assert not (tmp_path / "ran").exists()
