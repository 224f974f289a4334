"""Try again? After how long? The rule, the budget, and the hand-over to tenacity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import RetryPolicy
from capillary_interactions._client.retry import (
    BUDGET_SPENT,
    Budget,
    GiveUp,
    Retry,
    decide,
    delay,
    run_retries,
)
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from tests.tables import table

ASKED = "the server asks to wait 3700 s: busy"
FAULT = AttemptResult(ResultKind.RETRYABLE, "HTTP 500", 500)
THROTTLE = AttemptResult(ResultKind.RETRYABLE, "HTTP 429", 429, throttled=True)
POLICY = RetryPolicy()


def _hinted(seconds: float, *, throttled: bool = False) -> AttemptResult:
    return AttemptResult(
        ResultKind.RETRYABLE, "busy", 503, throttled=throttled, retry_after=seconds
    )


def _late(reason: str, retry_after: float | None = None) -> GiveUp:
    return GiveUp(f"no time for another attempt before the deadline: {reason}", retry_after)


@table(
    ("failure", "attempt", "time_left", "cool_down", "decision"),
    [
        (FAULT, 1, None, 0.0, Retry(0.25, 14)),
        (FAULT, 2, None, 0.0, Retry(0.5, 14)),
        (FAULT, 4, None, 0.0, Retry(2.0, 14)),
        (FAULT, 5, None, 0.0, GiveUp()),
        (FAULT, 6, None, 0.0, GiveUp()),
        (THROTTLE, 1, None, 0.0, Retry(0.5, 5)),
        (THROTTLE, 3, None, 0.0, Retry(2.0, 5)),
        (_hinted(10.0), 1, None, 0.0, Retry(10.25, 14)),
        (_hinted(10.0, throttled=True), 1, None, 0.0, Retry(0.5, 5)),
        (_hinted(10.0), 5, None, 0.0, GiveUp(retry_after=10.0)),
        (_hinted(3700.0), 1, None, 0.0, GiveUp(ASKED, 3700.0)),
        (FAULT, 1, 0.26, 0.0, Retry(0.25, 14)),
        (FAULT, 1, 0.25, 0.0, _late("HTTP 500")),
        (FAULT, 1, -1.0, 0.0, _late("HTTP 500")),
        (_hinted(10.0), 1, 10.0, 0.0, _late("busy", 10.0)),
        (THROTTLE, 1, 5.0, 6.0, _late("HTTP 429", 6.0)),
        (THROTTLE, 1, 7.0, 6.0, Retry(0.5, 5)),
    ],
)
def test_decides(
    failure: AttemptResult,
    attempt: int,
    time_left: float | None,
    cool_down: float,
    decision: Retry | GiveUp,
) -> None:
    """Attempts, hints, the deadline and the kind of failure, with the jitter in the middle."""
    budget = Budget(500)
    decided = decide(
        POLICY,
        failure,
        attempt=attempt,
        budget=budget,
        time_left=time_left,
        jitter=0.5,
        cool_down=cool_down,
    )
    assert decided == decision
    assert budget.tokens == 500 - (decision.cost if isinstance(decision, Retry) else 0)


def test_stops_when_the_budget_is_spent() -> None:
    """Five hundred tokens are 35 retries of faults, and then one of a throttle fits still."""
    budget = Budget(500)

    def asked(failure: AttemptResult) -> Retry | GiveUp:
        return decide(POLICY, failure, attempt=1, budget=budget, time_left=None, jitter=0.0)

    assert [asked(FAULT) for _ in range(35)] == [Retry(0.0, 14)] * 35
    spent = f"{BUDGET_SPENT}: {FAULT.reason}"
    assert asked(FAULT) == GiveUp(spent, budget_spent=True)
    assert asked(_hinted(3.0)) == GiveUp(f"{BUDGET_SPENT}: busy", 3.0, budget_spent=True)
    assert budget.tokens == 10
    assert asked(THROTTLE) == Retry(0.0, 5)


@table(("last_cost", "left"), [(0, 51), (5, 55), (14, 64), (80, 100)])
def test_gives_tokens_back_for_an_answer(last_cost: int, left: float) -> None:
    """One for a first try, what the last retry took for a later one, up to the capacity."""
    budget = Budget(100)
    assert budget.spend(50)
    budget.refund(last_cost)
    assert budget.tokens == left


@given(st.integers(0, 100), st.lists(st.sampled_from([14, 5, 0, -5, -14]), max_size=200))
def test_is_never_owed_and_never_made_up(capacity: int, steps: list[int]) -> None:
    """Whatever is spent and given back, the budget keeps its bounds."""
    budget = Budget(capacity)
    for step in steps:
        before = budget.tokens
        if step <= 0:
            budget.refund(-step)
        else:
            assert budget.spend(step) is (before >= step)
            assert budget.tokens in (before, before - step)
        assert 0 <= budget.tokens <= capacity


@given(
    st.floats(0, 30),
    st.floats(0, 30),
    st.integers(1, 10_000),
    st.floats(0, 1),
    st.booleans(),
)
def test_draws_from_nothing_to_the_doubled_wait(
    initial: float, most: float, attempt: int, jitter: float, throttled: bool
) -> None:
    """Full jitter: from 0 to min(wait_max, initial · 2^i), and the whole of it is used."""
    initial = min(initial, most)
    policy = RetryPolicy(
        wait_initial=initial if not throttled else 0.0,
        throttled_initial=initial if throttled else 0.0,
        wait_max=most,
    )
    ceiling = min(most, initial * 2.0 ** min(attempt - 1, 30))

    def drawn(jitter: float) -> float:
        return delay(policy, attempt=attempt, throttled=throttled, jitter=jitter)

    assert 0 <= drawn(jitter) <= ceiling
    assert (drawn(0.0), drawn(1.0)) == (0.0, ceiling)


async def _retried(results: list[str], waits: list[float | None]) -> tuple[str, list[object]]:
    calls: list[object] = []
    left, slept = iter(results), iter(waits)

    async def attempt() -> str:
        result = next(left)
        calls.append(result)
        return result

    async def sleep(seconds: float) -> None:
        calls.append(seconds)

    def rule(result: str, number: int) -> float | None:
        calls.append((result, number))
        return next(slept)

    return await run_retries("first", attempt, rule, sleep), calls


async def test_goes_on_until_the_rule_has_had_enough() -> None:
    """The failed first attempt is judged, not made again; each wait is slept before the next."""
    last, calls = await _retried(["second", "third"], [0.5, 2.0, None])
    assert last == "third"
    assert calls == [
        ("first", 1),
        0.5,
        "second",
        ("second", 2),
        2.0,
        "third",
        ("third", 3),
    ]


async def test_makes_no_attempt_where_the_rule_has_enough_at_once() -> None:
    """The first result is the last."""
    assert await _retried([], [None]) == ("first", [("first", 1)])


async def test_lets_an_error_of_an_attempt_out_bare() -> None:
    """What an attempt raises ends the retries as it is."""

    async def attempt() -> str:
        raise LookupError("bare")

    async def sleep(_: float) -> None:
        pass

    with pytest.raises(LookupError, match="bare"):
        await run_retries("first", attempt, lambda _, __: 0.0, sleep)
