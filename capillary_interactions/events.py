"""What an observer of a client sees: `InteractionsClient(config, observers=[observe])`.

No event holds an identifier, a URL or a credential: a credential is named by its index in
`ClientConfig.auth`, counted from 0, and a lookup by a number that is unique in this process (or 0
where nothing received events when it began). Observers are plain callables.
"""

from collections.abc import Callable

from attrs import frozen

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
    "SharedQuotaLost",
    "SharedQuotaRestored",
    "Throttled",
    "TokenRefreshed",
]


@frozen(kw_only=True)
class LookupBegan:
    """A lookup was called; emitted in the task and the context of its caller.

    Attributes:
        lookup: Its number.
    """

    lookup: int


@frozen(kw_only=True)
class AttemptBegan:
    """A request is about to leave.

    Of equal lookups that share one request, it belongs to the one that was asked for first.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sends it.
        attempt: Which request of its lookup, counted from 1.
        waited: Seconds it waited for quota, a cool-down or a place.
    """

    lookup: int
    credential: int
    attempt: int
    waited: float


@frozen(kw_only=True)
class AttemptEnded:
    """A request is over; seen in the same task as its beginning.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sent it.
        attempt: Which request of its lookup, counted from 1.
        ending: "found", "not_found", "rejected", "unreadable", "denied" (the credential is
            refused), "throttled", "failed" (no answer, or one that may pass) or "cancelled".
        status: The HTTP status, or None without an answer.
        duration: Seconds from leaving to the last byte of the answer.
        request_id: The server's name for the request, or None.
        error: Without a whole answer, the name of the exception's type that says why, such as
            "ClientConnectorError", or "TimeoutError"; else None.
    """

    lookup: int
    credential: int
    attempt: int
    ending: str
    status: int | None
    duration: float
    request_id: str | None
    error: str | None = None


@frozen(kw_only=True)
class Throttled:
    """The server refused a request for its rate.

    Attributes:
        credential: Whose rate.
        retry_after: Seconds to wait as the server asked for, or None.
        cool_down: Seconds for which this credential now sends nothing.
        begins: Whether a cool-down begins with it; not for those that were under way by then.
    """

    credential: int
    retry_after: float | None
    cool_down: float
    begins: bool = True


@frozen(kw_only=True)
class CooledDown:
    """A cool-down is over; the first request after it leaves.

    Attributes:
        credential: Whose.
        rate: Requests a second it goes on with.
    """

    credential: int
    rate: float


@frozen(kw_only=True)
class RateChanged:
    """A credential sends at another rate from now on.

    Attributes:
        credential: Whose rate.
        before: Requests a second until now.
        after: Requests a second from now on; 0 while the server's headers leave none.
        reason: What the server's headers say, where they are why, or None. Emitted once,
            and again when they no longer are.
    """

    credential: int
    before: float
    after: float
    reason: str | None = None


@frozen(kw_only=True)
class RetryScheduled:
    """A failed request will be sent again.

    Attributes:
        lookup: For which lookup.
        credential: Which credential sent it.
        attempt: Which request of its page failed, counted from 1.
        delay: Seconds until it queues again.
        reason: How it failed.
        status: The HTTP status, or None without an answer.
    """

    lookup: int
    credential: int
    attempt: int
    delay: float
    reason: str
    status: int | None


@frozen(kw_only=True)
class BudgetSpent:
    """A failed request is not sent again, for too many others were, nor are those that follow.

    Emitted once, until the budget has recovered and a request has been sent again.

    Attributes:
        credential: Whose budget.
        reason: How the first such request failed.
    """

    credential: int
    reason: str


@frozen(kw_only=True)
class TokenRefreshed:
    """A new OAuth token has come.

    Attributes:
        credential: Whose.
        lifetime: Seconds for which it is valid.
    """

    credential: int
    lifetime: float


@frozen(kw_only=True)
class CredentialRefused:
    """A credential was refused and is left out from now on.

    Attributes:
        credential: Which.
        reason: What the server said.
        left: How many credentials are still in use.
    """

    credential: int
    reason: str
    left: int


@frozen(kw_only=True)
class SharedQuotaLost:
    """The quota that a credential shares with other processes is out of reach.

    Attributes:
        credential: Whose quota.
        reason: Why; holds no password.
        rate: Requests a second that this process sends meanwhile, at most; 0 where it stops.
    """

    credential: int
    reason: str
    rate: float


@frozen(kw_only=True)
class SharedQuotaRestored:
    """The quota that a credential shares with other processes is in reach again.

    Attributes:
        credential: Whose quota.
        outage: Seconds for which it was not.
    """

    credential: int
    outage: float


@frozen(kw_only=True)
class LookupEnded:
    """A lookup has its outcome.

    Attributes:
        lookup: Its number.
        ending: "found", "not_found", "rejected", "unreadable" or "unavailable".
        attempts: Requests sent for it.
        elapsed: Seconds from asking to ending.
        waited: Seconds of it spent waiting for quota or a cool-down.
    """

    lookup: int
    ending: str
    attempts: int
    elapsed: float
    waited: float


@frozen(kw_only=True)
class LookupBroken:
    """A lookup ends without an outcome: it is cancelled, or raises.

    Attributes:
        lookup: Its number.
        error: The name of the exception's type.
    """

    lookup: int
    error: str


Event = (
    LookupBegan
    | AttemptBegan
    | AttemptEnded
    | Throttled
    | CooledDown
    | RateChanged
    | RetryScheduled
    | BudgetSpent
    | TokenRefreshed
    | CredentialRefused
    | SharedQuotaLost
    | SharedQuotaRestored
    | LookupEnded
    | LookupBroken
)

Observer = Callable[[Event], None]
