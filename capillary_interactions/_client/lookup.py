"""How is one customer asked for? Retries and pages, from a query to what the lookup ends in."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from attrs import define, evolve, field, frozen

from capillary_interactions._client.attempt import Attempt, LookupState, RequestSender
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.off_loop import off_loop
from capillary_interactions._client.retry import COST, COST_THROTTLED, Retry, decide, run_retries
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.outcome import (
    Found,
    NotFound,
    Outcome,
    Rejected,
    Unavailable,
    Unreadable,
)
from capillary_interactions._model.query import Query
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._pacing.deadline import Refusal, await_unless
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.paging import (
    Pages,
    is_incomplete,
    is_many,
    next_offset,
    with_truncated,
)
from capillary_interactions._protocol.request_url import PATHS, encode_query
from capillary_interactions.events import RetryScheduled

# What the server sends where it is asked for no particular number.
USUAL_PAGE: Final = 50
# Objects and lists in the long pages of one customer, at most: a history has some thousands.
_MAX_OBJECTS: Final = 128 * 1024
# After a first page: there is no further one.
_LAST_PAGE: Final = (ResultKind.NOT_FOUND, ResultKind.REJECTED)


@define(eq=False)
class _RetryState:
    """The retries of one page: what each credential paid, and why there is no further one."""

    paid: dict[CredentialState, int] = field(factory=dict)
    exhausted: AttemptResult | None = None

    def succeeded(self, lane: CredentialState) -> None:
        """Give each credential back what it paid, for an answer that another may have had."""
        self.paid.setdefault(lane, 0)
        for payer, cost in self.paid.items():
            payer.budget.succeeded(cost)


@frozen(eq=False)
class LookupRunner:
    """Asks for customers until there is an answer or nothing more to try.

    Args:
        config: How the client behaves.
        sender: Sends one request.
        observers: See each retry.
        sleep: Waits, in seconds.
        dice: Draws from 0 to 1.
    """

    config: ClientConfig
    sender: RequestSender
    observers: Observers
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = random.random

    async def ask(self, trip: LookupState) -> AttemptResult:
        """Everything about one customer, all pages of it.

        Raises:
            AuthenticationError: Every credential is refused.
        """
        query, size = trip.query, self.config.page_size
        pages = query.limit is None and query.offset is None and self.config.api is ApiVersion.V1_1
        result = await self._page(trip, evolve(query, limit=size) if pages and size else query)
        if result.customer is None:
            return result
        if pages:
            return await self._further(trip, result, size or USUAL_PAGE)
        return _answer(result.customer, truncated=is_incomplete(result.customer))

    async def _further(self, trip: LookupState, first: AttemptResult, size: int) -> AttemptResult:
        page = first.customer
        if page is None or (offset := next_offset(page, page, 0, size)) is None:
            return first
        pages = Pages(page)
        for _ in range(self.config.max_pages - 1):
            result = await self._page(
                trip, evolve(trip.query, limit=self.config.page_size, offset=offset)
            )
            if result.kind in _LAST_PAGE:
                break
            if result.customer is None:
                return result
            page = result.customer
            if trip.objects > _MAX_OBJECTS:
                return _answer(pages.held, truncated=True)
            # In a thread, if there is much to compare.
            much = trip.objects or is_many(pages.held)
            if not (await off_loop(pages.add, page) if much else pages.add(page)):
                break
            following = next_offset(pages.held, page, offset, size)
            if following is None:
                return _answer(pages.held)
            offset = following
        else:
            return _answer(pages.held, truncated=True)
        return _answer(pages.held, truncated=is_incomplete(pages.held))

    async def _page(self, trip: LookupState, query: Query) -> AttemptResult:
        """One page: a bare first attempt, and tenacity only when that failed."""
        config = self.config
        url = f"{config.base_url}{PATHS[config.api]}?" + encode_query(
            query, config.api, source=config.source, account_id=config.account_id
        )
        lane, result = first = await self.sender.attempt(trip, url)
        if result.kind is ResultKind.UNAVAILABLE:
            return result
        if result.kind is not ResultKind.RETRYABLE:
            lane.budget.succeeded(0)
            return result
        tries = _RetryState()
        _, result = await run_retries(
            first,
            partial(self.sender.attempt, trip, url),
            partial(self._rule, trip, tries),
            partial(self._back_off, trip),
        )
        if result.kind is ResultKind.RETRYABLE:
            return tries.exhausted or evolve(result, kind=ResultKind.UNAVAILABLE)
        return result

    async def _back_off(self, trip: LookupState, seconds: float) -> None:
        """Wait before the next attempt; for a person who joins a stream's call it is over."""
        deadline, patient = trip.deadline, not trip.deadline.interactive
        end = asyncio.get_running_loop().time() + seconds
        refusal = Refusal("no time for another attempt before the deadline", seconds)

        def is_over() -> bool:
            if patient and deadline.interactive:
                return True
            deadline.refuse_before(end, refusal)
            return False

        is_over()
        await await_unless(deadline, self.sleep(seconds), is_over)

    def _rule(
        self, trip: LookupState, tries: _RetryState, attempt: Attempt, number: int
    ) -> float | None:
        """Seconds until the next attempt, or None where there is none."""
        lane, result = attempt
        if result.kind is not ResultKind.RETRYABLE:
            if result.kind is not ResultKind.UNAVAILABLE:
                tries.succeeded(lane)
            return None
        now = asyncio.get_running_loop().time()
        left = trip.deadline.remaining(now)
        payer = self.sender.lanes.payer(lane, COST_THROTTLED if result.throttled else COST)
        decision = decide(
            self.config.retry,
            result,
            attempt=number,
            budget=payer.budget,
            time_left=left,
            dice=self.dice(),
            cool_down=0.0 if left is None else self.sender.lanes.cool_down,
        )
        if isinstance(decision, Retry):
            tries.paid[payer] = tries.paid.get(payer, 0) + decision.cost
            lane.retried()
            if result.retry_after:
                lane.was_asked_to_wait(now + result.retry_after)
            self.observers.emit(
                RetryScheduled(
                    lookup=trip.lookup,
                    credential=lane.place,
                    attempt=number,
                    delay=decision.delay,
                    reason=result.reason,
                    status=result.status,
                )
            )
            return decision.delay
        if decision.budget_spent:
            lane.cannot_retry(result.reason)
        reason = decision.reason or result.reason
        tries.exhausted = AttemptResult(
            ResultKind.UNAVAILABLE, reason, result.status, retry_after=decision.retry_after
        )
        return None


