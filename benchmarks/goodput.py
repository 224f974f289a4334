"""What does a client make of a server that is overloaded for a while, and what does it do to it?

Lookups come at a steady rate, whatever becomes of them. For the middle of each run the server can
do only a part of that. The clients take turns, each with a server of its own. Usage:

    python -m benchmarks.goodput [--rounds 2] [--calm 5] [--overload 20] [--after 30]
"""

import argparse
import asyncio
import logging
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from attrs import frozen

from benchmarks._competitors import Lookup, rivals
from benchmarks.servers.overloaded import Shedding, shedding
from capillary_interactions import RateLimit

SPEED: Final = 200.0
OFFERED: Final = 100.0
OVERLOADED: Final = 40.0
LIMIT: Final = RateLimit(200, 1.0)
# Back to normal: nine in ten of the lookups that began in one second are answered within another.
_NORMAL: Final = 0.9
_PROMPT: Final = 1.0

Rival = Callable[[str, RateLimit], AbstractAsyncContextManager[Lookup]]


@frozen(kw_only=True)
class Phases:
    """Seconds of each part of a run."""

    calm: float
    overload: float
    after: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.calm + self.overload + self.after


@frozen(kw_only=True)
class Ended:
    """A lookup that is over.

    Attributes:
        began: Seconds since the run began.
        took: Seconds.
        useful: Whether there was an answer.
    """

    began: float
    took: float
    useful: bool


@frozen(kw_only=True)
class Figures:
    """What came of a run.

    Attributes:
        useful: Answers a second while the server was overloaded.
        answered: The share of all lookups of the run that got an answer.
        amplification: Requests the server received for each lookup, over the whole run.
        recovery: Seconds from the end of the overload until all was normal; None for never.
    """

    useful: float
    answered: float
    amplification: float
    recovery: float | None


async def run(rival: Rival, server: Shedding, phases: Phases) -> Figures:
    """One client, through all phases."""
    ended = list[Ended]()
    async with rival(server.base_url, LIMIT) as lookup:
        began = time.monotonic()

        async def one(number: int) -> None:
            start = time.monotonic()
            useful = await lookup(number)
            took = time.monotonic() - start
            ended.append(Ended(began=start - began, took=took, useful=useful))

        async with asyncio.TaskGroup() as group:
            group.create_task(_weather(server, phases))
            for number in range(int(phases.total * OFFERED)):
                await asyncio.sleep(max(0.0, began + number / OFFERED - time.monotonic()))
                group.create_task(one(number))
    return _figures(ended, await asyncio.to_thread(server.received), phases)


async def _weather(server: Shedding, phases: Phases) -> None:
    await asyncio.sleep(phases.calm)
    await asyncio.to_thread(server.change, OVERLOADED)
    await asyncio.sleep(phases.overload)
    await asyncio.to_thread(server.change, SPEED)


def _figures(ended: list[Ended], received: int, phases: Phases) -> Figures:
    over = phases.calm + phases.overload
    during = [one for one in ended if one.useful and phases.calm <= one.began + one.took < over]
    return Figures(
        useful=len(during) / phases.overload,
        answered=sum(one.useful for one in ended) / len(ended),
        amplification=received / len(ended),
        recovery=_recovery(ended, over, phases.total),
    )


def _recovery(ended: list[Ended], over: float, total: float) -> float | None:
    """From when on each second's lookups were answered promptly."""
    normal = None
    for second in range(int(over), int(total)):
        asked = [one for one in ended if second <= one.began < second + 1]
        prompt = sum(one.useful and one.took <= _PROMPT for one in asked)
        if prompt < _NORMAL * len(asked):
            normal = None
        elif normal is None:
            normal = second - over
    return normal


def measure(status: int, hint: int | None, phases: Phases, rounds: int) -> dict[str, list[Figures]]:
    """Every client in turn, round after round."""
    figures: dict[str, list[Figures]] = {name: [] for name in rivals()}
    for _ in range(rounds):
        for name, rival in rivals().items():
            with shedding(SPEED, status, hint) as server:
                figures[name].append(asyncio.run(run(rival, server, phases)))
    return figures


def _print(figures: dict[str, list[Figures]]) -> None:
    print(
        "| client | useful/s in the overload | answered of all | requests a lookup | normal after |"
    )
    print("|---|---|---|---|---|")
    for name, rows in figures.items():
        useful, answered, sent = (
            statistics.median(getattr(row, field) for row in rows)
            for field in ("useful", "answered", "amplification")
        )
        after = ", ".join(
            "never" if row.recovery is None else f"{row.recovery:.0f} s" for row in rows
        )
        print(f"| {name} | {useful:.1f} | {answered:.1%} | {sent:.2f} | {after} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--calm", type=float, default=5.0)
    parser.add_argument("--overload", type=float, default=20.0)
    parser.add_argument("--after", type=float, default=30.0)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    phases = Phases(calm=options.calm, overload=options.overload, after=options.after)
    if "aiohttp_retry" not in rivals():
        print("aiohttp_retry is not installed (pip install aiohttp_retry): measured without it\n")
    print(f"{OFFERED:g} lookups/s; the server does {SPEED:g}/s, and {OVERLOADED:g}/s for a while.")
    for status, hint in ((503, None), (429, 1), (429, None)):
        retry_after = "" if hint is None else f" with Retry-After: {hint}"
        print(f"\nRefused by {status}{retry_after}:\n")
        _print(measure(status, hint, phases, options.rounds))


if __name__ == "__main__":
    main()
