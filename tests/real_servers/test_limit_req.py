"""The promise at nginx's limit_req: nothing is refused, and hardly anything is wasted."""

from pathlib import Path
from typing import Final

import pytest

from benchmarks._nginx_trial import NGINX, in_own_process, through_nginx
from benchmarks.servers.nginx import binary, nginx
from capillary_interactions import RateLimit

pytestmark = pytest.mark.skipif(
    binary() is None, reason="nginx is not installed (apt-get install nginx-light)"
)

_SECONDS: Final = 2.0


@pytest.mark.measures
@pytest.mark.parametrize("limit", NGINX, ids=str)
def test_refuses_nothing_and_is_used_to_97_percent(limit: RateLimit) -> None:
    """Rate and burst of nginx are those of the setting; 64 in flight; 10, 100, 1,000 a second.

    On a machine that cannot send as many without a limit either, 97 % of what it can.
    """
    rate = round(limit.requests / limit.per)
    seen = in_own_process(limit, _SECONDS)
    assert (seen.requests, seen.refused) == (rate * _SECONDS, 0)
    assert seen.share >= 0.97 * min(1.0, seen.able / rate)


async def test_would_refuse_a_client_that_is_too_fast(tmp_path: Path) -> None:
    """A client set to a tenth more than nginx allows is refused soon."""
    with nginx(tmp_path, rate=100, burst=1) as server:
        _, refused, _ = await through_nginx(server, RateLimit(6_600, 60.0, burst=4), 0.3)
    assert refused >= 1
