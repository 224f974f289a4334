"""Do four processes of a README's recipe share one quota?

The FastAPI recipe runs under `uvicorn --workers 4`, the consumer's in four processes at one Redis
stream, as they stand in `capillary_interactions/integrations/README.md`; nothing but the variable
`CAPILLARY_SHARED` is set beside what they need. The API is a sandbox in a process of its own, which
refuses what is over the quota in any window. At last, how long does one process's lookup wait for
its slot, while the others stream at one Redis as fast as they may? Usage:

    python -m benchmarks.shared_recipes [--rate 200/1] [--seconds 8] [--workers 4]
"""

import argparse
import asyncio
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import aiohttp
from attrs import frozen
from redis import Redis

from benchmarks.servers.brokers import broker, free_port, running
from capillary_interactions import ClientConfig, Identifier, InteractionsClient, RateLimit
from capillary_interactions.sandbox import SandboxProcess

_ROOT: Final = Path(__file__).parents[1]
_README: Final = _ROOT / "capillary_interactions" / "integrations" / "README.md"
_CALLERS: Final = 64


@frozen
class _Setting:
    """What all rows have in common."""

    limit: RateLimit
    seconds: float
    workers: int


@frozen
class _Seen:
    """What the API has seen of some processes.

    Attributes:
        most: The most requests in any window.
        refused: How many were over the quota.
        used: Share of the quota between the first and the last request.
        endings: What became of the lookups, or of the events of each process.
    """

    most: int
    refused: int
    used: float
    endings: str


def recipe(name: str) -> str:
    """A block of the README, by its name."""
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", _README.read_text(), re.DOTALL)
    if found is None:
        raise LookupError(f"{_README} has no block {name}")
    return found[1]


def _environment(sandbox: SandboxProcess, limit: RateLimit, shared: str) -> Mapping[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "CAPILLARY_BASE_URL": sandbox.base_url,
        "CAPILLARY_USERNAME": "sandbox",
        "CAPILLARY_PASSWORD": "sandbox",
        "CAPILLARY_RATE": str(limit),
        "CAPILLARY_SHARED": shared,
    }


async def _load(base_url: str, seconds: float) -> Counter[int]:
    """The statuses of what some callers ask for, one request after the other."""
    statuses, mobiles = Counter[int](), itertools.count(919_000_000_000)
    until = time.monotonic() + seconds
    # A connection for each request, so that every worker gets some.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            async with session.get(f"/customers/{next(mobiles)}/interactions") as response:
                statuses[response.status] += 1

    async with aiohttp.ClientSession(base_url, connector=connector) as session:
        await asyncio.gather(*(ask(session) for _ in range(_CALLERS)))
    return statuses


def _web(home: Path, setting: _Setting, environment: Mapping[str, str]) -> str:
    """Run `uvicorn --workers` and ask it; how it has answered."""
    (home / "recipe_web.py").write_text(recipe("web"))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "recipe_web:app", "--port", str(port)]
    command += ["--workers", str(setting.workers), "--no-access-log"]
    path = {"PYTHONPATH": f"{home}:{_ROOT}"}
    with running(command, home, port, {**environment, **path}):
        statuses = asyncio.run(_load(f"http://127.0.0.1:{port}", setting.seconds))
    return ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items()))


def _consumers(home: Path, setting: _Setting, environment: Mapping[str, str], redis: str) -> str:
    """Fill a stream and consume it; how many events each process has handled."""
    script = home / "recipe_consumer.py"
    script.write_text(f"{recipe('consumer')}\nimport asyncio\n\nasyncio.run(main({redis!r}))\n")
    rate = setting.limit.requests / setting.limit.per
    with Redis.from_url(redis, decode_responses=True) as client:
        client.delete("customers")
        for number in range(int(rate * setting.seconds)):
            client.xadd("customers", {"mobile": str(919_000_000_000 + number)})
        with _processes(script, environment, setting.workers) as processes:
            _await_end(client)
        outputs = [process.communicate()[0] for process in processes]
    return ", ".join(str(len(output.splitlines())) for output in outputs) + " events"


