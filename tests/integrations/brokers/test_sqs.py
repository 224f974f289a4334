"""The adapter of SQS where it has rules of its own, on Moto's server."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped] # it has no py.typed

from benchmarks.servers.queues import SqsQueue
from capillary_interactions import ConfigurationError
from capillary_interactions.integrations.sqs import REASON, SqsEvents
from tests.integrations.brokers.conftest import Address
from tests.tables import table


@pytest.fixture
def queues(address: Address) -> SqsQueue:
    """The server, by any of its queues."""
    return SqsQueue(address("sqs"), "any")


@pytest.fixture
async def client(queues: SqsQueue) -> AsyncIterator[Any]:
    """A client of SQS."""
    async with queues.open() as client:
        yield client


async def _made(client: Any, name: str, **attributes: str) -> str:
    """The URL of a new queue."""
    return str((await client.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"])


async def _received(client: Any, url: str) -> list[Any]:
    answer = await client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


async def test_keeps_what_is_worked_on(client: Any) -> None:
    """Longer than its visibility timeout; what SQS no longer knows here is left alone."""
    url, dead = await _made(client, "kept"), await _made(client, "kept_dead")
    for _ in range(12):
        await client.send_message(QueueUrl=url, MessageBody="x")
    async with (
        SqsEvents(client, url, dead=dead, visibility_timeout=1) as one,
        SqsEvents(client, url, dead=dead, wait=1) as other,
    ):
        held = [await anext(one) for _ in range(12)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):
                await anext(other)
        handle = held[0].message["ReceiptHandle"]
        await client.delete_message(QueueUrl=url, ReceiptHandle=handle)
        await one._send_heartbeats()
        assert one._pending == set(held[1:])
        for event in held[1:]:
            await event.ack()
    assert await _received(client, url) == []


async def test_keeps_what_a_message_has_in_its_dead_letter(client: Any) -> None:
    """Attributes of either kind, and the trace; the reason is one line more."""
    url, dead = await _made(client, "whole"), await _made(client, "whole_dead")
    attributes = {
        "shop": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\xff"},
    }
    await client.send_message(QueueUrl=url, MessageBody="é", MessageAttributes=attributes)
    async with SqsEvents(client, url, dead=dead) as events:
        await (await anext(events)).reject("wrong\n\x00 indeed")
    (letter,) = await _received(client, dead)
    sent = {
        name: {key: text for key, text in each.items() if key != "StringListValues"}
        for name, each in letter["MessageAttributes"].items()
    }
    assert letter["Body"] == "é"
    reason = {"DataType": "String", "StringValue": "wrong indeed"}
    assert sent == {**attributes, REASON: reason}
    assert await _received(client, url) == []


async def test_loses_a_reason_rather_than_a_message(
    client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQS takes no further attribute, as of a message of full length; the log has it."""
    url, dead = await _made(client, "full"), await _made(client, "full_dead")
    await client.send_message(QueueUrl=url, MessageBody="x")
    send = client.send_message

    async def full(**options: Any) -> Any:
        if REASON in options["MessageAttributes"]:
            error = {"Error": {"Code": "InvalidParameterValue"}}
            raise ClientError(error, "SendMessage")
        return await send(**options)

    monkeypatch.setattr(client, "send_message", full)
    async with SqsEvents(client, url, dead=dead) as events:
        with caplog.at_level(logging.WARNING):
            await (await anext(events)).reject("wrong")
    assert [letter["Body"] for letter in await _received(client, dead)] == ["x"]
    assert "no room for its reason: wrong" in caplog.text
    assert await _received(client, url) == []


async def test_keeps_the_order_of_a_message_group(client: Any) -> None:
    """What is given back holds up the rest of its group, and a dead letter is kept once."""
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    url, dead = await _made(client, "o.fifo", **fifo), await _made(client, "od.fifo", **fifo)
    for number, group in enumerate("aab"):
        await client.send_message(
            QueueUrl=url,
            MessageBody=f"{group}{number}",
            MessageGroupId=group,
            MessageDeduplicationId=str(number),
        )
    seen = []
    async with SqsEvents(client, url, dead=dead, batch=1, wait=1) as events, asyncio.timeout(9.0):
        first = await anext(events)
        await first.nack(1.0)
        for _ in range(3):
            event = await anext(events)
            seen.append((event.body, event.group))
            await (event.reject("wrong") if event.body == "a0" else event.ack())
    assert seen == [("b2", "b"), ("a0", "a"), ("a1", "a")]
    assert [letter["Body"] for letter in await _received(client, dead)] == ["a0"]


async def test_takes_the_dead_letters_of_the_redrive_policy(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """And warns where SQS itself would make dead letters of what an outage gives back."""
    dead = await _made(client, "policy_dead")
    answer = await client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": 3}
    url = await _made(client, "policy", RedrivePolicy=json.dumps(policy))
    await client.send_message(QueueUrl=url, MessageBody="x")
    with caplog.at_level(logging.WARNING):
        async with SqsEvents(client, url) as events:
            await (await anext(events)).reject("wrong")
    assert [letter["Body"] for letter in await _received(client, dead)] == ["x"]
    assert "received 3 times" in caplog.text


async def test_refuses_queues_that_cannot_work(client: Any, queues: SqsQueue) -> None:
    """On entering, with what is wrong."""
    url = await _made(client, "alone")
    for events, message in (
        (SqsEvents(client, url), "dead must be the URL"),
        (SqsEvents(client, queues.url("none"), dead=url), "queue is not the URL of a queue"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            await events.__aenter__()


@table(
    ("options", "message"),
    [
        ({"batch": 11}, "batch must be 10 or less"),
        ({"batch": 0}, "batch"),
        ({"visibility_timeout": 43_201}, "visibility_timeout must be 43200 or less"),
        ({"wait": 21}, "wait must be 20 or less"),
        ({"wait": 0.5}, "wait must be a whole number"),
    ],
)
def test_refuses_arguments_that_cannot_work(options: dict[str, Any], message: str) -> None:
    """When it is made, with the name."""
    with pytest.raises(ConfigurationError, match=message):
        SqsEvents(None, "http://127.0.0.1/1/queue", **options)


async def test_gives_back_for_no_longer_than_sqs_allows(client: Any) -> None:
    """A server may ask for days; and what another reader has by now is back already."""
    url, dead = await _made(client, "long"), await _made(client, "long_dead")
    for body in ("1", "2"):
        await client.send_message(QueueUrl=url, MessageBody=body)
    async with SqsEvents(client, url, dead=dead) as events:
        first, second = await anext(events), await anext(events)
        await first.nack(1e9)
        await second.nack(0.0)
        again = await anext(events)
        await again.ack()
        await second.nack(0.0)
    assert (again.body, await _received(client, url)) == (second.body, [])
