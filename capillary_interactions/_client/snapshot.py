"""What does a client look like at one moment? Frozen values for dashboards and health checks."""

from collections.abc import Mapping

from attrs import frozen

from capillary_interactions._client.credential_state import CredentialState


@frozen(kw_only=True)
class CredentialSnapshot:
    """One credential at one moment.

    Attributes:
        rate: Requests a second it sends at; below the configured rate after throttling.
        slots_left: Requests that could leave at once.
        waiting: Requests in its queue.
        in_flight: Requests under way.
        cool_down: Seconds for which it sends nothing.
        retry_budget: Tokens left for retries.
        requests: Requests sent so far.
        retries: Requests sent again so far.
        throttled: Requests refused for their rate so far.
        refused: Why it is left out, or None.
        shortage: What this machine lacks, while fewer requests are under way at once for it.
        asked_to_wait: Seconds for which the server has asked lookups to wait before their retries;
            0 once it has answered one.
        slowed: What the server's headers say, while they lower the rate; else None.
    """

    rate: float
    slots_left: int
    waiting: int
    in_flight: int
    cool_down: float
    retry_budget: float
    requests: int
    retries: int
    throttled: int
    refused: str | None
    shortage: str | None = None
    asked_to_wait: float = 0.0
    slowed: str | None = None


@frozen(kw_only=True)
class Snapshot:
    """A client at one moment: the sum of its credentials.

    Attributes:
        rate: Requests a second that all credentials in use send at together.
        slots_left: Requests that could leave at once.
        waiting: Requests in a queue.
        in_flight: Requests under way.
        cool_down: Seconds for which nothing at all is sent: the shortest of the credentials'.
        retry_budget: Tokens left for retries.
        requests: Requests sent so far.
        retries: Requests sent again so far.
        throttled: Requests refused for their rate so far.
        endings: Lookups so far by how they ended ("found", "not_found", ...).
        credentials: Each credential, in the order of `ClientConfig.auth`.
        shortage: What this machine lacks (such as open files), while fewer requests are under way
            at once for it; else None.
        asked_to_wait: Seconds for which the server has asked lookups to wait before their retries,
            the shortest of the credentials'; 0 once it has answered one.
        slowed: What the server's headers say, while they lower a credential's rate; else None.
    """

    rate: float
    slots_left: int
    waiting: int
    in_flight: int
    cool_down: float
    retry_budget: float
    requests: int
    retries: int
    throttled: int
    endings: Mapping[str, int]
    credentials: tuple[CredentialSnapshot, ...]
    shortage: str | None = None
    asked_to_wait: float = 0.0
    slowed: str | None = None


def _credential_snapshot(credential: CredentialState) -> CredentialSnapshot:
    pace = credential.pace.state()
    return CredentialSnapshot(
        rate=pace.rate,
        slots_left=pace.slots_left,
        waiting=pace.waiting,
        in_flight=pace.in_flight,
        cool_down=pace.cool_down,
        retry_budget=credential.budget.tokens,
        requests=credential.requests,
        retries=credential.retries,
        throttled=credential.throttled,
        refused=None if credential.refused is None else credential.refused.reason,
        shortage=credential.shortage,
        asked_to_wait=credential.asked_to_wait,
        slowed=credential.server_limits.reason,
    )


def snapshot_of(pool: tuple[CredentialState, ...], endings: Mapping[str, int]) -> Snapshot:
    """The credentials' states, and their sum."""
    each = tuple(_credential_snapshot(credential) for credential in pool)
    used = tuple(one for one in each if one.refused is None) or each
    return Snapshot(
        rate=sum(one.rate for one in used),
        slots_left=sum(one.slots_left for one in used),
        waiting=sum(one.waiting for one in each),
        in_flight=sum(one.in_flight for one in each),
        cool_down=min(one.cool_down for one in used),
        retry_budget=sum(one.retry_budget for one in each),
        requests=sum(one.requests for one in each),
        retries=sum(one.retries for one in each),
        throttled=sum(one.throttled for one in each),
        endings=endings,
        credentials=each,
        asked_to_wait=min(one.asked_to_wait for one in used),
        slowed=next((one.slowed for one in used if one.slowed is not None), None),
        shortage=next((one.shortage for one in each if one.shortage is not None), None),
    )