def _answer(customer: CustomerInteractions, *, truncated: bool = False) -> AttemptResult:
    customer = with_truncated(customer, truncated) if truncated else customer
    return AttemptResult(ResultKind.ANSWER, customer=customer)


def to_outcome(ended: LookupState, query: Query, item: Any, elapsed: float) -> Outcome:
    """The outcome of a lookup.

    Args:
        ended: Its end state; of the shared call, where it has joined one.
        query: What was looked up.
        item: What the source yielded.
        elapsed: Seconds from the call to its end.
    """
    result = ended.result
    common: dict[str, Any] = {
        "query": query,
        "item": item,
        "attempts": ended.attempts,
        "elapsed": elapsed,
        "waited": min(ended.waited, elapsed),
        "request_id": ended.request_id,
    }
    if result.customer is not None:
        return Found(customer=result.customer, **common)
    reason, status, code = result.reason, result.status, result.code
    match result.kind:
        case ResultKind.NOT_FOUND:
            return NotFound(reason=reason, code=code, **common)
        case ResultKind.REJECTED:
            return Rejected(reason=reason, status=status, code=code, **common)
        case ResultKind.UNREADABLE:
            return Unreadable(reason=reason, path=result.path, body=result.body, **common)
        case _:
            wait = result.retry_after
            return Unavailable(reason=reason, status=status, retry_after=wait, **common)
