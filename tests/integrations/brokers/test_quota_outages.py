"""A Redis that stops, hangs, forgets or is replaced while clients share a quota at it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from benchmarks.servers.brokers import free_port, missing, program, running
from benchmarks.servers.foreign_limiters import haproxy_binary
from benchmarks.servers.redis_servers import paused, redis_server
from capillary_interactions import Found, InteractionsClient, Outcome, RateLimit, Unavailable
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import Event, SharedQuotaLost, SharedQuotaRestored
from tests.fakes import Server, busiest, customer, settings

pytestmark = pytest.mark.skipif(program("redis") is None, reason=missing("redis"))

# Half of it may leave at once, and would do so twice where a state is forgotten.
_LIMIT: Final = RateLimit(60, 1.0, burst=30)
_TASKS: Final = 20
_RECOVERY: Final = 5.0
# For a machine that others keep busy.
_PATIENT: Final = 5.0
_AT_ONCE: Final = ("--repl-diskless-sync-delay", "0")
_HAPROXY: Final = """\
defaults
  mode tcp
  timeout connect 1s
  timeout client 1m
  timeout server 1m
listen redis
  bind 127.0.0.1:{port}
  option tcp-check
  tcp-check send INFO\\ replication\\r\\n
  tcp-check expect string role:master
  default-server check inter 20ms fall 1 rise 1
  server first 127.0.0.1:{first}
  server second 127.0.0.1:{second} backup
