"""Admits the requests of one event loop: at once, or from a queue as their slots come."""

import asyncio
from collections.abc import Callable
from functools import partial

from capillary_interactions._pacing.adaptive_limits import AdaptiveConcurrency
from capillary_interactions._pacing.bucket import SlotBucket
from capillary_interactions._pacing.deadline import Deadline, SlotAfterDeadlineError
from capillary_interactions._pacing.deadline_review import DeadlineReview, Expiries
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._pacing.wait_queue import Waiter, WaitQueues


class Admission:
    """Admits a request when one more may be in flight and the bucket has a slot.

    One timer serves the head of the queue, so that a crowd of waiters costs nothing while it waits.

    Args:
        loop: The running event loop.
        bucket: Where slots come from, and what forecasts them.
        concurrency: How many may be in flight.

    Attributes:
        loop: The event loop.
        in_flight: Requests admitted and not released.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bucket: SlotBucket,
        concurrency: AdaptiveConcurrency,
    ) -> None:
        self.loop = loop
        self.in_flight = 0
        self._bucket = bucket
        self._concurrency = concurrency
        self._queues = WaitQueues()
        self._review = DeadlineReview(loop, self._queues, bucket)
        self._expiries = Expiries(loop, self._expire)
        self._timer: asyncio.TimerHandle | None = None
        # Those in the queue, and those admitted from it whose tasks have not run yet.
        self._waiting = 0

    @property
    def queued(self) -> int:
        """How many are in the queue."""
        return self._queues.size

    @property
    def has_interactive(self) -> bool:
        """Whether a person waits in the queue."""
        return self._queues.has_interactive

    def try_admit(self, now: float) -> bool:
        """Admit a request that need not wait; whether it was."""
        if (
            self._waiting
            or self.in_flight >= self._concurrency.limit
            or self._bucket.consume(now) > 0
        ):
            return False
        self.in_flight += 1
        return True

    async def wait(self, deadline: Deadline) -> None:
        """Admit a request when its turn comes.

        Raises:
            SlotAfterDeadlineError: It would come after the deadline.
            WaiterEvictedError: The queue was cleared.
        """
        granted = self.loop.create_future()
        waiter = Waiter(deadline, deadline.number, deadline.interactive, granted)
        now = self.loop.time()
        if waiter.reject_if_late(now, self._estimated_wait(now, waiter)):
            granted.result()
        self._add(waiter)
        try:
            if granted.done():
                # Those admitted before it have not run yet, and a done future is not waited for.
                await asyncio.sleep(0)
            await granted
        except asyncio.CancelledError:
            removed = self._queues.remove(waiter)
            if not removed and not granted.cancelled() and granted.exception() is None:
                self._undo_admission()  # granted in the very moment of the cancellation
            raise
        finally:
            deadline.on_change = None
            self._waiting -= 1

    def _add(self, waiter: Waiter) -> None:
        self._waiting += 1
        self._queues.add(waiter)
        self._review.expect(waiter.deadline)
        self._expiries.add(waiter, self._queues.size)
        waiter.deadline.on_change = partial(self._on_deadline_change, waiter)
        if self._timer is None:
            self._dispatch()

    def _undo_admission(self) -> None:
        self._bucket.refund(self.loop.time())
        self.in_flight = max(0, self.in_flight - 1)
        self.limits_changed()

    def release(self) -> None:
        """End a request that was admitted."""
        self.in_flight = max(0, self.in_flight - 1)
        # With a timer, the head waits for the bucket.
        if self._timer is None and self._queues.size:
            self._dispatch()

    def evict(self, error: Callable[[], Exception] = WaiterEvictedError) -> None:
        """End the waiting of all with an error; the function returns a new one for each."""
        for waiter in self._queues.clear():
            if not waiter.granted.done():
                waiter.granted.set_exception(error())

    def limits_changed(self) -> None:
        """Continue with a bucket or a concurrency that has changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._dispatch()

    def review_deadlines(self, blocked_until: float) -> None:
        """Reject those that come too late with limits that have changed, soon."""
        if self._queues.size:
            self._review.limits_changed(blocked_until)

    def _dispatch(self) -> None:
        """Admit those whose slots have come, and set the timer for the next."""
        now, self._timer = self.loop.time(), None
        while self._queues.size and self.in_flight < self._concurrency.limit:
            delay = self._bucket.consume(now)
            if delay > 0:
                self._timer = self.loop.call_at(now + delay, self._dispatch)
                return
            if not self._grant(now):
                self._bucket.refund(now)

    def _grant(self, now: float) -> bool:
        waiter = self._queues.pop()
        # One that is done was cancelled, and its task has not run yet.
        if waiter.granted.done() or waiter.reject_if_late(now, 0.0):
            return False
        self.in_flight += 1
        waiter.granted.set_result(None)
        return True

    def _expire(self, waiter: Waiter) -> None:
        wait = self._estimated_wait(self.loop.time(), waiter)
        if self._queues.remove(waiter):
            waiter.granted.set_exception(SlotAfterDeadlineError(wait))

    def _on_deadline_change(self, waiter: Waiter) -> None:
        if waiter.granted.done():
            return
        if waiter.deadline.interactive and not waiter.interactive:
            self._queues.promote(waiter)
        now = self.loop.time()
        if waiter.reject_if_late(now, self._estimated_wait(now, waiter)):
            self._queues.remove(waiter)
        self._review.expect(waiter.deadline)

    def _estimated_wait(self, now: float, waiter: Waiter) -> float:
        return self._bucket.delay(now, self._queues.position(waiter))
