"""Scenes of a job that is disturbed: cancelled once and again, closed, stopped, and run again.

Each is made from its seed alone. An endpoint in memory answers at once or after some milliseconds;
how a lookup ends depends on the customer only, so the results of a disturbed job must be those of
an undisturbed one.
"""

import asyncio
import csv
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import anyio
import orjson
from attrs import define, field

from benchmarks._results import answers, recorded
from benchmarks._scenes import expect
from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    InteractionsClient,
    RateLimit,
    RetryPolicy,
)
from capillary_interactions._http.transport import TransportError
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import Event, LookupEnded
from capillary_interactions.jobs import CustomerList, Job, JobError, JobStatus, StopRules
from capillary_interactions.jobs._store.file_lock import FileLock
from capillary_interactions.testing import interactions, message

_CONFIG: Final = ClientConfig(
    "https://api.example.test",
    BasicAuth("user", "secret"),
    rate=RateLimit(1_000_000, 1.0),
    retry=RetryPolicy(attempts=2, wait_initial=0.001, throttled_initial=0.001, budget=1_000_000),
    in_flight=8,
)
_RULES: Final = (
    StopRules(unanswered=None, silence=None, rejected_share=None),
    StopRules(unanswered=3, probe_initial=0.002, probe_max=0.01, rejected_share=None),
)
_TIMEOUT: Final = 30.0


@define
class Endpoint:
    """Answers by each customer's number, and counts the requests.

    Attributes:
        seed: Decides about the answers.
        slowest: Seconds that an answer may take.
        asked: Requests for each customer.
        note: Called with the customer of each request, before the answer.
    """

    seed: int
    slowest: float
    asked: Counter[str] = field(factory=Counter)
    note: Callable[[str], None] = field(default=lambda _: None)

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109, ARG002
        """Answer; see `Transport.send`."""
        value = dict(parse_qsl(urlsplit(request.url).query))["mobile"]
        self.asked[value] += 1
        self.note(value)
        rng = random.Random(f"{self.seed} {value} {self.asked[value]}")
        if self.slowest:
            await asyncio.sleep(rng.uniform(0, self.slowest))
        return _answer(int(value) % 10, value, first=self.asked[value] % 2 == 1)

    async def aclose(self) -> None:
        """Nothing is open."""


def _answer(case: int, value: str, *, first: bool) -> Response:
    if case == 0:
        return Response(status=400, body=b"{}")
    if case == 1:
        return Response(status=503)
    if case == 2 and first:
        raise TransportError("connection reset")
    if case == 3:
        return Response(status=200, body=b'{"interaction": 5}')
    body = interactions(email=[message(1, receiver=value)])
    return Response(status=200, body=orjson.dumps(body))


@define
class Scene:
    """One job in a folder of its own, with what happens to it.

    Attributes:
        seed: Everything else follows from it.
        folder: Empty.
    """

    seed: int
    folder: Path
    rng: random.Random = field(init=False)
    endpoint: Endpoint = field(init=False)
    stops: StopRules = field(init=False)
    watched: dict[str, int] = field(factory=dict)
    ended: Counter[str] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        """Draw the list, the endpoint and the rules."""
        self.rng = random.Random(self.seed)
        self.endpoint = Endpoint(self.seed, self.rng.choice((0.0, 0.002, 0.01)))
        self.stops = self.rng.choice(_RULES)
        write_list(self.customers, self.rng, self.rng.randint(1, 80))

    @property
    def customers(self) -> Path:
        """The list."""
        return self.folder / "list.csv"

    @property
    def job(self) -> Path:
        """The job."""
        return self.folder / "disturbed.job"

    @asynccontextmanager
    async def opened(self, path: Path) -> AsyncIterator[tuple[InteractionsClient, Job]]:
        """A client, and a job there."""
        customers = CustomerList(self.customers, identifier="mobile")
        async with (
            InteractionsClient(_CONFIG, transport=self.endpoint, observers=[self._see]) as client,
            Job.open(path, customers) as job,
        ):
            yield client, job

    async def run(self, client: InteractionsClient, job: Job) -> None:
        """Run it by the rules of this scene."""
        await job.run(client, stops=self.stops)

    async def result(self, path: Path) -> list[dict[str, object]]:
        """Run a job undisturbed, and read its result."""
        async with asyncio.timeout(_TIMEOUT), self.opened(path) as (client, job):
            await self.run(client, job)
            expect((await job.status()).complete, "an undisturbed run completes the job")
            await job.export(path.with_suffix(".jsonl"))
        return answers(path.with_suffix(".jsonl"))

    def remember(self) -> None:
        """Note how many requests there were for the customers with an outcome."""
        for value in recorded(self.job):
            self.watched.setdefault(value, self.endpoint.asked[value])

    def check_repeats(self) -> None:
        """See that none of them was looked up again."""
        again = [value for value, n in self.watched.items() if self.endpoint.asked[value] != n]
        expect(not again, f"{len(again)} customers with an outcome were looked up again")

    def _see(self, event: Event) -> None:
        if isinstance(event, LookupEnded):
            self.ended[event.ending] += 1


