"""Is the promise kept at a real nginx, and could this machine have done more?

python -m benchmarks._nginx_trial SECONDS prints the figures of the settings as JSON: for a process
of its own, in which nothing else runs or is traced.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

from benchmarks._load import burst_of, client_of, saturate, share_used
from benchmarks.servers.nginx import Nginx, nginx
from capillary_interactions import RateLimit

# nginx counts in milliseconds and has no window: a long one of ours costs the least.
NGINX: Final = (
    RateLimit(600, 60.0, burst=1),
    RateLimit(6_000, 60.0, burst=10),
    RateLimit(60_000, 60.0, burst=300),
)
_SHORT: Final = (RateLimit(10, 1.0), RateLimit(100, 1.0), RateLimit(1_000, 1.0))

# A limit that is never reached, and for how long a machine is asked what it can do.
_NONE: Final = RateLimit(1_000_000, 1.0)
_TRIAL: Final = 0.3


@frozen(kw_only=True)
class Figures:
    """What became of one setting at nginx.

    Attributes:
        requests: How many nginx saw.
        refused: How many it refused, by the longer of its two logs.
        share: How much of its rate was used, from one second after the first on.
        able: How many a second this machine did without a limit, before or after, whichever is
            less.
    """

    requests: int
    refused: int
    share: float
    able: float


async def through_nginx(server: Nginx, limit: RateLimit, seconds: float) -> tuple[int, int, float]:
    """Requests, refusals by both of nginx's logs, and the share of its rate that was used."""
    rate = limit.requests / limit.per
    count = round(rate * seconds)
    await saturate(client_of(server.base_url, limit), lookups=count)
    for _ in range(100):  # nginx logs a request after its answer is sent
        arrivals = server.arrivals()
        if len(arrivals) >= count:
            break
        await asyncio.sleep(0.01)
    refused = sum(one.limited != "PASSED" or one.status != 200 for one in arrivals)
    share = share_used([one.at for one in arrivals if one.status == 200], rate)
    return len(arrivals), max(refused, len(server.complaints())), share


@contextmanager
def _server(rate: int, burst: int) -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory() as home, nginx(Path(home), rate=rate, burst=burst) as server:
        yield server


async def _held_back(limits: Sequence[RateLimit], seconds: float) -> list[tuple[int, int, float]]:
    """What `through_nginx` gives, each at an nginx of the same rate and burst, at the same time."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(_server(round(limit.requests / limit.per), burst_of(limit)))
            for limit in limits
        ]
        trials = zip(servers, limits, strict=True)
        return await asyncio.gather(
            *(through_nginx(server, limit, seconds) for server, limit in trials)
        )


def _able() -> float:
    """How many lookups a second nginx and a client do here when neither holds back."""
    with _server(_NONE.requests, _NONE.requests) as server:
        asyncio.run(saturate(client_of(server.base_url, _NONE), seconds=_TRIAL))
        return share_used([one.at for one in server.arrivals()], 1.0, skip=0.0)


def _figures(seconds: float) -> list[Figures]:
    before = _able()
    *slow, fast = NGINX
    seen = [
        *asyncio.run(_held_back(slow, seconds)),
        *asyncio.run(_held_back([fast], seconds)),
    ]
    able = min(before, _able())
    return [
        Figures(requests=requests, refused=refused, share=share, able=able)
        for requests, refused, share in seen
    ]


def in_own_process(seconds: float) -> list[Figures]:
    """The figures of `NGINX`, from a process that does nothing else."""
    command = [sys.executable, "-m", "benchmarks._nginx_trial", str(seconds)]
    root = Path(__file__).parents[1]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root).stdout
    return [Figures(**figures) for figures in json.loads(output)]


def print_nginx(seconds: float) -> None:
    """Every setting, over a minute and over a second, as a table."""
    print("| nginx limit_req | our setting | requests | refused | share used after 1 s |")
    print("|---|---|---|---|---|")
    for limit in _interleaved():
        rate, burst = round(limit.requests / limit.per), burst_of(limit)
        ((requests, refused, share),) = asyncio.run(_held_back([limit], seconds))
        print(
            f"| {rate}r/s, burst={burst} nodelay | {limit}, burst {burst} "
            f"| {requests} | {refused} | {share:.1%} |",
            flush=True,
        )


def _interleaved() -> Iterator[RateLimit]:
    for long, short in zip(NGINX, _SHORT, strict=True):
        yield long
        yield short


def main() -> None:
    """Measure the settings, and print their figures as JSON."""
    print(json.dumps([asdict(figures) for figures in _figures(float(sys.argv[1]))]))


if __name__ == "__main__":
    main()
