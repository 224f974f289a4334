"""More lookups arrive than the quota allows: those that are sent are answered in time."""

import asyncio
from collections import Counter

import pytest

from capillary_interactions import Found, InteractionsClient, Outcome, RateLimit, Unavailable
from capillary_interactions._client.answer_time import AnswerTime
from tests.fakes import Server, customer, settings
from tests.tables import table

SECONDS = 60
ARRIVALS = 20
LIMIT = RateLimit(10, 1.0)


# With few requests in flight, a slot of the quota may be free long before its request can be sent.
@table(("takes", "in_flight"), [(0.01, 32), (0.2, 32), (0.8, 32), (0.8, 4)])
async def test_sends_those_that_have_time_for_an_answer(takes: float, in_flight: int) -> None:
    """At the rate of the quota; the others end without a request, and most of them at once."""
    server = Server(takes=takes)
    outcomes = list[Outcome]()
    config = settings(rate=LIMIT, in_flight=in_flight)
    async with InteractionsClient(config, transport=server) as client:

        async def one(number: int) -> None:
            await asyncio.sleep(number / ARRIVALS)
            outcomes.append(await client.lookup(customer(number), timeout=3.0))

        await asyncio.gather(*map(one, range(SECONDS * ARRIVALS)))
    endings = Counter(map(type, outcomes))
    assert endings[Found] + endings[Unavailable] == len(outcomes)
    assert endings[Found] > 0.9 * SECONDS * min(LIMIT.requests, in_flight / takes)
    # Until the time of an answer is known, some are sent too late.
    assert len(server.arrivals) - endings[Found] <= 2 * LIMIT.requests


async def test_says_how_much_time_an_answer_takes() -> None:
    """Beside the wait for the slot, so that a longer timeout can be chosen."""
    server = Server(takes=0.5)
    config = settings(rate=RateLimit(1, 1.0), in_flight=32)
    async with InteractionsClient(config, transport=server) as client:
        assert isinstance(await client.lookup(customer(1)), Found)
        waiting = [asyncio.create_task(client.lookup(customer(number))) for number in (2, 3)]
        await asyncio.sleep(0)
        late = await client.lookup(customer(4), timeout=3.2)
        assert isinstance(late, Unavailable)
        assert late.attempts == 0
        assert "a slot of the quota" in late.reason
        assert "and an answer (some 1.5 s later)" in late.reason
        assert all(isinstance(outcome, Found) for outcome in await asyncio.gather(*waiting))


@table(
    ("samples", "expected"),
    [
        ([], 0.0),
        # RFC 6298, section 2.2: the first sample, and four times its half.
        ([1.0], 3.0),
        ([1.0] * 100, 1.0),
        # 2.3, with its constants by hand.
        ([1.0, 2.0], 1.125 + 4 * 0.625),
    ],
)
def test_expects_an_answer_as_tcp_expects_an_acknowledgement(
    samples: list[float], expected: float
) -> None:
    """The mean and four mean deviations."""
    time = AnswerTime()
    for sample in samples:
        time.add(sample)
    assert time.expected == pytest.approx(expected, abs=1e-9)
