"""What does it cost to wake one of many waiters for its slot, and is their order kept?

python -m benchmarks.waiters [--seconds 1] [--rounds 3] [--waiting 100 1000 ...] [--rate 200 ...]

For each rate and each length of the queue, CPU time a wake: the slot is granted, the request may be
sent, its place is released, and the task queues again, with a deadline. Beside it, in turns, a loop
of `asyncio.sleep` at the same rate, for that is what a timer costs; the ratio is the median of the
rounds. "displaced" is how many positions a waiter was before or behind its turn, at most.
"""

import argparse
import asyncio
import gc
import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Final

from benchmarks._peers._private import private
from capillary_interactions import RateLimit

WAITING: Final = (100, 1_000, 10_000, 100_000)
RATES: Final = (200, 2_000, 20_000)
# Seconds from the last one's slot to the deadline.
_SPARE: Final = 60.0


async def _sleeps(rate: int, seconds: float) -> float:
    """CPU seconds for one sleep."""
    loop, count = asyncio.get_running_loop(), 0
    until, began = loop.time() + seconds, time.process_time()
    while loop.time() < until:
        await asyncio.sleep(1 / rate)
        count += 1
    return (time.process_time() - began) / count


async def _wakes(rate: int, waiting: int, seconds: float) -> tuple[float, int]:
    """CPU seconds for one wake, and the largest displacement."""
    local_pace = private("LocalPace", "_pacing.local_pace", "_pace")
    pace, loop = local_pace(RateLimit(rate, 1.0), waiting), asyncio.get_running_loop()
    # An older checkout's pace has one name for both.
    try_send = getattr(pace, "try_send", lambda: False)
    before_send = getattr(pace, "before_send", None) or pace.leave
    arrivals, sent = itertools.count(), list[int]()

    async def request_again() -> None:
        while True:
            number = next(arrivals)
            await pace.acquire(deadline=loop.time() + waiting / pace.rate + _SPARE)
            if not try_send():
                await before_send()
            sent.append(number)
            pace.release()

    tasks = [asyncio.ensure_future(request_again()) for _ in range(waiting)]
    await asyncio.sleep(0.02)
    # Else the collector would walk the benchmark's own tasks, 100,000 of them again and again.
    gc.collect()
    gc.freeze()
    first, began = len(sent), time.process_time()
    await asyncio.sleep(seconds)
    cost = (time.process_time() - began) / (len(sent) - first)
    gc.unfreeze()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    displaced = (abs(number - position) for position, number in enumerate(sent))
    return cost, max(displaced)


def rows(
    waiting: tuple[int, ...], rates: tuple[int, ...], seconds: float, rounds: int
) -> Iterator[tuple[int, int, float, float, float, int]]:
    """Rate, waiters, CPU seconds a wake and a sleep, their ratio, and the displacement."""
    for rate, count in itertools.product(rates, waiting):
        sleeps, wakes, displaced = list[float](), list[float](), 0
        for _ in range(rounds):
            sleeps.append(asyncio.run(_sleeps(rate, seconds)))
            wake, most = asyncio.run(_wakes(rate, count, seconds))
            wakes.append(wake)
            displaced = max(displaced, most)
        ratio = statistics.median(wake / sleep for wake, sleep in zip(wakes, sleeps, strict=True))
        yield rate, count, statistics.median(wakes), statistics.median(sleeps), ratio, displaced


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--waiting", type=int, nargs="+", default=WAITING)
    parser.add_argument("--rate", type=int, nargs="+", default=RATES)
    given = parser.parse_args()
    print("| slots a second | waiting | µs a wake | µs a sleep | ratio | displaced |")
    print("|---|---|---|---|---|---|")
    for rate, count, wake, sleep, ratio, displaced in rows(
        tuple(given.waiting), tuple(given.rate), given.seconds, given.rounds
    ):
        figures = f"{1e6 * wake:.1f} | {1e6 * sleep:.1f} | {ratio:.2f} | {displaced}"
        print(f"| {rate:,} | {count:,} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
