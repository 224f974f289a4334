"""Of which parts is a client made? Its transport, and a lane for each of its credentials."""

from typing import TYPE_CHECKING, cast

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.retry import Budget
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RetryPolicy
from capillary_interactions._http.auth import build_auth
from capillary_interactions._http.session_pool import SessionPool
from capillary_interactions._http.transport import CheckedTransport, ForeignTransport, Transport
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import Pace, complete_pace
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions.events import TokenRefreshed

if TYPE_CHECKING:
    from aiohttp import ClientSession


def max_pause(retry: RetryPolicy) -> float:
    """Seconds that a server's word on a pause is believed at most: an hour, or what a lookup waits.

    No less than an hour: else those whose lookups wait for nothing would ask again before they may.
    No more: the word may be wrong, and asking once an hour shows when it is.
    """
    return max(LONGEST, retry.retry_after_max)


def build_transport(
    config: ClientConfig, given: "Transport | ClientSession | None"
) -> CheckedTransport:
    """What gets requests to the API: what is given, or a pool of sessions.

    Args:
        config: How the client behaves.
        given: A transport, or a session of the caller's.
    """
    if given is not None and hasattr(given, "send"):
        return ForeignTransport(cast("Transport", given))
    return SessionPool(
        connections=config.in_flight,
        attempt=config.timeouts.attempt,
        connect=config.timeouts.connect,
        max_body=config.max_body,
        session=given,
    )


def build_credential_pool(
    config: ClientConfig, transport: CheckedTransport, pace: Pace | None, observers: Observers
) -> CredentialPool:
    """A lane for each credential.

    Args:
        config: How the client behaves.
        transport: Fetches tokens.
        pace: Shared by all of them, or None for one of its own for each.
        observers: See what befalls a credential.
    """
    places = range(len(config.credentials))
    return CredentialPool(
        tuple(_lane(config, place, transport, pace, observers) for place in places), observers
    )


def _lane(
    config: ClientConfig,
    place: int,
    transport: CheckedTransport,
    pace: Pace | None,
    observers: Observers,
) -> CredentialState:
    retry = config.retry
    auth = build_auth(
        config.credentials[place],
        index=place,
        base_url=config.base_url,
        extra_headers=config.headers,
        transport=transport,
        attempt_timeout=config.timeouts.attempt,
        on_refreshed=lambda lifetime: observers.emit(
            TokenRefreshed(credential=place, lifetime=lifetime)
        ),
    )
    if pace is None:
        pace = LocalPace(config.rate, config.in_flight, max_pause(retry))
    return CredentialState(place, auth, complete_pace(pace), Budget(retry.budget), observers)
