"""The promise at nginx's limit_req: nothing is refused, and hardly anything is wasted."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from benchmarks._load import client_of, saturate
from benchmarks._nginx_trial import NGINX, in_own_process
from benchmarks.servers.nginx import binary, nginx
from capillary_interactions import RateLimit

pytestmark = pytest.mark.skipif(
    binary() is None, reason="nginx is not installed (apt-get install nginx-light)"
)

_SECONDS: Final = 2.0


@pytest.mark.measures
def test_refuses_nothing_and_is_used_to_90_percent() -> None:
    """Rate and burst of nginx are those of the setting; 64 in flight; 10, 100, 1,000 a second.

    On a machine that cannot send as many without a limit either, 90 % of what it can.
    """
    for limit, seen in zip(NGINX, in_own_process(_SECONDS), strict=True):
        rate = round(limit.requests / limit.per)
        assert (seen.requests, seen.refused) == (rate * _SECONDS, 0), limit
        assert seen.share >= 0.9 * min(1.0, seen.able / rate), limit


async def test_would_refuse_a_client_that_is_too_fast(tmp_path: Path) -> None:
    """A client set to a tenth more than nginx allows is refused soon."""
    with nginx(tmp_path, rate=100, burst=1) as server:
        client = client_of(server.base_url, RateLimit(6_600, 60.0, burst=4))
        sending = asyncio.create_task(saturate(client))
        async with asyncio.timeout(10.0):
            while not server.complaints():
                await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.wait([sending])