def write_list(path: Path, rng: random.Random, rows: int) -> None:
    """A list with some customers twice, and some rows that are no query."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "mobile"))
        for _ in range(rows):
            mobile = "" if rng.random() < 0.05 else str(919_000_000_000 + rng.randint(1, 90))
            writer.writerow(("N", mobile))


async def play(seed: int, folder: Path) -> str:
    """Play one scene; return its disturbances.

    Raises:
        SceneError: A promise was not kept.
    """
    scene = Scene(seed, folder)
    happened = [await _disturb(scene) for _ in range(scene.rng.randint(1, 4))]
    disturbed = await scene.result(scene.job)
    scene.check_repeats()
    scene.endpoint = Endpoint(seed, 0.0)
    expect(disturbed == await scene.result(folder / "whole.job"), "results of an undisturbed job")
    return ", ".join(happened)


async def _disturb(scene: Scene) -> str:
    name = scene.rng.choice(tuple(_DISTURBANCES))
    before = set(recorded(scene.job))
    scene.ended.clear()
    tasks = asyncio.all_tasks()
    async with asyncio.timeout(_TIMEOUT):
        await _DISTURBANCES[name](scene)
    expect(asyncio.all_tasks() <= tasks, f"{name}: no task is left")
    lock = FileLock(scene.job)
    lock.acquire()
    lock.release()
    new = len(set(recorded(scene.job)) - before)
    # These may be looked up again: after a pause, or because the client was closed.
    unsure = scene.stops.may_pause or name == "client closed"
    sure = scene.ended.total() - unsure * scene.ended["unavailable"]
    if name != "fault":
        expect(sure <= new <= scene.ended.total(), f"{name}: {sure} ended, {new} recorded")
    await _check_figures(scene)
    scene.remember()
    scene.check_repeats()
    return name


async def _check_figures(scene: Scene) -> None:
    """The counts that a job keeps are those of its rows."""
    async with Job.open(scene.job) as job:
        with suppress(JobError):
            status: JobStatus = await job.status()
            with closing(sqlite3.connect(scene.job)) as connection:
                query = (
                    "SELECT coalesce(ending, 'rejected'), count(*) FROM row LEFT JOIN outcome "
                    "USING (first) WHERE row.first IS NULL OR ending IS NOT NULL GROUP BY 1"
                )
                counted = dict(connection.execute(query).fetchall())
            stored = {name: count for name, count in status.endings.items() if count}
            expect(stored == counted, "the figures are those of the rows")


async def _moment(rng: random.Random) -> None:
    """Wait for some iterations of the event loop, or some milliseconds."""
    if rng.random() < 0.4:
        for _ in range(rng.randint(0, 60)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(rng.uniform(0, 0.04))


async def _started(job: Job, task: asyncio.Task[None]) -> None:
    for _ in range(10_000):
        if job.is_running or task.done():
            return
        await asyncio.sleep(0.0005)


async def _end(task: asyncio.Task[None], *expected: type[BaseException]) -> None:
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        expect(isinstance(error, expected), f"{type(error).__name__}: {error}")


async def _cancelled(scene: Scene) -> None:
    """Cancelled, and perhaps once more, and once more."""
    async with scene.opened(scene.job) as (client, job):
        task = asyncio.create_task(scene.run(client, job))
        await _moment(scene.rng)
        for _ in range(scene.rng.choice((1, 1, 2, 3, 20))):
            task.cancel()
            for _ in range(scene.rng.choice((0, 0, 1, 5))):
                await asyncio.sleep(0)
        await _end(task)


async def _scoped(scene: Scene) -> None:
    """Cancelled by a scope of anyio, which repeats it in every iteration of the event loop."""
    async with scene.opened(scene.job) as (client, job):
        with anyio.CancelScope() as scope:
            calling = asyncio.get_running_loop().call_later
            handle = calling(scene.rng.uniform(0, 0.04), scope.cancel)
            await scene.run(client, job)
        handle.cancel()


async def _all_cancelled(scene: Scene) -> None:
    """Every task is cancelled, as at the end of `asyncio.run` after a second Ctrl-C."""
    async with scene.opened(scene.job) as (client, job):
        task = asyncio.create_task(scene.run(client, job))
        await _moment(scene.rng)
        for _ in range(scene.rng.choice((1, 2, 3))):
            for other in asyncio.all_tasks() - {asyncio.current_task()}:
                other.cancel()
            await asyncio.sleep(0)
        # The writer, or a lookup, may have been cancelled first.
        await _end(task, JobError, RuntimeError)


async def _stopped(scene: Scene) -> None:
    """Asked to stop."""
    async with scene.opened(scene.job) as (client, job):
        task = asyncio.create_task(scene.run(client, job))
        await _moment(scene.rng)
        job.stop(scene.rng.uniform(0, 0.01))
        await _end(task)


async def _client_closed(scene: Scene) -> None:
    """The client is closed under it."""
    async with scene.opened(scene.job) as (client, job):
        task = asyncio.create_task(scene.run(client, job))
        await _moment(scene.rng)
        await client.aclose(scene.rng.choice((0.0, 0.005)))
        await _end(task, RuntimeError)


async def _job_closed(scene: Scene) -> None:
    """The job is closed by another task than the one that runs it."""
    async with scene.opened(scene.job) as (client, job):
        task = asyncio.create_task(scene.run(client, job))
        await _started(job, task)
        await _moment(scene.rng)
        await job.__aexit__(None, None, None)
        await _end(task, JobError)


async def _unlocked(scene: Scene) -> None:
    """Its lock file is removed, and another run started."""
    async with scene.opened(scene.job) as (client, job), scene.opened(scene.job) as (_, other):
        task = asyncio.create_task(scene.run(client, job))
        await _started(job, task)
        scene.job.with_name(f"{scene.job.name}-lock").unlink(missing_ok=True)
        second = asyncio.create_task(scene.run(client, other))
        await _moment(scene.rng)
        expect(not (job.is_running and other.is_running), "one run at a time")
        for run in (task, second):
            run.cancel()
        await _end(task)
        await _end(second, JobError)


async def _faulty(scene: Scene) -> None:
    """The progress callback raises."""
    calls = scene.rng.randint(0, 2)

    def watch(_: object) -> None:
        nonlocal calls
        calls -= 1
        if calls < 0:
            raise LookupError("the watcher's own")

    async with scene.opened(scene.job) as (client, job):
        task = asyncio.ensure_future(job.run(client, stops=scene.stops, progress=watch))
        await asyncio.wait({task})
        expect(isinstance(task.exception(), LookupError | type(None)), f"{task.exception()!r}")


_DISTURBANCES: Final[Mapping[str, Callable[[Scene], Awaitable[None]]]] = {
    "cancelled": _cancelled,
    "scope": _scoped,
    "all cancelled": _all_cancelled,
    "stopped": _stopped,
    "client closed": _client_closed,
    "job closed": _job_closed,
    "unlocked": _unlocked,
    "fault": _faulty,
}
