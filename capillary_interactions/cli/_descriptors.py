"""How many connections does the limit of open files leave room for? Looked up before a run."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import evolve

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.cli._console import Console

# For the job's file, the list, the result and what else is opened on the way.
_RESERVE: Final = 16


def fitting(in_flight: int, *, limit: int, open_now: int, each: int) -> int:
    """Requests at once that there are descriptors for, at least one and at most the setting.

    Args:
        in_flight: The setting.
        limit: Descriptors that the process may have.
        open_now: Descriptors that it has.
        each: Descriptors for one more request at once.
    """
    return max(1, min(in_flight, (limit - open_now - _RESERVE) // each))


@asynccontextmanager
async def within_limits(
    reachable: AbstractAsyncContextManager[ClientConfig], voice: Console, *, sandbox: bool
) -> AsyncIterator[ClientConfig]:
    """A configuration that has no more requests under way than this process may have files open.

    Args:
        reachable: The configuration, to be entered.
        voice: Says so where there are fewer.
        sandbox: Whether the other end of each connection is in this process, too.
    """
    async with reachable as config:
        limit = _limit()
        each = len(config.credentials) * (2 if sandbox else 1)
        most = fitting(config.in_flight, limit=limit, open_now=_open_now(), each=each)
        if most < config.in_flight:
            voice.say(
                "too many open files: lower --in-flight or raise ulimit -n; with a limit of "
                f"{limit:,}, --in-flight is {most:,} in place of {config.in_flight:,}"
            )
        yield evolve(config, in_flight=most)


def _limit() -> int:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:  # pragma: no cover - Windows has no such limit
        return 2**31
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


def _open_now() -> int:
    for listing in ("/proc/self/fd", "/dev/fd"):
        try:
            return sum(1 for _ in Path(listing).iterdir())
        except OSError:
            continue
    return _RESERVE
