"""Which of several credentials sends next, and which is left out?"""

from typing import Final

from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.refusal_evidence import Pages
from capillary_interactions._errors import AuthenticationError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions.events import CredentialRefused

# So many failures in a row, and a credential is used less than those that do not fail.
_MAX_FAILURES: Final = 5
_PROBE_INITIAL: Final = 0.5
_PROBE_MAX: Final = 5.0


def _order(lane: CredentialState) -> tuple[float, int]:
    return lane.pace.delay(), lane.requests


class CredentialPool:
    """All credentials, and which of them sends next.

    Args:
        lanes: At least one.
        observers: Called when one is left out.

    Attributes:
        pages: Customers whom pages have met in place of answers, with any of the credentials.
    """

    def __init__(self, lanes: tuple[CredentialState, ...], observers: Observers) -> None:
        self.pages = Pages()
        self._all = lanes
        self._open = lanes
        self._observers = observers
        self._emitted: dict[CredentialState, tuple[str, int]] = {}

    @property
    def all(self) -> tuple[CredentialState, ...]:
        """Every credential, in the order of the setting."""
        return self._all

    @property
    def rate(self) -> float:
        """Requests a second of all credentials in use together."""
        return sum(lane.pace.rate for lane in self._open)

    @property
    def proven(self) -> bool:
        """Whether one of the credentials has had an answer since it was last refused."""
        return any(lane.answered for lane in self._all)

    @property
    def doubted(self) -> int:
        """Different customers refused since an answer, by what is not the API."""
        return 0 if self.proven else max(lane.doubt.refused for lane in self._all)

    @property
    def cool_down(self) -> float:
        """Seconds for which none of the credentials in use sends anything."""
        return min(lane.pace.state().cool_down for lane in self._open)

    def others(self, avoided: tuple[CredentialState, ...]) -> bool:
        """Whether there are credentials in use beside these."""
        return any(lane not in avoided for lane in self._open)

    def soonest(self, now: float, avoided: tuple[CredentialState, ...] = ()) -> CredentialState:
        """The credential that can send soonest, of those that are not refused.

        One whose requests fail while another's do not is tried now and then only: each lookup that
        it fails costs a retry.

        Args:
            now: The loop's time.
            avoided: Those to use only where there are no others.
        """
        if len(self._open) == 1:
            return self._open[0]
        if avoided and self.others(avoided):
            return min((lane for lane in self._open if lane not in avoided), key=_order)
        good = [lane for lane in self._open if lane.failures < _MAX_FAILURES] or self._open
        soonest = min(good, key=_order)
        if len(good) == len(self._open):
            return soonest
        for lane in self._open:
            idle = lane.pace.delay() <= soonest.pace.delay()
            if lane.failures >= _MAX_FAILURES and now >= lane.probe_at and idle:
                lane.probe_at = now + min(_PROBE_MAX, _PROBE_INITIAL * 2.0 ** min(lane.probes, 10))
                lane.probes += 1
                return lane
        return soonest

    def failed(self, lane: CredentialState) -> None:
        """A request brought no answer; once it is many, those who wait go to the others."""
        lane.failures += 1
        if lane.failures == _MAX_FAILURES and any(
            other.failures < _MAX_FAILURES for other in self._open
        ):
            lane.pace.evict_waiters()

    def payer(self, lane: CredentialState, cost: int) -> CredentialState:
        """Which credential pays for a retry: the one that failed, or the one that it goes to."""
        others = [other for other in self._open if other.failures < _MAX_FAILURES]
        if lane.budget.left >= cost or not others:
            return lane
        return max(others, key=lambda other: other.budget.left)

    def relieve(self, lane: CredentialState) -> None:
        """A credential pauses: lookups that wait for it go to the others, if there are others."""
        if len(self._open) > 1:
            lane.pace.evict_waiters()

    def refuse(self, lane: CredentialState, refusal: AttemptResult) -> None:
        """Leave a credential out.

        Raises:
            AuthenticationError: It was the last one. All are tried again from then on, for
                the credentials may be mended while the program runs.
        """
        error = AuthenticationError(refusal.reason, refusal.status, refusal.code)
        lane.refusals += 1
        # A good credential that is refused has to prove itself anew.
        lane.answered = False
        news = (refusal.reason, lane.answers)
        emit = lane.refused is None and self._emitted.get(lane) != news
        if lane.refused is None:
            lane.refused = error
            self._open = tuple(other for other in self._all if other.refused is None)
        left = len(self._open)
        if self._open:
            lane.pace.evict_waiters()
        else:
            for other in self._all:
                other.refused = None
            self._open = self._all
        if emit:
            # Once until there is an answer again, however many lookups meet it.
            self._emitted[lane] = news
            self._observers.emit(
                CredentialRefused(credential=lane.place, reason=refusal.reason, left=left)
            )
        if not left:
            raise error
