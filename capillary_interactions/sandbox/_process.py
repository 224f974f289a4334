"""How does a sandbox run in a process of its own, and never outlive its owner?"""

import asyncio
import os
import site
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import orjson

from capillary_interactions.sandbox._control import CONTENT_TYPE, PREFIX
from capillary_interactions.sandbox._counters import Counts
from capillary_interactions.sandbox._faults import check_name
from capillary_interactions.sandbox._settings import SandboxSettings, client_config

if TYPE_CHECKING:
    from capillary_interactions._config.client_config import ClientConfig

_ROOT: Final = Path(__file__).resolve().parents[2]
# Variables that may hold credentials; the sandbox needs none of them.
_OURS: Final = "CAPILLARY_"
_START: Final = 30.0
_STOP: Final = 5.0
_ANSWER: Final = 30.0


class SandboxProcess:
    """A sandbox in another process, so that it and the client do not share one core.

    A context manager, sync and async. What it has seen is asked over its own port, by calls that
    block for a moment. The process ends when this one does, however that comes about.

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
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start it, without blocking the loop."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it, without blocking the loop."""
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Run it and wait until it listens.

        Raises:
            RuntimeError: It runs already, or could not be started; what it had to say about that
                is on stderr.
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
            self._base_url = self._introduce(self._process)
        except BaseException:
            self.stop()
            raise

    def _introduce(self, process: "subprocess.Popen[bytes]") -> str:
        """Hand over the settings and read the address."""
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        patience = threading.Timer(_START, process.kill)
        patience.start()
        try:
            # Through a pipe: everyone on the machine can read a command line.
            process.stdin.write(orjson.dumps(self._settings.to_json()) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            patience.cancel()
            patience.join()
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
            process.communicate(timeout=_STOP)
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
        return Counts(**self._ask("counts"))

    def most_in_any_window(self, per: float, credential: str | None = None) -> int:
        """As `Sandbox.most_in_any_window`."""
        return int(self._ask("most_in_any_window", per=per, credential=credential))

    def arrivals(self, credential: str | None = None) -> tuple[float, ...]:
        """As `Sandbox.arrivals`; on one machine the clocks of processes agree."""
        return tuple(self._ask("arrivals", credential=credential))

    def received_for(self, identifier: str) -> int:
        """As `Sandbox.received_for`."""
        return int(self._ask("received_for", identifier=identifier))

    def expected(self, identifier: str) -> dict[str, Any] | None:
        """As `Sandbox.expected`."""
        answer: dict[str, Any] | None = self._ask("expected", identifier=identifier)
        return answer

    def inject(self, *names: str | None) -> None:
        """As `Sandbox.inject`."""
        self._ask("inject", names=[name if name is None else check_name(name) for name in names])

    def revoke_tokens(self) -> None:
        """As `Sandbox.revoke_tokens`."""
        self._ask("revoke_tokens")

    def reset_counts(self) -> None:
        """As `Sandbox.reset_counts`."""
        self._ask("reset_counts")

    def change(self, **settings: Any) -> None:
        """Change settings while it runs.

        Raises:
            ValueError: A setting cannot be; the message names it.
            AttributeError: It is one that cannot be changed.
        """
        for name, value in settings.items():
            setattr(self._settings, name, value)
        written = self._settings.to_json()
        self._ask("change", **{name: written[name] for name in settings})

    def _ask(self, question: str, **arguments: Any) -> Any:
        address = urlsplit(self.base_url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER)
        try:
            headers = {"Content-Type": CONTENT_TYPE, "Host": "localhost"}
            connection.request("POST", PREFIX + question, orjson.dumps(arguments), headers)
            response = connection.getresponse()
            body = orjson.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ValueError(body["error"])
        return body


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process: without credentials, and with this very package to import."""
    kept = {name: value for name, value in ours.items() if not name.upper().startswith(_OURS)}
    # An empty part means the current folder, and is in most cases an accident ("$UNSET:/lib").
    path = [part for part in kept.pop("PYTHONPATH", "").split(os.pathsep) if part]
    if str(_ROOT) not in map(os.path.abspath, _installed()):
        path.insert(0, str(_ROOT))
    return {**kept, "PYTHONPATH": os.pathsep.join(path)} if path else kept


def _installed() -> list[str]:
    """Where the interpreter looks for packages by itself."""
    return [*site.getsitepackages(), site.getusersitepackages()]