"""

Trouble = Callable[[Sequence["_Process"]], Awaitable[None]]


class _Process:
    """What one process does: some tasks that look customers up, one after the other."""

    def __init__(self, port: int, transport: Server, seconds: float = _PATIENT) -> None:
        self.outcomes: list[Outcome] = []
        self.events: list[Event] = []
        config = settings(
            rate=_LIMIT,
            shared=f"redis://127.0.0.1:{port}",
            shared_timeout=seconds,
            in_flight=_TASKS,
        )
        self.client = InteractionsClient(
            config, transport=transport, observers=[self.events.append]
        )
        self.asked = 0
        self._stopped = False

    async def ask(self) -> Outcome:
        self.asked += 1
        outcome = await self.client.lookup(customer(self.asked), timeout=60.0)
        self.outcomes.append(outcome)
        return outcome

    async def work(self) -> None:
        while not self._stopped:
            if isinstance(await self.ask(), Unavailable):
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._stopped = True

    async def until(self, ending: type) -> None:
        """Wait for the next outcome of a kind."""
        count = len(self.outcomes)
        while not any(isinstance(each, ending) for each in self.outcomes[count:]):
            await asyncio.sleep(0.005)


async def _trial(
    port: int,
    trouble: Trouble,
    prepare: Callable[[], Awaitable[None]] | None = None,
    seconds: float = _PATIENT,
) -> list[_Process]:
    """Two processes in trouble, from the moment at which all of a burst has been sent.

    Args:
        port: Where Redis is.
        trouble: What happens to it.
        prepare: Called before the burst.
        seconds: How long an operation there may take.
    """
    server = Server(takes=0.0)
    processes = [_Process(port, server, seconds) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for process in processes:
            await stack.enter_async_context(process.client)
            assert isinstance(await process.ask(), Found)
        await _empty_bucket(port)
        if prepare is not None:
            await prepare()
        tasks = [asyncio.create_task(each.work()) for each in processes for _ in range(_TASKS)]
        while len(server.arrivals) < _LIMIT.requests // 2:
            await asyncio.sleep(0.001)
        await trouble(processes)
        async with asyncio.timeout(_RECOVERY):
            await asyncio.gather(*(process.until(Found) for process in processes))
        await asyncio.sleep(0.1)
        for process in processes:
            process.stop()
        await asyncio.gather(*tasks)
    assert busiest(server.arrivals, _LIMIT.per) <= _LIMIT.requests
    for process in processes:
        _check_outcomes(process)
    return processes


def _check_outcomes(process: _Process) -> None:
    """All are accounted for, and those without an answer say why."""
    assert len(process.outcomes) == process.asked
    for outcome in process.outcomes:
        assert isinstance(outcome, Found | Unavailable)
        if isinstance(outcome, Unavailable):
            assert outcome.reason.startswith("the shared quota cannot be reached: ")
            assert outcome.attempts == 0


async def _outage(processes: Sequence[_Process]) -> None:
    """Wait until no process sends any more; none waits for Redis for longer than it may."""
    async with asyncio.timeout(_RECOVERY):
        await asyncio.gather(*(process.until(Unavailable) for process in processes))


def _outages(process: _Process) -> list[type]:
    kinds = (SharedQuotaLost, SharedQuotaRestored)
    return [type(event) for event in process.events if isinstance(event, kinds)]


async def _empty_bucket(port: int) -> None:
    """Let the state be one of a long pause: half of the quota is free at once."""
    async with Redis(port=port, decode_responses=True) as client:
        (key,) = await client.keys("capillary:*")
        state: list[Any] = str(await client.get(key)).split()
        state[3] = state[2]  # empty since the last exchange
        await client.set(key, " ".join(state))


async def _gone(home: Path) -> None:
    """Redis ends, and comes back empty."""
    port = free_port()
    with ExitStack() as later, ExitStack() as first:
        first.enter_context(redis_server(home / "first", port))

        async def restart(processes: Sequence[_Process]) -> None:
            await asyncio.to_thread(first.close)
            await _outage(processes)
            await asyncio.to_thread(later.enter_context, redis_server(home / "second", port))

        for process in await _trial(port, restart):
            assert _outages(process) == [SharedQuotaLost, SharedQuotaRestored]


async def _stands_still(home: Path) -> None:
    """A connection that is open, and gives no answer."""
    port = free_port()
    with redis_server(home, port) as number:

        async def pause(processes: Sequence[_Process]) -> None:
            with paused(number):
                await _outage(processes)

        for process in await _trial(port, pause, seconds=0.2):
            # More than once where this machine stands still, too.
            outages = _outages(process)
            assert (outages[0], outages[-1]) == (SharedQuotaLost, SharedQuotaRestored)


async def _forgets(home: Path) -> None:
    """FLUSHALL, again and again: a burst each time would be over the quota soon."""
    port = free_port()
    with redis_server(home, port):

        async def forget(_: Sequence[_Process]) -> None:
            async with Redis(port=port) as client:
                for _number in range(5):
                    await client.flushall()
                    await asyncio.sleep(0.05)

        for process in await _trial(port, forget):
            assert _outages(process) == []


async def _fails_over(home: Path) -> None:
    """HAProxy leads to a promoted replica, whose state knows nothing of the burst.

    The connections to the first server stay open: it is a replica now, and takes no writes.
    """
    port, *ports = free_port(), free_port(), free_port()
    with (
        redis_server(home / "first", ports[0], *_AT_ONCE),
        redis_server(home / "second", ports[1]),
        _haproxy(home, port, *ports),
    ):
        async with Redis(port=ports[0]) as first, Redis(port=ports[1]) as second:

            async def miss_the_burst() -> None:
                await first.wait(1, 5000)
                await second.replicaof("NO", "ONE")

            async def fail_over(_: Sequence[_Process]) -> None:
                await first.replicaof("127.0.0.1", str(ports[1]))

            await second.replicaof("127.0.0.1", str(ports[0]))
            await _trial(port, fail_over, miss_the_burst)
            assert await second.keys("capillary:*")


@contextmanager
def _haproxy(home: Path, port: int, first: int, second: int) -> Iterator[None]:
    """HAProxy that leads to the second server once the first one is no primary any more."""
    config = home / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, first=first, second=second))
    with running([haproxy_binary() or "", "-db", "-q", "-f", str(config)], home, port):
        yield


async def test_keeps_the_quota_and_every_lookup_whatever_becomes_of_redis(tmp_path: Path) -> None:
    """No second burst, none that waits for longer than it may, and back within seconds."""
    troubles = [_gone, _stands_still, _forgets]
    if haproxy_binary() is not None:
        troubles.append(_fails_over)
    homes = [tmp_path / trouble.__name__ for trouble in troubles]
    for home in homes:
        home.mkdir()
    # All at once: most of the time they wait.
    async with asyncio.TaskGroup() as group:
        for trouble, home in zip(troubles, homes, strict=True):
            group.create_task(trouble(home))


class _SkewedLoop(asyncio.SelectorEventLoop):
    """The event loop of a machine whose clock differs by some seconds."""

    def __init__(self, offset: float) -> None:
        self._offset = offset
        super().__init__()

    def time(self) -> float:
        return super().time() + self._offset


class _CommonClock(Server):
    """A server that goes by a clock of its own."""

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        self.arrivals.append(time.monotonic())
        return Response(status=200, body=b'{"interaction": []}')


def test_keeps_the_quota_with_clocks_that_differ_by_seconds(tmp_path: Path) -> None:
    """Only durations leave Redis, and only its own clock counts; all of the quota is used."""
    port, server = free_port(), _CommonClock()

    def work(offset: float) -> None:
        loop = _SkewedLoop(offset)
        try:
            loop.run_until_complete(_work_for_a_while(port, server))
        finally:
            loop.close()

    with redis_server(tmp_path, port), ThreadPoolExecutor(3) as threads:
        list(threads.map(work, (-5.0, 0.0, 5.0)))
    assert busiest(server.arrivals, _LIMIT.per) <= _LIMIT.requests
    # By the rate, one each 33 ms.
    assert len(server.arrivals) >= 20


async def _work_for_a_while(port: int, server: Server) -> None:
    process = _Process(port, server)
    async with process.client:
        tasks = [asyncio.create_task(process.work()) for _ in range(4)]
        await asyncio.sleep(1.0)
        process.stop()
        await asyncio.gather(*tasks)
    assert {type(outcome) for outcome in process.outcomes} == {Found}
