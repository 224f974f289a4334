"""Events from an Amazon SQS queue, over aiobotocore (extra `sqs`)."""

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiobotocore.client import AioBaseClient  # type: ignore[import-untyped] # it has no py.typed
from attrs import define, field
from botocore.exceptions import ClientError  # type: ignore[import-untyped] # likewise

from capillary_interactions._config.validation import check_count
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.printable import one_line
from capillary_interactions.integrations._consuming.prefetch import PrefetchingSource

_LOGGER: Final = logging.getLogger("capillary_interactions")
# What SQS takes in one request, and attributes of one message.
_MAX_BATCH: Final = 10

_MAX_WAIT: Final = 20
# A message can be kept from other readers for so long after it was received: 12 hours.
_MAX_VISIBILITY_TIMEOUT: Final = 43_200
# Fewer receives may be used up by one outage of the API.
_MIN_RECEIVES: Final = 100
# The old spelling of a code is that of SQS's query protocol.
_NO_QUEUE: Final = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
_NO_ACCESS: Final = ("AccessDenied", "AccessDeniedException")
_NOT_HELD: Final = (
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
)
_REFUSED: Final = ("InvalidParameterValue", "InvalidMessageContents")

REASON: Final = "capillary.reason"
"""The attribute of a dead letter that holds why it is one."""


@define(eq=False)
class SqsEvent:
    """A message of the queue.

    Attributes:
        message: As SQS gave it.
        received_at: The event loop's time at which it came.
    """

    message: Mapping[str, Any] = field(repr=False)
    received_at: float
    _source: "SqsEvents" = field(repr=False)

    @property
    def body(self) -> str:
        """What it holds."""
        return str(self.message["Body"])

    @property
    def group(self) -> str | None:
        """Its message group, as the messages of a FIFO queue have one."""
        attributes: Mapping[str, str] = self.message.get("Attributes", {})
        return attributes.get("MessageGroupId")

    async def ack(self) -> None:
        """It is done, and deleted."""
        await self._source.delete(self)

    async def nack(self, delay: float) -> None:
        """It comes again after `delay` seconds, up to the 12 hours that SQS keeps one back."""
        await self._source.give_back(self, delay)

    async def reject(self, reason: str) -> None:
        """It goes to the queue of dead letters, with the reason in the attribute `REASON`."""
        await self._source.dead_letter(self, reason)


