"""A client at one moment: frozen values for dashboards and health checks."""

from collections.abc import Mapping

from attrs import frozen

from capillary_interactions._client.credential_state import CredentialState


@frozen(kw_only=True)
class _Figures:
    rate: float
    slots_left: int
    waiting: int
    in_flight: int
    cool_down: float
    retry_budget: float
    requests: int
    retries: int
    throttled: int
    shortage: str | None = None
    asked_to_wait: float = 0.0
    slowed: str | None = None
    outage: str | None = None


@frozen(kw_only=True)
class CredentialSnapshot(_Figures):
    """One credential at one moment.

    Attributes:
        rate: Requests a second it sends at; below the configured rate after throttling.
        slots_left: Requests that could be sent at once.
        waiting: Requests in its queue.
        in_flight: Requests under way.
        cool_down: Seconds for which it sends nothing.
        retry_budget: Tokens left for retries.
        requests: Requests sent so far.
        retries: Requests sent again so far.
        throttled: Requests refused for their rate so far.
        refused: Why it is disabled, or None.
        shortage: What this machine lacks (such as open files), while fewer requests are under way
            at once for it; else None.
        asked_to_wait: Seconds for which the server has asked lookups to wait before their retries;
            0 once it has answered one.
        slowed: What the server's headers say, while they lower the rate; else None.
        outage: Why the quota that it shares with other processes is out of reach, or None.
    """

    refused: str | None


@frozen(kw_only=True)
class Snapshot(_Figures):
    """A client at one moment: attributes as in `CredentialSnapshot`, of all credentials together.

    Rate and slots are those of the credentials in use; of cool-downs and of what the server has
    asked to wait, the shortest one counts.

    Attributes:
        endings: Lookups so far by how they ended ("found", "not_found", ...).
        credentials: Each credential, in the order of `ClientConfig.auth`.
    """

    endings: Mapping[str, int]
    credentials: tuple[CredentialSnapshot, ...]


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
        outage=pace.outage,
    )


def snapshot_of(pool: tuple[CredentialState, ...], endings: Mapping[str, int]) -> Snapshot:
    """The state of each credential, and their sum."""
    all_ = tuple(_credential_snapshot(credential) for credential in pool)
    used = tuple(credential for credential in all_ if credential.refused is None) or all_
    return Snapshot(
        rate=sum(credential.rate for credential in used),
        slots_left=sum(credential.slots_left for credential in used),
        waiting=sum(credential.waiting for credential in all_),
        in_flight=sum(credential.in_flight for credential in all_),
        cool_down=min(credential.cool_down for credential in used),
        retry_budget=sum(credential.retry_budget for credential in all_),
        requests=sum(credential.requests for credential in all_),
        retries=sum(credential.retries for credential in all_),
        throttled=sum(credential.throttled for credential in all_),
        endings=endings,
        credentials=all_,
        asked_to_wait=min(credential.asked_to_wait for credential in used),
        slowed=next(filter(None, (credential.slowed for credential in used)), None),
        outage=next(filter(None, (credential.outage for credential in all_)), None),
        shortage=next(filter(None, (credential.shortage for credential in all_)), None),
    )
