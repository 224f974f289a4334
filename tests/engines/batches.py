"""Batches that are looked up as an engine does it: by a thread, without an event loop."""

import asyncio
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from capillary_interactions import ClientConfig, RateLimit, RetryPolicy
from capillary_interactions.engines import enrich_batches
from capillary_interactions.sandbox import Sandbox, SandboxProcess

QUICK = RetryPolicy(attempts=2, wait_initial=0.001, throttled_initial=0.001)


def config_of(sandbox: Sandbox | SandboxProcess, **settings: Any) -> ClientConfig:
    """A configuration that is not paced."""
    settings = {"rate": RateLimit(1_000_000, 1.0), "retry": QUICK, **settings}
    return sandbox.client_config(**settings)


async def enriched(batches: list[Any], config: ClientConfig, **options: Any) -> Any:
    """The results of batches, as one table."""
    options = {"identifier": "mobile", **options}

    def look_up() -> Any:
        return pa.Table.from_batches(enrich_batches(batches, config, **options))

    return await asyncio.to_thread(look_up)


def mobiles(first: int, count: int) -> Any:
    """A record batch of customers."""
    numbers = range(919_000_000_000 + first, 919_000_000_000 + first + count)
    return pa.record_batch({"mobile": [str(number) for number in numbers]})
