"""A server that refuses the source of every customer: what looks up many stops, and names it.

Jobs and the command line have the same in `tests/jobs` and `tests/cli`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from attrs import define, field

from capillary_interactions import ConfigurationError, Identifier, InteractionsClient, Outcome
from capillary_interactions.integrations.consume import consume
from capillary_interactions.sandbox import SandboxProcess
from tests.fakes import each

from .clients import UNLIMITED, mobiles
from .test_samples import sample

CUSTOMERS: Final = mobiles(300)
NAMED: Final = r"^source and account_id \(CAPILLARY_SOURCE, CAPILLARY_ACCOUNT_ID\) .*\(8016\)"


def _refusal() -> Any:
    body = sample("error_envelope_not_found")
    body["response"]["customer"]["item_status"]["code"] = 8016
    return 200, {}, body


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """It refuses every one of the customers, in the envelope that is published."""
    answer = _refusal()
    with SandboxProcess(answers={customer.value: answer for customer in CUSTOMERS}) as running:
        yield running


async def test_ends_a_stream(server: SandboxProcess) -> None:
    """After a few outcomes, which are all delivered."""
    server.reset_counts()
    seen: list[Outcome] = []
    async with InteractionsClient(server.client_config(rate=UNLIMITED, in_flight=8)) as client:
        with pytest.raises(ConfigurationError, match=NAMED):
            await each(client.stream(CUSTOMERS), seen.append)
    assert [outcome.ending for outcome in seen] == ["rejected"] * server.counts().received
    assert len(seen) <= 5 + 2 * 8


@define(eq=False)
class _Event:
    customer: Identifier
    settled: list[str] = field(factory=list)

    async def ack(self) -> None:
        self.settled.append("ack")

    async def nack(self, delay: float) -> None:
        self.settled.append("nack")

    async def reject(self, reason: str) -> None:
        self.settled.append("reject")


async def test_ends_a_consumer_without_a_dead_letter(server: SandboxProcess) -> None:
    """What was read is given back."""
    events = [_Event(customer) for customer in CUSTOMERS]

    async def source() -> AsyncIterator[_Event]:
        for event in events:
            yield event

    async def handle(_: Outcome) -> None:
        raise AssertionError("there is no answer to handle")

    async with InteractionsClient(server.client_config(rate=UNLIMITED)) as client:
        with pytest.raises(ConfigurationError, match=NAMED):
            await consume(
                client, source(), key=lambda event: event.customer, handle=handle, in_flight=4
            )
    read = [event for event in events if event.settled]
    assert 5 <= len(read) <= 8
    assert {method for event in read for method in event.settled} == {"nack"}
