"""When is a failed attempt repeated? A rule over plain values, and its binding to tenacity.

Source of the figures: the standard retry mode of AWS's clients (full jitter, a bucket of 500
tokens, 14 for a fault and 5 for a throttled request).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from attrs import Factory, define, field, frozen
from tenacity import AsyncRetrying, RetryCallState

from capillary_interactions._config.limits import RetryPolicy
from capillary_interactions._errors import SettingsReason
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._protocol.attempt_result import AttemptResult

COST: Final = 14
COST_THROTTLED: Final = 5
# 2 to the power of more than this is above every wait_max that makes sense.
_MAX_DOUBLINGS: Final = 30
# Old connections that one attempt may meet; more than that is a failure like any other.
_MAX_STALE_RESENDS: Final = 8
# While this machine runs short, one attempt waits about a minute in all: 0.05 s doubling to 1 s.
MAX_SHORTAGES: Final = 64
_INITIAL_SHORTAGE_WAIT: Final = 0.05
_MAX_SHORTAGE_WAIT: Final = 1.0

BUDGET_SPENT: Final = "retry budget spent"


@define
class Budget:
    """Tokens for the retries of one credential, so that a dead endpoint costs a bounded number."""

    capacity: int
    tokens: float = field(
        default=Factory(lambda self: float(self.capacity), takes_self=True), init=False
    )

    def spend(self, cost: int) -> bool:
        """Take tokens for a retry; False, and nothing taken, if there are too few."""
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def refund(self, cost: int) -> None:
        """Give back for an answer: what its retries took, or 1 if it had none.

        All of them, not only the last one's: else a server that fails three in ten and answers
        every lookup in the end drains the budget all the same.
        """
        self.tokens = min(float(self.capacity), self.tokens + (cost or 1))


@frozen
class Retry:
    """Try again, after `delay` seconds."""

    delay: float
    cost: int


@frozen
class GiveUp:
    """Do not try again; the reason is for where there is more to say than the failure itself."""

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
    jitter: float,
    cool_down: float = 0.0,
) -> Retry | GiveUp:
    """Whether a failed attempt is followed by another.

    A retry takes its tokens from the budget at once: one that still waits counts as well. While
    there is a cool-down, nothing is sent anyway.
    """
    hint = failure.retry_after
    if attempt >= policy.attempts or _is_settled(failure):
        return GiveUp(retry_after=hint)
    if hint is not None and (failure.retry_after_capped or hint > policy.retry_after_max):
        more = "more than " if failure.retry_after_capped else ""
        return GiveUp(f"the server asks to wait {more}{hint:.0f} s: {failure.reason}", hint)
    wait = delay(policy, attempt=attempt, throttled=failure.throttled, jitter=jitter)
    # The cool-down of a throttled credential is the pace's: it holds for every request.
    if hint is not None and not failure.throttled:
        wait += hint
    if time_left is not None and max(wait, cool_down) >= time_left:
        reason = f"no time for another attempt before the deadline: {failure.reason}"
        return GiveUp(reason, hint if hint is not None else cool_down or None)
    cost = COST_THROTTLED if failure.throttled else COST
    if not budget.spend(cost):
        # With the failure itself: it is what has to be mended.
        return GiveUp(f"{BUDGET_SPENT}: {failure.reason}", hint, budget_spent=True)
    return Retry(wait, cost)


def _is_settled(failure: AttemptResult) -> bool:
    """Whether a retry cannot help: it has waited already for what this machine lacks."""
    # A wrong setting stays wrong where no answer came; a page that wants a login may pass.
    wrong = failure.status is None and isinstance(failure.reason, SettingsReason)
    return wrong or failure.shortage


def delay(policy: RetryPolicy, *, attempt: int, throttled: bool, jitter: float) -> float:
    """Full jitter: a draw from 0 to min(wait_max, initial · 2^(attempt - 1)) seconds."""
    initial = policy.throttled_initial if throttled else policy.wait_initial
    return jitter * min(policy.wait_max, initial * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))


async def may_resend(deadline: Deadline, result: AttemptResult, resends: int) -> bool:
    """Whether an attempt continues after a request that has not reached the server."""
    if result.stale:
        # Only an old connection is at fault: sent again at once, paced and counted.
        return resends < _MAX_STALE_RESENDS
    return result.shortage and resends < MAX_SHORTAGES and await _wait_out(deadline, resends)


async def _wait_out(deadline: Deadline, resends: int) -> bool:
    """Wait until this machine may have what it lacked; False if there is no time for it."""
    wait = min(_MAX_SHORTAGE_WAIT, _INITIAL_SHORTAGE_WAIT * 2.0 ** min(resends, 10))
    remaining = deadline.remaining(asyncio.get_running_loop().time())
    if remaining is not None and remaining <= wait:
        return False
    await asyncio.sleep(wait)
    return True


_T = TypeVar("_T")


async def run_retries(
    failed: _T,
    attempt: Callable[[], Awaitable[_T]],
    next_delay: Callable[[_T, int], float | None],
    sleep: Callable[[float], Awaitable[None]],
) -> _T:
    """Repeat a failed first attempt until `next_delay`, given the number of a result, returns None.

    tenacity is set up only here: on each successful call it would cost a third of the request.
    """
    first = [failed]

    async def replay() -> _T:
        return first.pop() if first else await attempt()

    waits: list[float | None] = []

    def again(state: RetryCallState) -> bool:
        waits.append(next_delay(_result(state), state.attempt_number))
        return waits[-1] is not None

    def wait(_: RetryCallState) -> float:
        return waits[-1] or 0.0

    return await AsyncRetrying(retry=again, wait=wait, sleep=sleep)(replay)


def _result(state: RetryCallState) -> _T:  # type: ignore[type-var] # tenacity keeps no type
    if state.outcome is None:  # pragma: no cover - tenacity asks only after an attempt
        raise RuntimeError("tenacity asked before an attempt")
    return state.outcome.result()  # type: ignore[no-any-return] # raises what the attempt raised
