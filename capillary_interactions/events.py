"""What an observer of a client sees: `InteractionsClient(config, observers=[observe])`."""

from capillary_interactions._events import (
    AttemptBegan,
    AttemptEnded,
    BudgetSpent,
    CooledDown,
    CredentialRefused,
    Event,
    LookupBegan,
    LookupBroken,
    LookupEnded,
    Observer,
    RateChanged,
    RetryScheduled,
    Throttled,
    TokenRefreshed,
)

__all__ = [
    "AttemptBegan",
    "AttemptEnded",
    "BudgetSpent",
    "CooledDown",
    "CredentialRefused",
    "Event",
    "LookupBegan",
    "LookupBroken",
    "LookupEnded",
    "Observer",
    "RateChanged",
    "RetryScheduled",
    "Throttled",
    "TokenRefreshed",
]
