"""Which of several credentials sends next, and which is disabled?"""

import logging
import os
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from capillary_interactions._client.credential_state import Closing, CredentialState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.refusal_evidence import ProxyPages
from capillary_interactions._client.refused_settings import RefusedSettings
from capillary_interactions._client.retry import Budget
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.clusters import other_hosts
from capillary_interactions._config.limits import RetryPolicy
from capillary_interactions._errors import AuthenticationError, ConfigurationError
from capillary_interactions._http.auth import build_auth
from capillary_interactions._http.route import build_route, unused_settings
from capillary_interactions._http.session_pool import SessionPool
from capillary_interactions._http.transport import CheckedTransport, ForeignTransport, Transport
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import Pace, complete_pace
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions.events import CredentialRefused, TokenRefreshed

if TYPE_CHECKING:
    from aiohttp import ClientSession

_LOGGER: Final = logging.getLogger("capillary_interactions")

# After as many failures in a row a credential is used less than those that do not fail.
_MAX_FAILURES: Final = 5
_PROBE_INITIAL: Final = 0.5
_PROBE_MAX: Final = 5.0


def _order(credential: CredentialState) -> tuple[float, int]:
    return credential.pace.delay(), credential.requests


class CredentialPool:
    """All credentials, and which of them sends next.

    Args:
        credentials: Every credential.
        observers: Where events go.
        advice: What to look at where they are all refused.

    Attributes:
        pages: Customers for whom pages came in place of answers, with any of the credentials.
        refused_settings: Customers for whom the API has refused a setting, likewise.
        all: Every credential, in the order of the setting.
        usable: Those that are not disabled.
    """

    def __init__(
        self, credentials: tuple[CredentialState, ...], observers: Observers, advice: str = ""
    ) -> None:
        self.pages = ProxyPages()
        self.refused_settings = RefusedSettings()
        self.all = self.usable = credentials
        self._observers = observers
        self._advice = advice
        self._emitted: dict[CredentialState, tuple[str, int]] = {}

    @property
    def rate(self) -> float:
        """Requests a second of all usable credentials together."""
        return sum(credential.pace.rate for credential in self.usable)

    @property
    def proven(self) -> bool:
        """Whether one of the credentials has had an answer since it was last refused."""
        return any(credential.answered for credential in self.all)

    @property
    def doubted(self) -> int:
        """Different customers refused since an answer, by what is not the API."""
        if self.proven:
            return 0
        return max(len(credential.evidence.refused) for credential in self.all)

    @property
    def cool_down(self) -> float:
        """Seconds for which none of the usable credentials sends anything."""
        return min(credential.pace.state().cool_down for credential in self.usable)

    def closing(self) -> tuple[Closing, ...]:
        """What is to be called when its credentials are used no more."""
        paces = (credential.close_pace for credential in self.all)
        return (*filter(None, paces), *(credential.auth.aclose for credential in self.all))

    def has_others(self, avoided: tuple[CredentialState, ...]) -> bool:
        """Whether there are usable credentials beside these."""
        return any(credential not in avoided for credential in self.usable)

    def next_available(
        self, now: float, avoided: tuple[CredentialState, ...] = ()
    ) -> CredentialState:
        """The usable credential that can send soonest.

        One whose requests fail while another's do not is only probed now and then: each lookup that
        it fails costs a retry. Those to avoid are used only if there are no others.
        """
        usable = self.usable
        if len(usable) == 1:
            return usable[0]
        if avoided and self.has_others(avoided):
            return min((other for other in usable if other not in avoided), key=_order)
        healthy = [other for other in usable if other.failures < _MAX_FAILURES] or usable
        soonest = min(healthy, key=_order)
        if len(healthy) == len(usable):
            return soonest
        for failing in usable:
            idle = failing.pace.delay() <= soonest.pace.delay()
            if failing.failures >= _MAX_FAILURES and now >= failing.probe_at and idle:
                wait = min(_PROBE_MAX, _PROBE_INITIAL * 2.0 ** min(failing.probes, 10))
                failing.probe_at = now + wait
                failing.probes += 1
                return failing
        return soonest

    def on_failure(self, credential: CredentialState) -> None:
        """A request had no answer; after several, the waiters go to the other credentials."""
        credential.failures += 1
        if credential.failures == _MAX_FAILURES and any(
            other.failures < _MAX_FAILURES for other in self.usable
        ):
            credential.pace.evict_waiters()

    def retry_payer(self, credential: CredentialState, cost: int) -> CredentialState:
        """The credential that pays for a retry: the one that failed, or the one that sends it."""
        others = [other for other in self.usable if other.failures < _MAX_FAILURES]
        if credential.budget.tokens >= cost or not others:
            return credential
        return max(others, key=lambda other: other.budget.tokens)

    def reroute_waiters(self, credential: CredentialState) -> None:
        """Send the waiters of a cooling-down credential to the others, if any."""
        if len(self.usable) > 1:
            credential.pace.evict_waiters()

    def disable(self, credential: CredentialState, refusal: AttemptResult) -> None:
        """Leave a credential out.

        Raises:
            AuthenticationError: It was the last one. All are tried again from then on, as the
                credentials may be corrected while the program runs.
        """
        error = AuthenticationError(refusal.reason, refusal.status, refusal.code, self._advice)
        credential.refusals += 1
        # A good credential that is refused has to prove itself anew.
        credential.answered = False
        state = (refusal.reason, credential.answers)
        emit = credential.refused is None and self._emitted.get(credential) != state
        if credential.refused is None:
            credential.refused = error
            self.usable = tuple(other for other in self.all if other.refused is None)
        left = len(self.usable)
        if left:
            credential.pace.evict_waiters()
        else:
            for other in self.all:
                other.refused = None
            self.usable = self.all
        if emit:
            # Once until there is an answer again, however many lookups it fails.
            self._emitted[credential] = state
            self._observers.emit(
                CredentialRefused(credential=credential.index, reason=refusal.reason, left=left)
            )
        if not left:
            raise error


