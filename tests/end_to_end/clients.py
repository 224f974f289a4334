"""Settings that the tests here share: no real quota, and retries that do not wait."""

from typing import Any, Final

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    RateLimit,
    RetryPolicy,
)

FREE: Final = RateLimit(100_000, 1.0)
"""More than any test here sends."""

HASTY: Final = RetryPolicy(
    attempts=3, wait_initial=0.0, wait_max=0.0, throttled_initial=0.0, budget=1_000_000
)
"""Three attempts, one at the heels of the other."""

PATIENT: Final = RetryPolicy(
    attempts=12, wait_initial=0.01, wait_max=0.05, throttled_initial=0.01, budget=1_000_000
)
"""So many attempts that dice cannot spend them all."""

PASSWORD: Final = "pass-word-91"

MOBILE: Final = "919738522695"
CUSTOMER: Final = Identifier.mobile(MOBILE)


def mobiles(count: int) -> list[Identifier]:
    """So many customers."""
    return [Identifier.mobile(str(919_000_000_000 + number)) for number in range(count)]


def client_for(base_url: str, **settings: Any) -> InteractionsClient:
    """A client of a server that asks no questions."""
    usual: dict[str, Any] = {
        "auth": BasicAuth("till.user", PASSWORD),
        "rate": FREE,
        "retry": HASTY,
    }
    return InteractionsClient(ClientConfig(base_url, **{**usual, **settings}))
