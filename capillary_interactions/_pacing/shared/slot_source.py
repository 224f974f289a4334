"""Where the waiters of one process take their slots from: the store that it shares with others."""

import asyncio
import math
from collections.abc import Callable
from random import random
from typing import Final

from attrs import evolve

from capillary_interactions._pacing.adaptive_limits import AdaptiveRate
from capillary_interactions._pacing.bucket import delay_in_pause
from capillary_interactions._pacing.shared.held_slots import HeldSlots
from capillary_interactions._pacing.shared.link import StoreLink
from capillary_interactions._pacing.shared.news import News
from capillary_interactions._pacing.shared.schedule import (
    Demand,
    Reply,
    SharedQuota,
    without_slots,
)

# Slots that one exchange takes at most; a store far away is asked for more.
_MAX_WANT: Final = 8
# At a high rate the waiters of a process wait until several slots are free: some hundred exchanges
# a second are enough. The bucket holds twice as many, and so none is lost meanwhile.
_BATCH_TIME: Final = 0.004
# Seconds between two exchanges that grant nothing: another process may give a slot back.
_MIN_RETRY: Final = 0.0005
_MAX_RETRY: Final = 1.0
# All processes ask for the next slot when it is free, and the first one has it. Each refusal lets a
# process ask earlier by these seconds, which timers can tell apart; after a slot it asks later
# while others want some.
_EAGERNESS: Final = 0.001
_MODESTY: Final = 0.3
_MIN_MODESTY: Final = 0.001
_MAX_MODESTY: Final = 0.005
# Seconds after the last slot of another process for which others are expected to want some.
_CONTENDED: Final = 2.0
# While an exchange is in progress: its end wakes the waiters.
_UNTIL_WOKEN: Final = 1.0
# Pauses that end within as many seconds are the same one.
_SAME_PAUSE: Final = 0.02
_NO_NEWS: Final = News()


