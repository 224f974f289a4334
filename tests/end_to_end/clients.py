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

UNLIMITED: Final = RateLimit(100_000, 1.0)
"""More than any test here sends."""

THREE_ATTEMPTS: Final = RetryPolicy(
    attempts=3, wait_initial=0.0, wait_max=0.0, throttled_initial=0.0, budget=1_000_000
)
"""Three attempts, without back-off."""

MANY_ATTEMPTS: Final = RetryPolicy(
    attempts=12, wait_initial=0.01, wait_max=0.05, throttled_initial=0.01, budget=1_000_000
)
"""More attempts than random faults use up."""

PASSWORD: Final = "pass-word-91"

MOBILE: Final = "919738522695"
CUSTOMER: Final = Identifier.mobile(MOBILE)


def mobiles(count: int) -> list[Identifier]:
    """Return different customers."""
    return [Identifier.mobile(str(919_000_000_000 + number)) for number in range(count)]


def config_for(base_url: str, **settings: Any) -> ClientConfig:
    """Return settings for a server that accepts any credentials."""
    defaults: dict[str, Any] = {
        "auth": BasicAuth("till.user", PASSWORD),
        "rate": UNLIMITED,
        "retry": THREE_ATTEMPTS,
    }
    return ClientConfig(base_url, **{**defaults, **settings})


def client_for(base_url: str, **settings: Any) -> InteractionsClient:
    """Return a client of such a server."""
    return InteractionsClient(config_for(base_url, **settings))
