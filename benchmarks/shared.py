"""Do processes that share a quota keep it, and use it, though they are killed and restarted?

Four processes with 32 lookups at once each, in front of a server of its own process that refuses
what is beyond the quota in any window. Usage:

    python -m benchmarks.shared [--file] [--redis] [--seconds 10] [--rates 20 200 2000]
    python -m benchmarks.shared --cost
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from benchmarks._load import share_used
from benchmarks._shared_cost import print_costs
from benchmarks._shared_workers import SCENES, Work, warm_up, workers
from benchmarks.servers.brokers import broker, missing, program
from benchmarks.servers.rate_limited import Limited, Rule, limited
from capillary_interactions import RateLimit

STEADY: Final = next(iter(SCENES))
_WARM_UP: Final = "warm-up"
_SCENE_NAMES: Final = {name: name.replace(" ", "-").replace(",", "") for name in SCENES}


@frozen(kw_only=True)
class Trial:
    """What came of one scene.

    Attributes:
        admitted: Requests within the quota.
        refused: Requests beyond it.
        used: The share of the quota that was used.
        least: What the process with the fewest lookups had of an equal share, where all were at
            work all the time.
    """

    admitted: int
    refused: int
    used: float
    least: float | None

    def __str__(self) -> str:
        """As a table has it."""
        least = "" if self.least is None else f"{self.least:.0%}"
        return f"{self.admitted:,} | {self.refused} | {self.used:.1%} | {least}"


def run(server: Limited, scene: str, limit: RateLimit, shared: str, seconds: float) -> Trial:
    """Let processes work in a scene, and ask the server what it saw."""
    name = name_of(scene, limit)
    with workers(Work(base_url=server.url(name), limit=limit, shared=shared)) as running:
        SCENES[scene](running, seconds)
        found = [counts["found"] for counts in running.lookups]
    admitted, refused = server.counts(name)
    return Trial(
        admitted=len(admitted),
        refused=len(refused),
        used=share_used(admitted, limit.requests / limit.per),
        least=min(found) * len(found) / max(1, sum(found)) if scene == STEADY else None,
    )


def name_of(scene: str, limit: RateLimit) -> str:
    """As it may stand in a path."""
    return f"{_SCENE_NAMES[scene]}-{limit.requests}"


@contextmanager
def places(*, file: bool, redis: bool) -> Iterator[dict[str, str]]:
    """Where processes may meet: `ClientConfig.shared` by its kind."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"file": f"file:{folder}/quota"} if file else {}
        if not redis:
            yield found
        elif program("redis") is None:
            print(missing("redis"))
            yield found
        else:
            home = Path(folder) / "redis"
            home.mkdir()
            with broker("redis", home) as address:
                yield {**found, "Redis": f"redis://{address}/0"}


def print_trials(shared: dict[str, str], rates: list[int], seconds: float) -> None:
    """Print a table of all scenes."""
    print("| place | a second | processes | admitted | refused | used | least |")
    print("|---|---:|---|---:|---:|---:|---:|")
    limits = [RateLimit(rate, 1.0) for rate in rates]
    for place, address in shared.items():
        rules = {
            name_of(scene, limit): Rule(kind="sliding log", requests=limit.requests, per=limit.per)
            for scene in SCENES
            for limit in limits
        }
        rules[_WARM_UP] = Rule(kind="sliding log", requests=10_000, per=1.0)
        with limited(rules) as server:
            base_url, limit = server.url(_WARM_UP), RateLimit(10_000, 1.0)
            warm_up(Work(base_url=base_url, limit=limit, shared=address))
            for limit in limits:
                for scene in SCENES:
                    trial = run(server, scene, limit, address, seconds)
                    print(f"| {place} | {limit.requests:,} | {scene} | {trial} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--file", action="store_true", help="share by a file only")
    parser.add_argument("--redis", action="store_true", help="share by Redis only")
    parser.add_argument("--cost", action="store_true", help="what a lookup costs, instead")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row")
    parser.add_argument("--rates", type=int, nargs="+", default=[20, 200, 2000], help="a second")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    both = options.file == options.redis
    with places(file=both or options.file, redis=both or options.redis) as shared:
        if options.cost:
            asyncio.run(print_costs({"this process": None, **shared}))
        else:
            print_trials(shared, options.rates, options.seconds)


if __name__ == "__main__":
    main()