@contextmanager
def _processes(
    script: Path, environment: Mapping[str, str], count: int
) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    command = [sys.executable, str(script)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()


def _await_end(client: "Redis") -> None:
    """Wait until the group has read and acknowledged everything."""
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        groups = client.xinfo_groups("customers")
        if groups and groups[0]["lag"] == 0 and groups[0]["pending"] == 0:
            return
        time.sleep(0.05)
    raise TimeoutError("the stream is not consumed to its end")


def measure(kind: str, shared: str, setting: _Setting) -> _Seen:
    """Run a recipe in several processes, and ask the API what it has seen.

    Args:
        kind: "web" or "consumers".
        shared: "none", "file" or "redis".
        setting: How fast, how long and how many.
    """
    limit = setting.limit
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = f"redis://{stack.enter_context(broker('redis', home))}"
        rate = (limit.requests, limit.per)
        sandbox = stack.enter_context(SandboxProcess(rate=rate, latency=0.02, unknown=0))
        places = {"none": "", "file": f"file:{home}/quota", "redis": f"{address}/0"}
        environment = _environment(sandbox, limit, places[shared])
        if kind == "web":
            endings = _web(home, setting, environment)
        else:
            endings = _consumers(home, setting, environment, f"{address}/1")
        return _seen(sandbox, limit, endings)


_STREAM: Final = """
import asyncio
import itertools

from capillary_interactions import ClientConfig, Identifier, InteractionsClient


async def main() -> None:
    mobiles = (Identifier.mobile(str(number)) for number in itertools.count(919_000_000_000))
    async with (
        InteractionsClient(ClientConfig.from_env()) as client,
        client.stream(mobiles, share=SHARE) as outcomes,
    ):
        async for _ in outcomes:
            pass


asyncio.run(main())
"""


def measure_turns(share: float | None, setting: _Setting) -> Sequence[float]:
    """Seconds that each of one process's lookups has waited, beside the streams of the others.

    Args:
        share: That of each stream.
        setting: How fast, how long and how many.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = f"redis://{stack.enter_context(broker('redis', home))}"
        rate = (setting.limit.requests, setting.limit.per)
        sandbox = stack.enter_context(SandboxProcess(rate=rate, latency=0.02, unknown=0))
        script = home / "stream.py"
        script.write_text(_STREAM.replace("SHARE", repr(share)))
        environment = _environment(sandbox, setting.limit, address)
        stack.enter_context(_processes(script, environment, setting.workers - 1))
        return asyncio.run(_waits(sandbox, environment, setting))


async def _waits(
    sandbox: SandboxProcess, environment: Mapping[str, str], setting: _Setting
) -> Sequence[float]:
    waits, numbers = list[float](), itertools.count(918_000_000_000)
    async with InteractionsClient(ClientConfig.from_env(environment)) as client:
        # Until the streams have filled what there is.
        while sandbox.counts().received < 2 * setting.limit.requests:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.1)
        until = time.monotonic() + setting.seconds
        while time.monotonic() < until:
            outcome = await client.lookup(Identifier.mobile(str(next(numbers))))
            waits.append(outcome.waited)
            await asyncio.sleep(0.02)
    return waits


def _seen(sandbox: SandboxProcess, limit: RateLimit, endings: str) -> _Seen:
    arrivals, counts = sandbox.arrivals(), sandbox.counts()
    possible = (arrivals[-1] - arrivals[0]) * limit.requests / limit.per
    most = sandbox.most_in_any_window(limit.per)
    return _Seen(most, counts.throttled, counts.answered / possible, endings)


def main() -> None:
    """Print a row for each recipe and each way to share."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=RateLimit.parse, default=RateLimit(200, 1.0))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=4)
    arguments = parser.parse_args()
    setting = _Setting(arguments.rate, arguments.seconds, arguments.workers)
    print(f"{setting.workers} processes, at most {setting.limit.requests} requests in any "
          f"{setting.limit.per:g} s allowed; the most in any window, refused, used:")  # fmt: skip
    for kind in ("web", "consumers"):
        for shared in ("none", "file", "redis"):
            seen = measure(kind, shared, setting)
            print(
                f"  {kind:9} {shared:5} {seen.most:5} {seen.refused:5} {seen.used:6.0%}   "
                f"{seen.endings}"
            )
    interval = setting.limit.per / setting.limit.requests
    print(f"a lookup beside the streams of {setting.workers - 1} other processes, with redis:")
    for share in (None, 0.8 / (setting.workers - 1)):
        waits = sorted(measure_turns(share, setting))
        median, late = (waits[int(part * len(waits))] / interval for part in (0.5, 0.95))
        shown = "no share" if share is None else f"share={share:.2f}"
        print(
            f"  {shown:10} it waited {median:.1f} slots (median), {late:.1f} (95 % of "
            f"{len(waits)} lookups: at most)"
        )


if __name__ == "__main__":
    main()
