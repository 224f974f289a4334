"""Recipes for events run, on real brokers."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast

import nats
import pytest
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped] # it has no py.typed
from faststream.nats import NatsBroker
from faststream.rabbit import RabbitBroker
from faststream.redis import RedisBroker
from redis.asyncio import Redis

from benchmarks.servers.queues import KafkaQueue, SqsQueue
from capillary_interactions import (
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    Outcome,
    RetryPolicy,
)
from capillary_interactions.integrations.consume import ConsumerReport
from capillary_interactions.sandbox import Sandbox
from tests.docs.readme import run, set_environment
from tests.integrations.brokers.conftest import Address

_NOT_FOUND = {"errors": [{"status": False, "code": 8015, "message": "Customer not found"}]}


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """What the environment of a reader of the README points at."""
    answers: Any = {"404": _NOT_FOUND, "400": (400, {}, b"{}")}
    async with Sandbox(unknown=0, answers=answers) as running:
        set_environment(monkeypatch, running.base_url)
        yield running


async def _until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20.0):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("sandbox")
async def test_consumes_a_stream_until_a_signal_comes(
    address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers are printed and acknowledged; what has no number is a dead letter."""
    url = f"redis://{address('redis')}"
    async with Redis.from_url(url, decode_responses=True) as redis:
        for name, value in (
            ("mobile", "1"),
            ("mobile", "404"),
            ("phone", "2"),
            ("mobile", "400"),
        ):
            await redis.xadd("customers", {name: value})
        namespace = run("consumer")
        printed: list[str] = []
        namespace["print"] = lambda *words: printed.append(str(words[-1]))
        running = asyncio.create_task(namespace["main"](url))
        await _until(lambda: len(printed) == 2)
        async with asyncio.timeout(10.0):
            while await redis.xlen("customers.dead") < 2:
                await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == ConsumerReport(acknowledged=2, rejected=2)
        assert sorted(printed) == ["found", "not_found"]
        await redis.delete("customers", "customers.dead")


async def test_reads_kafka_in_its_order(address: Address, sandbox: Sandbox) -> None:
    """Each partition's records are stored one after the other."""
    queue = KafkaQueue(address("kafka"), "customers")
    numbers = [str(number) for number in range(40)]
    await queue.fill(numbers)
    stored: dict[Any, list[int]] = {}
    stops: list[Callable[[], None]] = []

    async def store(outcome: Outcome) -> None:
        event = outcome.item
        await asyncio.sleep(0.001 * (event.record.offset % 3))
        stored.setdefault(event.partition, []).append(event.record.offset)

    namespace = run("kafka")
    # Tansu lets the first member of a group wait for half a session.
    namespace["AIOKafkaConsumer"] = partial(
        AIOKafkaConsumer, session_timeout_ms=800, heartbeat_interval_ms=200
    )
    async with InteractionsClient(sandbox.client_config()) as client:
        running = asyncio.create_task(
            namespace["main"](client, address("kafka"), store, stops.append)
        )
        await _until(lambda: sum(map(len, stored.values())) == len(numbers))
        stops[0]()
        await running
    assert all(offsets == list(range(len(offsets))) for offsets in stored.values())


async def test_reads_sqs_as_the_environment_says(
    address: Address, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint, region and credentials as for every AWS client; dead letters by the policy."""
    queues = SqsQueue(address("sqs"), "recipe")
    for name, value in {
        "ENDPOINT_URL": f"http://{address('sqs')}",
        "DEFAULT_REGION": "us-east-1",
        "ACCESS_KEY_ID": "any",
        "SECRET_ACCESS_KEY": "any",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    stored: list[str] = []

    async def store(outcome: Outcome) -> None:
        stored.append(json.loads(outcome.item.body)["mobile"])

    await queues.fill(['{"mobile": "919738520001"}', "no JSON", '{"mobile": "919738520002"}'])
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:recipe_dead"}
    async with queues.open() as sqs, InteractionsClient(sandbox.client_config()) as client:
        attributes = {"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": 100})}
        url = queues.url("recipe")
        await sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        running = asyncio.create_task(run("sqs")["main"](client, url, store, [signal.SIGTERM]))
        await _until(lambda: len(stored) == 2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == ConsumerReport(acknowledged=2, rejected=1)
    assert sorted(stored) == ["919738520001", "919738520002"]
    assert await queues.left() == 0
    assert [body for body, _ in await queues.dead()] == ["no JSON"]


async def _rabbit(address: str) -> tuple[Any, Callable[[dict[str, str]], Any]]:
    broker = RabbitBroker(f"amqp://guest:guest@{address}", logger=None)
    return broker, lambda event: broker.publish(event, "customers")


async def _nats(address: str) -> tuple[Any, Callable[[dict[str, str]], Any]]:
    client = await nats.connect(f"nats://{address}")
    await client.jetstream().add_stream(name="customers", subjects=["customers"])
    await client.close()
    broker = NatsBroker(f"nats://{address}", logger=None)
    return broker, lambda event: broker.publish(event, "customers", stream="customers")


async def _redis(address: str) -> tuple[Any, Callable[[dict[str, str]], Any]]:
    broker = RedisBroker(f"redis://{address}")
    return broker, lambda event: broker.publish(event, stream="customers")


_FASTSTREAM = {"rabbitmq": ("on_rabbit", _rabbit), "nats": ("on_nats", _nats),
               "redis": ("on_redis", _redis)}  # fmt: skip


@pytest.mark.parametrize("kind", _FASTSTREAM)
async def test_runs_one_faststream_handler(kind: str, address: Address, sandbox: Sandbox) -> None:
    """Answers are stored, a late one is redelivered, and events without a customer are not."""
    subscribe, make = _FASTSTREAM[kind]
    broker, publish = await make(address(kind))
    stored: list[Found | NotFound] = []

    async def store(outcome: Found | NotFound) -> None:
        stored.append(outcome)

    namespace = run("faststream")
    identified, seen = namespace["identified"], Counter[Any]()

    def identify(name: str, value: str | None) -> Identifier:
        seen[value] += 1
        return cast("Identifier", identified(name, value))

    namespace["identified"] = identify
    namespace[subscribe](broker)
    config = sandbox.client_config(retry=RetryPolicy(attempts=1))
    async with InteractionsClient(config) as client:
        broker.context.set_global("client", client)
        broker.context.set_global("store", store)
        await broker.start()
        try:
            if kind != "redis":
                # Redis would leave it pending.
                sandbox.inject("error_503_retry_after")
                sandbox.fault_retry_after = 0.0
            await publish({"mobile": "1"})
            await _until(lambda: len(stored) == 1)
            await publish({"mobile": "400"})
            await publish({"mobile": " "})
            await publish({"phone": "3"})
            await publish({"mobile": "404"})
            await _until(lambda: len(stored) == 2 and seen[None])
        finally:
            await broker.stop()
    assert [outcome.ending for outcome in stored] == ["found", "not_found"]
    assert sandbox.received_for("1") == (1 if kind == "redis" else 2)
    assert sandbox.received_for("400") == 1
    assert (seen[" "], seen[None]) == (1, 1)