class SqsEvents(PrefetchingSource[SqsEvent]):
    """An async source of a queue's messages, to enter, iterate over and leave.

    While messages are worked on their visibility timeout is extended, so that none comes again
    while a lookup waits for its quota. A FIFO queue keeps its order: what is given back holds up
    the rest of its message group.

    SQS counts how often each message was received, and moves it to the dead letters of its
    redrive policy, without a reason, once that is `maxReceiveCount`. Every message that is given
    back counts, also during an outage of the API: let it be 100 or more.

    Args:
        client: Of aiobotocore, for SQS; stays open. It has 10 connections unless its `Config`
            says otherwise (`max_pool_connections`); let there be as many as `in_flight`.
        queue: The URL of the queue.
        dead: The URL of the queue of dead letters; by default that of the redrive policy.
        batch: Messages received at once, 10 at most, and held beyond those that are worked on.
        visibility_timeout: Whole seconds after which a message of a reader that has died comes
            again.
        wait: Whole seconds that a request waits for messages, 20 at most; leaving may take as
            long. Longer ones make fewer requests on a quiet queue, for each of which AWS charges.

    Raises:
        ConfigurationError: An argument cannot work, or (from entering) there is no such queue, or
            none for dead letters.
        ClientError: From entering and reading: SQS refuses.
    """

    def __init__(
        self,
        client: AioBaseClient,
        queue: str,
        *,
        dead: str | None = None,
        batch: int = 10,
        visibility_timeout: int = 30,
        wait: int = 2,
    ) -> None:
        self._client = client
        self._queue = queue
        self._dead = dead
        self._batch = _at_most("batch", batch, _MAX_BATCH)
        self._timeout = _at_most("visibility_timeout", visibility_timeout, _MAX_VISIBILITY_TIMEOUT)
        self._wait = _at_most("wait", wait, _MAX_WAIT)
        self._pending: set[SqsEvent] = set()
        # An extension must not come after what has given the same message back.
        self._extending = asyncio.Lock()
        super().__init__(heartbeat_interval=visibility_timeout / 3)

    async def _open(self) -> None:
        policy = await self._redrive_policy()
        receives = int(policy.get("maxReceiveCount", _MIN_RECEIVES))
        if receives < _MIN_RECEIVES:
            _LOGGER.warning(
                "SQS takes an event for a dead letter once it was received %d times, as during an "
                "outage of the API each may be: let maxReceiveCount be %d or more",
                receives,
                _MIN_RECEIVES,
            )
        if self._dead is None:
            self._dead = await self._queue_of(policy)

    async def _redrive_policy(self) -> dict[str, Any]:
        try:
            answer = await self._client.get_queue_attributes(
                QueueUrl=self._queue, AttributeNames=["RedrivePolicy"]
            )
        except ClientError as error:
            if _code(error) in _NO_QUEUE:
                raise ConfigurationError("queue is not the URL of a queue that exists") from error
            if _code(error) in _NO_ACCESS and self._dead is not None:
                return {}  # a reader needs to know no more
            raise
        policy: dict[str, Any] = orjson.loads(
            answer.get("Attributes", {}).get("RedrivePolicy", "{}")
        )
        return policy

    async def _queue_of(self, policy: Mapping[str, Any]) -> str:
        """The URL of a redrive policy's dead letters."""
        if "deadLetterTargetArn" not in policy:
            raise ConfigurationError(
                "dead must be the URL of a queue for dead letters, as the queue has no redrive "
                "policy that names one"
            )
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        answer = await self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        return str(answer["QueueUrl"])

    async def _fetch(self) -> list[SqsEvent]:
        answer = await self._client.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=self._batch,
            VisibilityTimeout=self._timeout,
            WaitTimeSeconds=self._wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        now = asyncio.get_running_loop().time()
        events = [SqsEvent(message, now, self) for message in answer.get("Messages", ())]
        self._pending.update(events)
        return events

    async def _return(self, message: SqsEvent) -> None:
        await message.nack(0.0)

    async def _send_heartbeats(self) -> None:
        async with self._extending:
            held = [event for event in self._pending if self._time_left(event) > 0]
            batches = [held[at : at + _MAX_BATCH] for at in range(0, len(held), _MAX_BATCH)]
            ends = await asyncio.gather(*map(self._extend, batches), return_exceptions=True)
        for failed in ends:
            if isinstance(failed, BaseException):
                raise failed  # the others have got theirs all the same

    async def _extend(self, events: list[SqsEvent]) -> None:
        answer = await self._client.change_message_visibility_batch(
            QueueUrl=self._queue,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": event.message["ReceiptHandle"],
                    "VisibilityTimeout": min(self._timeout, self._time_left(event)),
                }
                for number, event in enumerate(events)
            ],
        )
        for failed in answer.get("Failed", ()):
            # Another reader may have it by now; the one that is worked on here is a repetition.
            self._pending.discard(events[int(failed["Id"])])

    def _time_left(self, event: SqsEvent) -> int:
        """Whole seconds for which SQS can keep a message back."""
        held = asyncio.get_running_loop().time() - event.received_at
        return max(0, _MAX_VISIBILITY_TIMEOUT - math.ceil(held) - 1)

    async def delete(self, event: SqsEvent) -> None:
        """Let a message never come again."""
        self._pending.discard(event)
        await self._client.delete_message(
            QueueUrl=self._queue, ReceiptHandle=event.message["ReceiptHandle"]
        )

    async def give_back(self, event: SqsEvent, delay: float) -> None:
        """Let a message come again after some seconds."""
        self._pending.discard(event)
        wait = math.ceil(min(delay, self._time_left(event)))
        async with self._extending:
            try:
                await self._client.change_message_visibility(
                    QueueUrl=self._queue,
                    ReceiptHandle=event.message["ReceiptHandle"],
                    VisibilityTimeout=wait,
                )
            except ClientError as error:
                if _code(error) not in _NOT_HELD:  # then it is back already, or another reader's
                    raise

    async def dead_letter(self, event: SqsEvent, reason: str) -> None:
        """Put a message among the dead letters, then delete it."""
        self._pending.discard(event)
        attributes = _sendable(event.message.get("MessageAttributes", {}))
        described = {**attributes, REASON: {"DataType": "String", "StringValue": one_line(reason)}}
        try:
            await self._send(event, described)
        except ClientError as error:
            if _code(error) not in _REFUSED:
                raise
            # It has ten attributes of its own, or is as long as a message may be.
            await self._send(event, attributes)
            _LOGGER.warning("a dead letter has no room for its reason: %s", one_line(reason))
        await self.delete(event)

    async def _send(self, event: SqsEvent, attributes: Mapping[str, Any]) -> None:
        message = event.message
        options: dict[str, Any] = {}
        if str(self._dead).endswith(".fifo"):
            # Sent twice, as after a lost answer to the first time, it is kept once.
            options["MessageDeduplicationId"] = message["MessageId"]
            options["MessageGroupId"] = event.group or "dead"
        trace = message.get("Attributes", {}).get("AWSTraceHeader")
        if trace is not None:
            traced = {"DataType": "String", "StringValue": trace}
            options["MessageSystemAttributes"] = {"AWSTraceHeader": traced}
        await self._client.send_message(
            QueueUrl=self._dead,
            MessageBody=message["Body"],
            MessageAttributes=attributes,
            **options,
        )


def _at_most(name: str, value: int, maximum: int) -> int:
    if check_count(name, value) > maximum:
        raise ConfigurationError(f"{name} must be {maximum} or less, as SQS allows no more")
    return value


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


def _sendable(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes as they were received, without what SQS only ever sends."""
    kept = ("DataType", "StringValue", "BinaryValue")
    return {
        name: {key: each[key] for key in kept if key in each} for name, each in attributes.items()
    }
