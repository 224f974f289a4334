"""What does a client do whose setting is higher than the server's real quota?"""

import asyncio
import itertools
from typing import Final

from attrs import frozen

from benchmarks._load import client_of, saturate
from benchmarks.servers.rate_limited import Limited, Rule, limited
from capillary_interactions import InteractionsClient, RateLimit, RetryPolicy

SET: Final = RateLimit(50, 1.0)
REAL: Final = 20
# Being refused is what this is about: no lookup should end for it.
_PATIENT: Final = RetryPolicy(attempts=30, budget=1_000_000)


@frozen(kw_only=True)
class Period:
    """A part of the run.

    Attributes:
        quota: What the server really allowed, a second.
        refused: Requests refused.
        share: Of the real quota, how much was used.
        rate: The client's rate at its end.
    """

    quota: int
    refused: int
    share: float
    rate: float


async def learn(server: Limited, seconds: float, quotas: list[int]) -> list[Period]:
    """One client that never stops, over a server whose quota changes."""
    client = client_of(server.url("learned"), SET, retry=_PATIENT)
    work = asyncio.create_task(saturate(client))
    try:
        return [await _period(server, client, quota, seconds) for quota in quotas]
    finally:
        work.cancel()
        await asyncio.wait([work])


async def _period(
    server: Limited, client: InteractionsClient, quota: int, seconds: float
) -> Period:
    await asyncio.to_thread(server.change, "learned", quota, 1.0)
    before = await asyncio.to_thread(server.counts, "learned")
    await asyncio.sleep(seconds)
    after = await asyncio.to_thread(server.counts, "learned")
    admitted, refused = (len(new) - len(old) for new, old in zip(after, before, strict=True))
    return Period(
        quota=quota,
        refused=refused,
        share=admitted / seconds / quota,
        rate=client.snapshot().rate,
    )


def print_learned(seconds: float) -> None:
    """The table of a run: the quota too low for some minutes, then as it is set."""
    rules = {"learned": Rule(kind="sliding log", requests=REAL, per=1.0)}
    quotas = [REAL, REAL, REAL, SET.requests, SET.requests]
    with limited(rules) as server:
        periods = asyncio.run(learn(server, seconds, quotas))
    print(f"The client is set to {SET}; the server refuses without saying for how long.\n")
    print("| seconds | real quota | refused | share of it used | rate at the end |")
    print("|---|---|---|---|---|")
    for number, period in zip(itertools.count(), periods, strict=False):
        print(
            f"| {number * seconds:g} to {(number + 1) * seconds:g} | {period.quota}/s "
            f"| {period.refused} | {period.share:.1%} | {period.rate:.1f}/s |"
        )
