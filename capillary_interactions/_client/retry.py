"""Try again? After how long? A rule over plain values, and the few lines that hand it to tenacity.

Source of the figures: the standard retry mode of AWS's clients (full jitter, a bucket of 500
tokens, 14 for a fault and 5 for a throttle).
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from attrs import define, field, frozen
from tenacity import AsyncRetrying, RetryCallState

from capillary_interactions._config.limits import RetryPolicy
from capillary_interactions._errors import SettingsReason
from capillary_interactions._protocol.attempt_result import AttemptResult

COST: Final = 14
COST_THROTTLED: Final = 5
# 2 to the power of more than this is above every wait_max that makes sense.
_MOST_DOUBLINGS: Final = 30

BUDGET_SPENT: Final = "retry budget spent"


@define
class Budget:
    """Tokens for the retries of one credential, so that a dead endpoint costs a bounded number.

    Attributes:
        capacity: The most it holds, and what it begins with.
    """

    capacity: int
    left: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin full."""
        self.left = float(self.capacity)

    def spend(self, cost: int) -> bool:
        """Take tokens for a retry; False, and nothing taken, where there are too few."""
        if self.left < cost:
            return False
        self.left -= cost
        return True

    def succeeded(self, cost: int) -> None:
        """Give back for an answer: what its retries took, or 1 where it took none.

        All of them, not the last one's only: else a server that fails three in ten and answers
        everybody in the end drains the budget all the same.
        """
        self.left = min(float(self.capacity), self.left + (cost or 1))


@frozen
class Retry:
    """Try again, after `delay` seconds."""

    delay: float
    cost: int


@frozen
class GiveUp:
    """Do not try again.

    Attributes:
        reason: Why not, where that says more than the failure itself.
        retry_after: Seconds after which asking again makes sense, or None if nobody knows.
        budget_spent: Whether it is for want of tokens.
    """

    reason: str | None = None
    retry_after: float | None = None
    budget_spent: bool = False


def decide(
    policy: RetryPolicy,
    failure: AttemptResult,
    *,
    attempt: int,
    budget: Budget,
    time_left: float | None,
    dice: float,
    cool_down: float = 0.0,
) -> Retry | GiveUp:
    """Whether a failed attempt is followed by another.

    Args:
        policy: The setting.
        failure: How the attempt failed.
        attempt: Which attempt it was, counted from 1.
        budget: The credential's tokens; a retry takes its own at once, for one that still sleeps
            counts as well.
        time_left: Seconds to the caller's deadline, or None.
        dice: A draw from 0 to 1.
        cool_down: Seconds for which nothing is sent anyway.
    """
    hint = failure.retry_after
    if attempt >= policy.attempts or _is_settled(failure):
        return GiveUp(retry_after=hint)
    if hint is not None and (failure.retry_after_capped or hint > policy.retry_after_max):
        more = "more than " if failure.retry_after_capped else ""
        return GiveUp(f"the server asks to wait {more}{hint:.0f} s: {failure.reason}", hint)
    wait = delay(policy, attempt=attempt, throttled=failure.throttled, dice=dice)
    # A throttled credential's pause is the pace's: it holds for everybody, this one included.
    if hint is not None and not failure.throttled:
        wait += hint
    if time_left is not None and max(wait, cool_down) >= time_left:
        told = f"no time for another attempt before the deadline: {failure.reason}"
        return GiveUp(told, hint if hint is not None else cool_down or None)
    cost = COST_THROTTLED if failure.throttled else COST
    if not budget.spend(cost):
        # With the failure itself: it is what has to be mended.
        return GiveUp(f"{BUDGET_SPENT}: {failure.reason}", hint, budget_spent=True)
    return Retry(wait, cost)


def _is_settled(failure: AttemptResult) -> bool:
    """Whether a retry brings nothing: what was short was waited for already."""
    # A setting that no answer has come with stays as wrong; a page that wants a login may pass.
    wrong = failure.status is None and isinstance(failure.reason, SettingsReason)
    return wrong or failure.shortage


def delay(policy: RetryPolicy, *, attempt: int, throttled: bool, dice: float) -> float:
    """Full jitter: a draw from 0 to min(wait_max, initial · 2^(attempt - 1)) seconds."""
    initial = policy.throttled_initial if throttled else policy.wait_initial
    return dice * min(policy.wait_max, initial * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))


_T = TypeVar("_T")


async def run_retries(
    failed: _T,
    attempt: Callable[[], Awaitable[_T]],
    rule: Callable[[_T, int], float | None],
    sleep: Callable[[float], Awaitable[None]],
) -> _T:
    """Go on after a first attempt that failed, until the rule has had enough.

    tenacity is set up only here: on each successful call it would cost a third of the request.

    Args:
        failed: What the first attempt ended in.
        attempt: Makes another one.
        rule: From a result and its number, counted from 1, to the seconds to wait before the next
            attempt; None to stop.
        sleep: Waits; given so that tests need not.

    Returns:
        The last result.
    """
    first = [failed]

    async def replay() -> _T:
        return first.pop() if first else await attempt()

    waits: list[float | None] = []

    def again(state: RetryCallState) -> bool:
        waits.append(rule(_result(state), state.attempt_number))
        return waits[-1] is not None

    def wait(_: RetryCallState) -> float:
        return waits[-1] or 0.0

    return await AsyncRetrying(retry=again, wait=wait, sleep=sleep)(replay)


def _result(state: RetryCallState) -> _T:  # type: ignore[type-var] # tenacity keeps no type
    if state.outcome is None:  # pragma: no cover - tenacity asks only after an attempt
        raise RuntimeError("tenacity asked before an attempt")
    return state.outcome.result()  # type: ignore[no-any-return] # raises what the attempt raised
