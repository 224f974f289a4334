"""The pace of one credential that several processes share: slots come from a store."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from attrs import evolve

from capillary_interactions._config.limits import RateLimit
from capillary_interactions._pacing.admission import Admission
from capillary_interactions._pacing.deadline import Deadline, NoSlotError
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import PaceState, WaiterEvictedError
from capillary_interactions._pacing.shared.fallback import Fallback, SlotsWithFallback
from capillary_interactions._pacing.shared.link import PROBE_INTERVAL, StoreLink
from capillary_interactions._pacing.shared.schedule import SharedQuota
from capillary_interactions._pacing.shared.send_slots import SendSlots
from capillary_interactions._pacing.shared.slot_source import SlotSource
from capillary_interactions._pacing.shared.store import SlotStore

# Of the time for which a slot may be used: another part is for the request's way.
_GRACE: Final = 0.2


class SharedPace(LocalPace):
    """The pace of one credential, whose quota is shared by all processes that use one store.

    Its methods are described in `Pace`. While the store is out of order, from the third failure in
    a row on, waiting ends with `NoSlotError` (`fallback="stop"`), or this process keeps to its part
    of the quota (`fallback="local"`); it returns to the store by itself.

    Args:
        limit: The quota of all processes together.
        max_in_flight: Requests of this process that may be in flight.
        store: Where the state of the quota is kept; made with `SharedQuota.of(limit, max_pause)`.
        max_pause: No cool-down is longer than this many seconds.
        timeout: Seconds that an exchange with the store may take.
        fallback: What to do without the store.
        expected_workers: By how many processes the quota is divided with `fallback="local"`.
        on_outage: Called when an outage begins, with its reason, and with None when it ends.
    """

    def __init__(
        self,
        limit: RateLimit,
        max_in_flight: int,
        store: SlotStore,
        *,
        max_pause: float = 3600.0,
        timeout: float = 1.0,
        fallback: Literal["stop", "local"] = "stop",
        expected_workers: int = 1,
        on_outage: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        super().__init__(limit, max_in_flight, max_pause)
        workers = expected_workers if fallback == "local" else None
        self._on_outage = on_outage
        self._person_asks = False
        self._link = StoreLink(store, timeout, self._outage_changed)
        settle = PROBE_INTERVAL + timeout
        self._fallback = Fallback(limit, workers, self._limits, settle)
        quota = SharedQuota.of(limit, max_pause)
        self._source = SlotSource(
            quota,
            self._limits,
            self._link,
            wanted=self._wanted,
            for_person=self._is_for_person,
            used=self._fallback.used,
            on_reply=self._after_exchange,
        )
        slots = SlotsWithFallback(self._source, self._link, self._limits, self._fallback)
        self._bucket = self._slots = SendSlots(slots, _GRACE * quota.keep, self._on_all_sent)

    def _begin_admission(self, loop: asyncio.AbstractEventLoop) -> Admission:
        self._source.attach(loop)
        self._slots.begin()
        return super()._begin_admission(loop)

    def try_admit(self, deadline: Deadline) -> bool:
        self._person_asks = deadline.interactive
        try:
            return super().try_admit(deadline)
        finally:
            self._person_asks = False

    async def admit(self, deadline: Deadline) -> None:
        if self.try_admit(deadline):
            return
        self._check_outage()
        admission = self._running_admission()
        try:
            await admission.wait(deadline)
        except BaseException:
            self._give_back_unwanted()
            raise

    def try_send(self) -> bool:
        now = self._running_admission().loop.time()
        self._check_sending(now)
        return self._slots.try_send(now)

    async def before_send(self) -> None:
        """Take another slot where the one of its admission was some time ago."""
        if not self.try_send():
            await self._slots.send(self._running_admission().loop, self._check_sending)

    def _check_sending(self, now: float) -> None:
        """Raise WaiterEvictedError where it is admission that has to wait, or to end."""
        stopped = self._link.outage is not None and not self._fallback.exists
        if stopped or now < self._limits.blocked_until:
            raise WaiterEvictedError

    def _on_all_sent(self) -> None:
        if self._admission is not None:
            self._admission.limits_changed()
            self._give_back_unwanted()

    def _give_back_unwanted(self) -> None:
        if self._admission is not None and not self._admission.queued and not self._slots.waiting:
            self._source.give_back(self._now())

    def throttled(self, sent_at: float, hint: float | None) -> None:
        super().throttled(sent_at, hint)
        self._source.throttled(self._now(), sent_at)

    def quota_left(self, remaining: float, reset: float) -> None:
        super().quota_left(remaining, reset)
        self._source.quota_left(self._now())

    def answered(self) -> None:
        if self._undisturbed:
            return
        before = self._limits.rate
        super().answered()
        if self._limits.rate != before:
            self._source.rate_gained(self._now(), self._limits.rate - before)

    def state(self) -> PaceState:
        return evolve(super().state(), outage=self._link.outage)

    async def close(self) -> None:
        """Give unused slots back, and close the store; the pace may be used again afterwards."""
        await self._link.close(self._source.last_demand())

    def _check_outage(self) -> None:
        if self._link.outage is not None and not self._fallback.exists:
            raise self._no_slot()

    def _no_slot(self) -> NoSlotError:
        reason, now = self._link.outage or "", self._now()
        # A reason may have a type that says more: that of a setting.
        text = type(reason)(f"the shared quota cannot be reached: {reason}")
        return NoSlotError(text, max(0.0, self._link.retry_at - now))

    def _wanted(self) -> int:
        """Requests that wait for a slot and not for others to end: one, at least, that asks."""
        admission = self._admission
        if admission is None:
            return 1
        room = self._concurrency.limit - admission.in_flight
        return max(1, self._slots.waiting + max(0, min(admission.queued, room)))

    def _is_for_person(self) -> bool:
        admission = self._admission
        return self._person_asks or (admission is not None and admission.has_interactive)

    def _after_exchange(self, before: tuple[float, float], waited: bool) -> None:
        admission, now = self._admission, self._now()
        if admission is None:
            return
        if waited:
            self._slots.wake()
        if self._limits_now(now) != before:
            self._undisturbed = False
            if waited:
                self._on_limits_change(now, before)
            else:
                # The waiters are being served right now.
                admission.loop.call_soon(self._continue_with, before)
        elif waited:
            admission.limits_changed()
        if waited:
            # Those that waited for the reply may have left.
            self._give_back_unwanted()

    def _continue_with(self, before: tuple[float, float]) -> None:
        self._on_limits_change(self._now(), before)

    def _outage_changed(self, reason: str | None) -> None:
        now = self._now()
        if reason is None:
            self._fallback.end(now)
        else:
            self._fallback.begin(now)
            if self._admission is not None and not self._fallback.exists:
                self._admission.evict(self._no_slot)
        self._slots.wake()
        if self._admission is not None:
            # The waiters may be being served right now.
            self._admission.loop.call_soon(self._admission.limits_changed)
        self._on_outage(reason)