class SlotSource:
    """The slots of a shared quota, as `SlotBucket` has them.

    An exchange with the store takes the slots that are free and wanted now; those of a store that
    takes a while to reply are asked for a moment earlier. None is held for longer, so that neither
    a process that dies nor one that is late keeps slots from the others, and all of them hear of a
    cool-down with their next slot.

    Args:
        quota: The quota of all processes together.
        limits: What this process knows of the rate; follows what the store says.
        link: The exchanges.
        wanted: Requests that wait for a slot.
        for_person: Whether a person waits for one of them.
        used: Requests that the fallback has let through lately, at a time of the loop.
        on_reply: Called after an exchange, with the end of the pause and the rate as they were
            before it, and whether it was waited for.
    """

    def __init__(
        self,
        quota: SharedQuota,
        limits: AdaptiveRate,
        link: StoreLink,
        *,
        wanted: Callable[[], int],
        for_person: Callable[[], bool],
        used: Callable[[float], float],
        on_reply: Callable[[tuple[float, float], bool], None],
    ) -> None:
        self._quota = quota
        self._limits = limits
        self._link = link
        self._wanted = wanted
        self._for_person = for_person
        self._used = used
        self._on_reply = on_reply
        self._held = HeldSlots(quota.keep, quota.early)
        self._news = _NO_NEWS
        self._refused = 0
        self._revision = 0
        self._born: float | None = None
        self._clock: Callable[[], float] = lambda: 0.0
        self._begin()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve a loop that runs now; with another clock than the previous one, perhaps."""
        self._clock = loop.time
        self._news = _NO_NEWS
        self._begin()
        self._link.attach(loop, self.probe)

    def _begin(self) -> None:
        self._held.forget()
        self._ask_at = self._free_at = self._contended_until = -math.inf

    def consume(self, now: float) -> float:
        """Take a slot and return 0.0; if there is none, only the seconds until there may be."""
        if now < self._limits.blocked_until:
            return self.delay(now)
        if self._held.use(now):
            return 0.0
        if not len(self._held) and not self._link.busy and now >= self._ask_at:
            self._ask(now)
            if self._held.use(now):
                return 0.0
        return self._next_chance(now)

    def delay(self, now: float, ahead: int = 0) -> float:
        """Seconds until there is a slot, with `ahead` others before it.

        Other processes take what they have taken already, and nothing beyond: no wait is shorter.
        """
        held = len(self._held)
        if now < self._limits.blocked_until:
            return delay_in_pause(self._limits, now, ahead)
        if ahead < held:
            return max(0.0, self._held.at(ahead) - now)
        return max(0.0, self._delay_of_next(now) + (ahead - held) * self.interval(now))

    def interval(self, now: float) -> float:
        """Seconds from one slot to the next; in a cool-down, from its end on."""
        return 1 / self._limits.rate_after_pause(now)

    def slots(self, now: float) -> int:
        """How many may pass at once, as far as is known."""
        if now < self._limits.blocked_until:
            return 0
        free = -self._delay_of_next(now) / self.interval(now)
        return self._held.count_free(now) + (int(free) + 1 if free >= 0 else 0)

    def refund(self, now: float) -> None:
        """Take back the slot that was used last, unless it is too old."""
        self._held.put_back(now)

    def throttled(self, now: float, sent_at: float) -> None:
        """The server has refused a request that was sent at `sent_at`: all processes must know."""
        blocked_until = self._limits.blocked_until
        self._tell(now, News(refused_at=sent_at, blocked_until=blocked_until))

    def rate_gained(self, now: float, gain: float) -> None:
        """The rate has risen."""
        self._tell(now, News(gain=gain))

    def quota_left(self, now: float) -> None:
        """The server has said what is left: a ceiling, the end of one, or a pause."""
        limits = self._limits
        ceiling, until = limits.ceiling, limits.ceiling_until
        if ceiling is None:
            ceiling, until = limits.rate, now
        blocked_until = limits.blocked_until if limits.pause(now) > 0 else -math.inf
        self._tell(now, News(ceiling=ceiling, ceiling_until=until, blocked_until=blocked_until))

    def give_back(self, now: float) -> None:
        """Give the slots back that are held, for no request waits for them."""
        if self._link.busy:
            self._held.forget()
            return
        demand = self.last_demand()
        if demand is not None:
            self._exchange(now, demand)

    def last_demand(self) -> Demand | None:
        """What gives the slots back that are held, or None if there are none."""
        unused = self._held.drop()
        return Demand(unused=unused, revision=self._revision) if unused else None

    def probe(self) -> None:
        """Exchange something, to see whether the store works again."""
        if not self._link.busy:
            self._exchange(self._clock(), Demand())

    @property
    def _ahead(self) -> float:
        """Seconds by which the store is asked before a slot is free."""
        # Where a person waits, a process begins with what others reach after many refusals: it goes
        # first, and they are not shut out.
        half, eager = self._quota.early / 2, self._refused * _EAGERNESS
        eager = min(eager, half) + (half if self._for_person() else 0.0)
        return min(self._quota.horizon, max(self._link.round_trip, eager))

    def _ask(self, now: float) -> None:
        interval, ahead = self.interval(now), self._ahead
        free = 1 - int((self._delay_of_next(now) - ahead) / interval)
        most = _MAX_WANT + int(self._link.round_trip / interval)
        want = max(1, min(self._wanted(), free, most))
        self._exchange(now, Demand(want=want, ahead=ahead))

    def _tell(self, now: float, news: News) -> None:
        self._news = self._news.merge(news)
        self._tell_urgent(now)

    def _tell_urgent(self, now: float) -> None:
        if self._news.is_urgent and not self._link.busy and now >= self._link.retry_at:
            self._exchange(now, Demand())

    def _exchange(self, now: float, demand: Demand) -> None:
        news, self._news = self._news, _NO_NEWS
        if news is not _NO_NEWS:
            demand = news.add_to(demand, now)
        if self._link.must_fill:
            demand = evolve(demand, fill=True, used=self._used(now))
        at_once = True

        def done(reply: Reply | None) -> None:
            if reply is None:
                self._news = news.merge(self._news)
            self._take_in(reply, demand.want, at_once=at_once)

        self._link.exchange(demand, done)
        at_once = False

    def _take_in(self, reply: Reply | None, want: int, *, at_once: bool) -> None:
        now, limits = self._clock(), self._limits
        before = limits.blocked_until, limits.current_rate(now)
        if reply is None:
            self._ask_at = self._link.retry_at
        else:
            if self._link.lateness > self._quota.keep:
                reply = without_slots(reply)
            self._hold(reply, now)
            self._follow(reply, now)
            if want:
                self._refused = 0 if reply.granted else self._refused + 1
                self._ask_at = now + self._wait_after(reply, now)
        self._on_reply(before, not at_once)
        self._tell_urgent(now)

    def _wait_after(self, reply: Reply, now: float) -> float:
        """Seconds until the next exchange that wants slots."""
        interval = reply.interval
        several = min(_BATCH_TIME / interval, self._quota.capacity / 2, self._wanted())
        # Those that were refused do not wait for as many.
        batch = max(0, int(several / (1 + min(1, self._refused))) - 1)
        delay = reply.delay + (reply.granted + batch) * interval
        wait = delay - self._ahead
        if reply.granted and now < self._contended_until:
            modesty = min(max(_MIN_MODESTY, _MODESTY * interval), _MAX_MODESTY)
            wait += modesty * (1 + random()) / 2  # noqa: S311 - no secret
        if not reply.granted:
            # Where many were refused as often, none of them is always the first.
            wait += random() * _EAGERNESS  # noqa: S311 - no secret
            wait = min(max(_MIN_RETRY, wait), _MAX_RETRY)
        return max(reply.pause, wait)

    def _hold(self, reply: Reply, now: float) -> None:
        if reply.born != self._born:
            self._held.forget()
            self._born = reply.born
        self._held.add(reply, now)
        if reply.revision - self._revision > (reply.granted > 0):
            self._contended_until = now + _CONTENDED
        self._revision = reply.revision
        self._free_at = now + reply.delay + reply.granted * reply.interval

    def _follow(self, reply: Reply, now: float) -> None:
        longer = reply.pause > self._limits.pause(now) + _SAME_PAUSE
        self._limits.follow(
            rate=reply.rate,
            blocked_until=now + reply.pause if longer else -math.inf,
            throttled_at=now - reply.throttled,
            ceiling=reply.ceiling if reply.ceiling_for > 0 else None,
            ceiling_until=now + reply.ceiling_for,
        )

    def _delay_of_next(self, now: float) -> float:
        """Seconds until the slot after those that are held; negative where more are free."""
        return max(self._free_at - now, (1 - self._quota.capacity) * self.interval(now))

    def _next_chance(self, now: float) -> float:
        at = self._held.next_at
        if at is not None and at > now:
            return at - now
        return _UNTIL_WOKEN if self._link.busy else max(_MIN_RETRY, self._ask_at - now)
