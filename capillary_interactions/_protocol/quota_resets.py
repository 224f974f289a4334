"""What do the resets of a quota mean, seen over several answers?

One answer does not say whether `30000` is seconds or milliseconds, nor whether a reset is the end
of a window or only its length, as configurations of HAProxy send it. Each next answer does: seconds
come nearer by one a second, milliseconds by a thousand, and a length stands still.
"""

from collections.abc import Iterable
from typing import Final

from attrs import define, evolve, field

from capillary_interactions._protocol.quota_headers import QuotaPolicy
from capillary_interactions._protocol.timestamps import LONGEST

_MAX_QUOTAS: Final = 16
# A single answer's seconds are taken as such up to the longest wait that is believed.
_DOUBTFUL: Final = LONGEST
# But not if they allow a hundredth of our setting: that is off by less, milliseconds by a thousand.
_MIN_DOUBTFUL: Final = 100.0
_FAR_LESS: Final = 0.01
_MILLI: Final = 0.001
# Two answers at one moment cannot be compared; those this many seconds apart can.
_APART: Final = 0.05
_LONG_APART: Final = 5.0
# A thousand milliseconds a second, by which a reset comes nearer; but an answer may be late.
_MIN_MILLISECONDS: Final = 500.0
# Whole seconds stand still for one; a moment is read by a Date of whole seconds, too.
_LATE: Final = 0.5
_TOLERANCE: Final = 0.05
# A quota of as much as our rate takes is one that it keeps to.
_NEARLY: Final = 0.999
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


@define
class _Seen:
    """What is known of one quota from the answers so far.

    Attributes:
        reset: Of the answer that later ones are compared with, as it was written.
        at: When that answer came.
        still: A reset that has not changed since `still_since` but for its rounding.
        milliseconds: Whether they are; None while that is not known.
        most: The most that was left.
    """

    reset: float
    at: float
    still: float
    still_since: float
    most: float
    milliseconds: bool | None = None


@define
class Resets:
    """Reads each quota of an answer with what is known from the answers before."""

    _seen: dict[tuple[int, float | None], _Seen] = field(factory=dict, init=False)

    def read(self, quotas: Iterable[QuotaPolicy], rate: float, now: float) -> list[QuotaPolicy]:
        """The quotas that may slow a client down, with their resets in seconds.

        Left out are those whose window slides and allows our rate: of such a window little is left
        all the time, and there is more at each moment.
        """
        read = (self._read(index, policy, rate, now) for index, policy in enumerate(quotas))
        return [policy for policy in read if policy is not None]

    def _read(self, index: int, policy: QuotaPolicy, rate: float, now: float) -> QuotaPolicy | None:
        seen = self._known((index, policy.limit), policy, now)
        seen.most = max(seen.most, policy.remaining)
        _compare(seen, policy, now)
        unit = _unit(seen, policy, rate)
        limit = seen.most + 1 if policy.limit is None else policy.limit
        slides = policy.window is None and _stands_still(seen, policy, now)
        if slides and limit >= _NEARLY * rate * policy.reset * unit:
            return None
        return evolve(policy, reset=policy.reset * unit)

    def _known(self, key: tuple[int, float | None], policy: QuotaPolicy, now: float) -> _Seen:
        seen = self._seen.get(key)
        if seen is None or now < seen.at:
            if len(self._seen) >= _MAX_QUOTAS:
                self._seen.clear()
            seen = _Seen(policy.reset, now, policy.reset, now, policy.remaining)
            self._seen[key] = seen
        return seen


def _compare(seen: _Seen, policy: QuotaPolicy, now: float) -> None:
    """Learn the unit, and whether the reset stands still."""
    if abs(policy.reset - seen.still) > _unchanged(policy):
        seen.still, seen.still_since = policy.reset, now
    nearer, since = seen.reset - policy.reset, now - seen.at
    if nearer < 0:
        seen.reset, seen.at = policy.reset, now
    elif since >= _APART and nearer >= _MIN_MILLISECONDS * since:
        seen.milliseconds = True
    elif since >= _sure(seen) and nearer > 0 and abs(nearer - since) <= policy.rounded + _LATE:
        seen.milliseconds = False
    elif seen.milliseconds is None and _stands_still(seen, policy, now):
        seen.milliseconds = _written_in_milliseconds(policy.reset)


def _unit(seen: _Seen, policy: QuotaPolicy, rate: float) -> float:
    """Seconds of the reset's unit; of two that are possible, the one that costs less."""
    if policy.rounded > 1 or policy.reset <= (policy.window or 0.0) + policy.rounded:
        return 1.0  # It was a moment, or is within its window.
    doubtful = seen.milliseconds is None and _is_doubtful(policy, rate)
    return _MILLI if seen.milliseconds or doubtful else 1.0


def _is_doubtful(policy: QuotaPolicy, rate: float) -> bool:
    """Whether one answer alone is no reason to believe that its reset is in seconds."""
    far_less = policy.limit is not None and policy.limit < _FAR_LESS * rate * policy.reset
    return policy.reset > _DOUBTFUL or (policy.reset > _MIN_DOUBTFUL and far_less)


def _sure(seen: _Seen) -> float:
    """After how many seconds a reset that hardly comes nearer is one in seconds.

    In milliseconds, that of a moving window hardly does now and then.
    """
    return _LONG_APART if seen.milliseconds else 1.0


def _stands_still(seen: _Seen, policy: QuotaPolicy, now: float) -> bool:
    return now - seen.still_since > policy.rounded + _unchanged(policy) + _LATE


def _unchanged(policy: QuotaPolicy) -> float:
    """By how much a reset that stands still may differ: a moment is read by a rounded Date."""
    return policy.rounded - 1.0 + _TOLERANCE


def _written_in_milliseconds(reset: float) -> bool:
    """Whether a window's length is none that is customary in seconds, but one in milliseconds."""
    in_hours = reset % _HOUR == 0 and reset <= _DAY
    return reset > 0 and reset % 1000 == 0 and not in_hours and reset % _DAY != 0
