"""One lookup, from its query to its outcome: retries and pages."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Self

from attrs import define, evolve, field, frozen

from capillary_interactions._client.attempt import RequestSender
from capillary_interactions._client.credential_pool import max_pause
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.lookup_state import LookupState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.off_loop import off_loop
from capillary_interactions._client.own_headers import own_headers
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
from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._pacing.deadline import Refusal, await_unless
from capillary_interactions._protocol.attempt_result import AttemptResult, answer_result
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

# The server's, if a request names no limit.
DEFAULT_PAGE_SIZE: Final = 50
# Objects and lists in the long pages of one customer, at most: a history has some thousands.
_MAX_OBJECTS: Final = 128 * 1024
# After a first page: there is no further one.
_NO_FURTHER_PAGE: Final = (ResultKind.NOT_FOUND, ResultKind.REJECTED)


# Up to Python 3.11 an enum computes each access to a member: a third of a microsecond.
_RETRYABLE: Final = ResultKind.RETRYABLE
_V1_1: Final = ApiVersion.V1_1


@define(eq=False)
class _RetryState:
    """The retries of one page: what each credential paid, and why there is no further one."""

    paid: dict[CredentialState, int] = field(factory=dict)
    exhausted: AttemptResult | None = None

    def refund(self, credential: CredentialState) -> None:
        """Give each credential back what it paid, for an answer that another may have had."""
        self.paid.setdefault(credential, 0)
        for payer, cost in self.paid.items():
            payer.budget.refund(cost)


@frozen(eq=False)
class LookupRunner:
    """Runs lookups until there is an answer or no further attempt."""

    config: ClientConfig
    sender: RequestSender
    observers: Observers
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    def with_config(self, config: ClientConfig, headers: Mapping[str, str]) -> Self:
        """Runs the lookups of a view, whose requests have these headers, too."""
        exchange = self.sender.exchange
        hook = None if exchange.own_headers is None else exchange.own_headers.hook
        exchange = evolve(
            exchange,
            attempt_timeout=config.timeouts.attempt,
            max_pause=max_pause(config.retry),
            own_headers=own_headers(headers, hook),
        )
        return evolve(self, config=config, sender=evolve(self.sender, exchange=exchange))

    def url(self, query: Query) -> str:
        """Where a query is sent, as `sent_query` returns it."""
        config = self.config
        source, account_id = config.source, config.account_id
        encoded = encode_query(query, config.api, source=source, account_id=account_id)
        return f"{config.base_url}{PATHS[config.api]}?{encoded}"

    async def run(self, state: LookupState) -> LookupState:
        """Fetch all pages of one customer, and return the state with its result.

        Raises:
            AuthenticationError: Every credential is refused.
        """
        query, size = state.query, self.config.page_size
        pages = query.limit is None and query.offset is None and self.config.api is _V1_1
        url = self.url(evolve(query, limit=size)) if pages and size else state.url
        result = await self._fetch_page(state, url)
        page = result.customer
        if page is None:
            if not result.from_api:
                self.sender.pool.pages.record(query.identifier, result, state.request_number)
        elif not pages:
            result = _answer(page, truncated=True) if is_incomplete(page) else result
        elif not _is_whole(page, size or DEFAULT_PAGE_SIZE):
            result = await self._fetch_further_pages(state, page, size or DEFAULT_PAGE_SIZE)
        state.result = result
        return state

    async def _fetch_further_pages(
        self, state: LookupState, first: CustomerInteractions, size: int
    ) -> AttemptResult:
        offset = next_offset(first, first, 0, size)
        if offset is None:
            return _answer(first)
        pages = Pages(first)
        result = await self._merge_pages(state, pages, offset, size)
        if result.customer is None or not pages.show_offset:
            return result
        return _answer(await off_loop(self.sender.exchange.reader.read_merged, result.customer))

    async def _merge_pages(
        self, state: LookupState, pages: Pages, offset: int, size: int
    ) -> AttemptResult:
        for _ in range(self.config.max_pages - 1):
            # The connection of the page before is released in the next turn of the loop.
            await asyncio.sleep(0)
            query = evolve(state.query, limit=self.config.page_size, offset=offset)
            result = await self._fetch_page(state, self.url(query))
            if result.kind in _NO_FURTHER_PAGE:
                break
            if result.customer is None:
                return result
            page = result.customer
            if state.objects > _MAX_OBJECTS:
                return _answer(pages.merged, truncated=True)
            # In a thread, if there is much to compare.
            much = state.objects or is_many(pages.merged)
            if not (await off_loop(pages.add, page) if much else pages.add(page)):
                break
            following = next_offset(pages.merged, page, offset, size)
            if following is None:
                return _answer(pages.merged)
            offset = following
        else:
            return _answer(pages.merged, truncated=True)
        return _answer(pages.merged, truncated=is_incomplete(pages.merged))

    async def _fetch_page(self, state: LookupState, url: str) -> AttemptResult:
        """One page: a bare first attempt, and tenacity only after a failure."""
        result = await self.sender.send(state, url)
        if result.kind is _RETRYABLE:
            return await self._retry(state, url, result)
        budget = state.credential.budget
        if budget.tokens < budget.capacity and result.kind is not ResultKind.UNAVAILABLE:
            budget.refund(0)
        return result

    async def _retry(self, state: LookupState, url: str, failed: AttemptResult) -> AttemptResult:
        retries = _RetryState()
        result = await run_retries(
            failed,
            partial(self.sender.send, state, url),
            partial(self._next_delay, state, retries),
            partial(self._back_off, state),
        )
        if result.kind is not ResultKind.RETRYABLE:
            return result
        result = retries.exhausted or evolve(result, kind=ResultKind.UNAVAILABLE)
        return evolve(result, reason=result.final_reason) if result.remedy else result

    async def _back_off(self, state: LookupState, seconds: float) -> None:
        """Wait before the next attempt, unless an interactive caller joins a background call."""
        deadline, background = state.deadline, not state.deadline.interactive
        end = state.loop.time() + seconds
        refusal = Refusal("no time for another attempt before the deadline", seconds)

        def is_over() -> bool:
            if background and deadline.interactive:
                return True
            deadline.refuse_before(end, refusal)
            return False

        is_over()
        await await_unless(deadline, self.sleep(seconds), is_over)

    def _next_delay(
        self, state: LookupState, retries: _RetryState, result: AttemptResult, number: int
    ) -> float | None:
        """Seconds until the next attempt, or None if there is none."""
        credential, pool = state.credential, self.sender.pool
        if result.kind is not ResultKind.RETRYABLE:
            if result.kind is not ResultKind.UNAVAILABLE:
                retries.refund(credential)
            return None
        now = state.loop.time()
        remaining = state.deadline.remaining(now)
        payer = pool.retry_payer(credential, COST_THROTTLED if result.throttled else COST)
        decision = decide(
            self.config.retry,
            result,
            attempt=number,
            budget=payer.budget,
            time_left=remaining,
            jitter=self.jitter(),
            cool_down=0.0 if remaining is None else pool.cool_down,
        )
        if isinstance(decision, Retry):
            retries.paid[payer] = retries.paid.get(payer, 0) + decision.cost
            if result.retry_after:
                credential.retry_not_before(now + result.retry_after)
            self._emit_retry(state, result, number, decision.delay)
            return decision.delay
        if decision.budget_spent:
            credential.on_budget_exhausted(result.reason)
        retries.exhausted = AttemptResult(
            ResultKind.UNAVAILABLE,
            decision.reason or result.reason,
            result.status,
            retry_after=decision.retry_after,
            remedy=result.remedy,
        )
        return None

    def _emit_retry(
        self, state: LookupState, failed: AttemptResult, number: int, delay: float
    ) -> None:
        state.credential.on_retry()
        self.observers.emit(
            RetryScheduled(
                lookup=state.lookup,
                credential=state.credential.index,
                attempt=number,
                delay=delay,
                reason=failed.reason,
                status=failed.status,
            )
        )


def _is_whole(page: CustomerInteractions, size: int) -> bool:
    """Whether no other page can follow: all that the server counts is here, and none is full."""
    return all(
        interaction.count == len(interaction.messages) < size for interaction in page.interactions
    )


def _answer(customer: CustomerInteractions, *, truncated: bool = False) -> AttemptResult:
    customer = with_truncated(customer, truncated) if truncated else customer
    return answer_result(customer)


def too_late(refusal: Refusal | None, max_pause: float) -> AttemptResult:
    """The result for a caller whose deadline comes first, as a refusal says in advance."""
    if refusal is None:
        return AttemptResult(ResultKind.UNAVAILABLE, "no answer before the deadline")
    after = refusal.retry_after
    wait = None if after is None else min(after, max_pause)
    return AttemptResult(ResultKind.UNAVAILABLE, refusal.reason, retry_after=wait)


_quick_found: Final = make_quick_init(Found)


def to_outcome(ended: LookupState, query: Query, item: Any, elapsed: float, sent: Query) -> Outcome:
    """The outcome of a lookup, from its end state or that of the shared call it has joined."""
    result = ended.result
    if result.customer is None:
        return _without_answer(ended, query, item, elapsed, sent)
    return _quick_found(
        query=query,
        item=item,
        attempts=ended.attempts,
        elapsed=elapsed,
        waited=min(ended.waited, elapsed),
        request_id=ended.request_id,
        sent_value=None if sent is query else sent.identifier.value,
        status=ended.status,
        headers=ended.headers,
        customer=result.customer,
    )


def _without_answer(
    ended: LookupState, query: Query, item: Any, elapsed: float, sent: Query
) -> Outcome:
    result = ended.result
    common: dict[str, Any] = {
        "query": query,
        "item": item,
        "attempts": ended.attempts,
        "elapsed": elapsed,
        "waited": min(ended.waited, elapsed),
        "request_id": ended.request_id,
        "sent_value": None if sent is query else sent.identifier.value,
        "status": ended.status if result.status is None else result.status,
        "headers": ended.headers,
        "reason": result.reason,
    }
    match result.kind:
        case ResultKind.NOT_FOUND:
            return NotFound(code=result.code, **common)
        case ResultKind.REJECTED:
            return Rejected(code=result.code, **common)
        case ResultKind.UNREADABLE:
            return Unreadable(path=result.path, body=result.body, **common)
        case _:
            return Unavailable(retry_after=result.retry_after, **common)
