"""What a run does during an outage: it keeps the rows open, and looks one up now and then."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._client.refusal_evidence import ProxyPages, doubted, is_page
from capillary_interactions._client.refused_settings import RefusedSettings, is_refused_setting
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._run.stop_rules import (
    FirstAnswer,
    StopRules,
    Unanswered,
    is_about_settings,
    is_unanswered,
)
from capillary_interactions.jobs._run.work_queue import Item, WorkQueue

# Rules that pause only after a long silence may let thousands end before that.
_MAX_HELD: Final = 1000


class OutageHandler:
    """Distinguishes customers without an answer from an endpoint without answers.

    Lookups without an answer are held until the next answer comes, and are outcomes then. If none
    comes, they are requeued, and only a probe now and then is sent. With rules that never pause
    nothing is held, and with others a bounded number.

    Args:
        rules: When to pause, and when to give up.
        queue: The customers.
        record: Stores an outcome.
        lookup: Looks one customer up.
        give_up: Called with the last outcome when the rules allow no further probe.
        fail: Called with any other error.
        proven: Whether the credentials have had an answer. Refusals that do not come from the API
            itself are held until the next answer, too; if none comes, they are no outcomes, but
            for the few at the end of a list whose other customers were answered.
        pages: The customers who have met such a refusal since the last answer.
        refused_settings: The customers for whom the API has refused a setting since the last
            answer. They are held, too; if there are too many the run fails, and they stay open.

    Attributes:
        reason: Why nothing is looked up at the moment, or None.
    """

    def __init__(
        self,
        rules: StopRules,
        queue: WorkQueue,
        *,
        record: Callable[[Item, Outcome], None],
        lookup: Callable[[Item], Awaitable[Outcome]],
        give_up: Callable[[Unanswered], None],
        fail: Callable[[Exception], None],
        proven: Callable[[], bool] = lambda: True,
        pages: ProxyPages | None = None,
        refused_settings: RefusedSettings | None = None,
    ) -> None:
        self.reason: str | None = None
        self._rules = rules
        self._queue = queue
        self._record = record
        self._lookup = lookup
        self._give_up = give_up
        self._fail = fail
        self._proven = proven
        self._pages = ProxyPages() if pages is None else pages
        self._refused = RefusedSettings() if refused_settings is None else refused_settings
        self._held: deque[tuple[Item, Outcome]] = deque()
        self._first = FirstAnswer()
        self._loop = asyncio.get_running_loop()
        self._breaker = CircuitBreaker(
            rules.unanswered,
            rules.silence,
            probe_delay=rules.probe_delay,
            answered_at=self._loop.time(),
        )
        self._probing: asyncio.Task[None] | None = None
        self._probes: set[asyncio.Task[None]] = set()
        self._closed = False

    def take(self, item: Item, outcome: Outcome) -> None:
        """A lookup has ended."""
        if is_page(outcome):
            self._hold(item, outcome)
            return
        if self._is_refused_setting(outcome):
            self._take_refused(item, outcome)
            return
        if not is_unanswered(outcome):
            self._answered(item, outcome)
            return
        if self._first.is_wrong(outcome) and not self._closed:
            # All of them stay open, until the setting is right.
            self._hold(item, outcome)
            self._requeue_held()
            self._give_up(outcome)
            return
        # A second lookup without an answer, with answers in between, is about the customer.
        final = item.again or (self._closed and self.reason is None)
        if self._first.suspects(outcome) or (self._rules.may_pause and not final):
            self._hold(item, outcome)
        else:
            self._record(item, outcome)
        self._breaker.record_failure(self._loop.time())
        if self._breaker.state is BreakerState.OPEN:
            self._pause(outcome)

    def _is_refused_setting(self, outcome: Outcome) -> bool:
        if not self._rules.refused_settings or is_about_settings(outcome):
            return False
        return is_refused_setting(outcome)

    def _take_refused(self, item: Item, outcome: Outcome) -> None:
        self._hold(item, outcome)
        error = self._refused.stop_error(outcome)
        if error is not None and not self._closed:
            # All of them stay open, until the setting is right.
            self._requeue_held()
            self._fail(error)

    def _hold(self, item: Item, outcome: Outcome) -> None:
        self._held.append((item, outcome))
        self._queue.wake()
        if len(self._held) > _MAX_HELD:
            self._record(*self._held.popleft())

    def flush_held(self) -> None:
        """Record what is held, but for refusals that may concern all customers."""
        self._flush_held(lambda outcome: is_page(outcome) or self._is_refused_setting(outcome))

    def _flush_answered(self) -> None:
        """Record what is held, but for refusals of requests later than the one answered now."""
        self._held = self._flush_held(self._is_still_doubtful)

    def _is_still_doubtful(self, outcome: Outcome) -> bool:
        if is_page(outcome):
            return self._pages.may_be_everywhere(outcome.query.identifier)
        return self._is_refused_setting(outcome) and self._refused.doubts(outcome)

    def _flush_held(self, excepted: Callable[[Outcome], bool]) -> deque[tuple[Item, Outcome]]:
        """Record what is held, and return what is not to be recorded."""
        held, self._held = self._held, deque()
        left: deque[tuple[Item, Outcome]] = deque()
        for item, outcome in held:
            if excepted(outcome):
                left.append((item, outcome))
            else:
                self._record(item, outcome)
        return left

    def on_idle(self) -> None:
        """The queue is empty: if all lookups in progress are held, the run is at its end."""
        if self._queue.in_progress != len(self._held):
            return
        doubtful = self._flush_held(self._is_doubtful_at_end)
        error = self._error_at_end(doubtful[-1][1]) if len(doubtful) > 1 else None
        if error is not None:
            self._fail(error)
            return
        # Only another customer's refusal would make it one of all.
        for item, outcome in doubtful:
            self._record(item, outcome)

    def _error_at_end(self, last: Outcome) -> Exception | None:
        return doubted(last) if is_page(last) else self._refused.error_at_end(last)

    def _is_doubtful_at_end(self, outcome: Outcome) -> bool:
        if is_page(outcome):
            return not self._proven()
        return self._is_refused_setting(outcome) and not self._refused.answered

    async def aclose(self) -> None:
        """Send no more probes; unless the run pauses, what is held or still ends is an outcome."""
        self._closed = True
        for probe in self._probes:
            if not probe.cancelling():
                probe.cancel()
        if self._probes:
            await asyncio.wait(self._probes)
        self.flush_held()

    def _answered(self, item: Item, outcome: Outcome) -> None:
        self._breaker.record_answer(self._loop.time())
        self._first.is_wrong(outcome)
        if self._held:
            self._flush_answered()
        self._record(item, outcome)
        if self.reason is not None:
            self._resume()

    def _requeue_held(self) -> None:
        held, self._held = self._held, deque()
        for item, _ in held:
            self._queue.requeue(item)

    def _pause(self, last: Unanswered) -> None:
        self._requeue_held()
        if self.reason is None and not self._closed:
            self.reason = last.reason
            self._queue.pause()
            self._probing = self._loop.create_task(self._probe(last))
            self._probes.add(self._probing)
            self._probing.add_done_callback(self._probes.discard)

    def _resume(self) -> None:
        self.reason = None
        self._queue.resume()
        if self._probing is not None and self._probing is not asyncio.current_task():
            self._probing.cancel()

    async def _probe(self, last: Unanswered) -> None:
        """Look one customer up now and then, until there is an answer or it is time to give up."""
        give_up_at = self._loop.time() + self._rules.give_up_after
        try:
            while (remaining := give_up_at - (now := self._loop.time())) > 0:
                await asyncio.sleep(min(self._breaker.remaining_pause(now), remaining))
                self._breaker.start_probe()
                last = await self._look_up_one(last)
                if self.reason is None:
                    return
        except Exception as error:  # noqa: BLE001 - raised where the outcomes are taken
            self._fail(error)
        else:
            self._give_up(last)

    async def _look_up_one(self, last: Unanswered) -> Unanswered:
        item = self._queue.pop_nowait()
        if item is None:
            # Rows are read from the store only where the queue runs: the next lookup is the probe.
            self._resume()
            return last
        try:
            outcome = await self._lookup(item)
        except asyncio.CancelledError:
            # Another lookup has had an answer meanwhile; this customer is still to be looked up.
            self._queue.requeue(item, again=False)
            raise
        self.take(item, outcome)
        if self.reason is not None:
            self._breaker.probe_failed(self._loop.time())
        return outcome if is_unanswered(outcome) else last