def max_pause(retry: RetryPolicy) -> float:
    """Seconds that a server's Retry-After is believed at most: an hour, or what a lookup waits.

    No less than an hour: else lookups that do not wait would send again before they may.
    No more: the header may be wrong, and one request an hour shows when it is.
    """
    return max(LONGEST, retry.retry_after_max)


def build_transport(
    config: ClientConfig, given: "Transport | ClientSession | None"
) -> CheckedTransport:
    """The caller's transport, or a pool of sessions: the caller's one, or its own.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be one.
    """
    if given is not None and (unused := unused_settings(config, os.environ, given)):
        _LOGGER.warning("%s", unused)
    if given is not None and hasattr(given, "send"):
        return ForeignTransport(cast("Transport", given))
    return SessionPool(
        connections=config.in_flight,
        attempt=config.timeouts.attempt,
        connect=config.timeouts.connect,
        max_body=config.max_body,
        session=given,
        route=build_route(config, os.environ, borrowed=given is not None),
    )


def build_credential_pool(
    config: ClientConfig, transport: CheckedTransport, pace: Pace | None, observers: Observers
) -> CredentialPool:
    """The credentials of the settings, with the caller's pace or each with one of its own.

    Raises:
        ConfigurationError: The quota cannot be shared as the settings ask for.
    """
    if pace is not None and config.shared is not None:
        raise ConfigurationError(
            "shared and pace contradict each other: a pace of your own keeps the quota by itself, "
            "so leave out one of them"
        )
    indices = range(len(config.credentials))
    return CredentialPool(
        tuple(_build_state(config, index, transport, pace, observers) for index in indices),
        observers,
        other_hosts(urlsplit(config.base_url).hostname or ""),
    )


def _build_state(
    config: ClientConfig,
    index: int,
    transport: CheckedTransport,
    pace: Pace | None,
    observers: Observers,
) -> CredentialState:
    retry = config.retry
    auth = build_auth(
        config.credentials[index],
        index=index,
        base_url=config.base_url,
        extra_headers=config.headers,
        transport=transport,
        attempt_timeout=config.timeouts.attempt,
        on_refreshed=lambda lifetime: observers.emit(
            TokenRefreshed(credential=index, lifetime=lifetime)
        ),
    )
    close_pace = None
    if config.shared is not None:
        from capillary_interactions._client.shared_pace import build_shared_pace  # noqa: PLC0415 - seldom needed

        pace = build_shared_pace(config, index, max_pause(retry), observers)
        close_pace = pace.close
    elif pace is None:
        pace = LocalPace(config.rate, config.in_flight, max_pause(retry))
    budget, completed = Budget(retry.budget), complete_pace(pace)
    return CredentialState(index, auth, completed, budget, observers, close_pace=close_pace)
