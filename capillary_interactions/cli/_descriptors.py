"""How many connections the limit of open files allows, checked before a run."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import evolve

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.cli._console import Console

# For the job's file, the list, the result and what else a run opens.
_RESERVE: Final = 16


def max_in_flight(in_flight: int, *, limit: int, open_now: int, per_request: int) -> int:
    """Requests in flight that there are descriptors for, at least one and at most the setting."""
    return max(1, min(in_flight, (limit - open_now - _RESERVE) // per_request))


@asynccontextmanager
async def within_limits(
    entered: AbstractAsyncContextManager[ClientConfig], console: Console, *, sandbox: bool
) -> AsyncIterator[ClientConfig]:
    """A configuration with no more requests in flight than this process may have files open."""
    async with entered as config:
        limit = _limit()
        per_request = len(config.credentials) * (2 if sandbox else 1)
        fitting = max_in_flight(
            config.in_flight, limit=limit, open_now=_open_now(), per_request=per_request
        )
        if fitting < config.in_flight:
            console.info(
                "too many open files: lower --in-flight or raise ulimit -n; with a limit of "
                f"{limit:,}, --in-flight is {fitting:,} in place of {config.in_flight:,}"
            )
        yield evolve(config, in_flight=fitting)


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
