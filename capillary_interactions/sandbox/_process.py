"""A sandbox in a process of its own, which never outlives its owner."""

import asyncio
import os
import site
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from http.client import HTTPConnection
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

import orjson

from capillary_interactions.sandbox._control import CONTENT_TYPE, PREFIX
from capillary_interactions.sandbox._counters import Counts
from capillary_interactions.sandbox._server import Sandbox
from capillary_interactions.sandbox._settings import SandboxSettings, client_config

if TYPE_CHECKING:
    from capillary_interactions._config.client_config import ClientConfig

_ROOT: Final = Path(__file__).resolve().parents[2]
# Variables that may hold credentials; the sandbox needs none of them.
_PREFIX: Final = "CAPILLARY_"
_START_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 5.0
_ANSWER_TIMEOUT: Final = 30.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _remote(
    method: Callable[Concatenate[Sandbox, _P], _T],
) -> Callable[Concatenate["SandboxProcess", _P], _T]:
    """A method of `Sandbox`, called in the other process: same arguments, same result."""
    bind = signature(method).bind

    @wraps(method)
    def call(self: "SandboxProcess", /, *args: _P.args, **kwargs: _P.kwargs) -> Any:
        bound = bind(self, *args, **kwargs)
        bound.apply_defaults()  # else `inject()` would send no names at all
        del bound.arguments["self"]
        return self._call(method.__name__, **bound.arguments)

    return call


class SandboxProcess:
    """A sandbox in another process, so that it and the client do not share one core.

    A context manager, sync and async. Its methods are calls over its own port, which block for a
    moment. The process ends when this one does, for whatever reason.

    Args:
        settings: The keyword arguments of `Sandbox`.

    Raises:
        ValueError: A setting cannot be; the message names it.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = SandboxSettings(**settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._base_url: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Run it and wait until it listens.

        Raises:
            RuntimeError: It runs already, or could not be started; its own error is on stderr.
        """
        if self._process is not None:
            raise RuntimeError("this sandbox is running already")
        self._process = subprocess.Popen(
            # -P: else code of the current folder would run in it (orjson.py, say).
            [sys.executable, "-P", "-m", "capillary_interactions.sandbox"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(os.environ),
        )
        try:
            self._base_url = self._handshake(self._process)
        except BaseException:
            self.stop()
            raise

    def _handshake(self, process: "subprocess.Popen[bytes]") -> str:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        timeout = threading.Timer(_START_TIMEOUT, process.kill)
        timeout.start()
        try:
            # Through a pipe: everyone on the machine can read a command line.
            process.stdin.write(orjson.dumps(self._settings.to_json()) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timeout.cancel()
            timeout.join()
        if not line:
            raise RuntimeError("the sandbox's process ended before it listened")
        return str(orjson.loads(line)["base_url"])

    def stop(self) -> None:
        """End the process and take its exit status, whatever state it is in."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            # The end of its input is what it waits for.
            process.communicate(timeout=_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    @property
    def base_url(self) -> str:
        """Where it listens.

        Raises:
            RuntimeError: It has never been started.
        """
        if self._base_url is None:
            raise RuntimeError("this sandbox has not been started: use `with SandboxProcess(...)`")
        return self._base_url

    @property
    def pid(self) -> int | None:
        """The number of the process, or None when there is none."""
        return None if self._process is None else self._process.pid

    def client_config(self, **overrides: Any) -> "ClientConfig":
        """A configuration with this sandbox's address, first account and quota."""
        return client_config(self._settings, self.base_url, overrides)

    def counts(self) -> Counts:
        """As `Sandbox.counts`."""
        return Counts(**self._call("counts"))

    def arrivals(self, credential: str | None = None) -> tuple[float, ...]:
        """As `Sandbox.arrivals`; on one machine the clocks of processes agree."""
        return tuple(self._call("arrivals", credential=credential))

    most_in_any_window = _remote(Sandbox.most_in_any_window)
    received_for = _remote(Sandbox.received_for)
    expected = _remote(Sandbox.expected)
    inject = _remote(Sandbox.inject)
    inject_token = _remote(Sandbox.inject_token)
    revoke_tokens = _remote(Sandbox.revoke_tokens)
    reset_counts = _remote(Sandbox.reset_counts)

    def change(self, **settings: Any) -> None:
        """Change settings while it runs.

        Raises:
            ValueError: A setting cannot be; the message names it.
            AttributeError: It is one that cannot be changed.
        """
        for name, value in settings.items():
            setattr(self._settings, name, value)
        changed = self._settings.to_json()
        self._call("change", **{name: changed[name] for name in settings})

    def _call(self, name: str, /, **arguments: Any) -> Any:
        address = urlsplit(self.base_url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_TIMEOUT)
        try:
            headers = {"Content-Type": CONTENT_TYPE, "Host": "localhost"}
            connection.request("POST", PREFIX + name, orjson.dumps(arguments), headers)
            response = connection.getresponse()
            body = orjson.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ValueError(body["error"])
        return body


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process: without credentials, and with this very package to import."""
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(_PREFIX)}
    # An empty part means the current folder, and is in most cases an accident ("$UNSET:/lib").
    path = [part for part in kept.pop("PYTHONPATH", "").split(os.pathsep) if part]
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    if str(_ROOT) not in map(os.path.abspath, installed):
        path.insert(0, str(_ROOT))
    return {**kept, "PYTHONPATH": os.pathsep.join(path)} if path else kept
