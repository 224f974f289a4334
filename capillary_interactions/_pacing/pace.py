"""What the client asks of a pace: of `LocalPace`, or of one that the caller passes."""

from typing import Any, Final, Protocol, cast

from attrs import frozen

from capillary_interactions._pacing.deadline import Deadline, SlotAfterDeadlineError, await_unless

OPTIONAL: Final = frozenset(
    {"admit", "before_send", "connections_exhausted", "is_narrowed", "try_admit", "try_send"}
)


# A member, and those that it has to agree with: `try_admit` of an object that is wrapped would
# admit what an `admit` around it is to hold back.
_AGREES_WITH: Final = {
    "admit": ("acquire",),
    "try_admit": ("admit", "acquire"),
    "try_send": ("before_send",),
}


class WaiterEvictedError(Exception):
    """Another credential may be sooner: the queue was cleared, or a cool-down has begun.

    A pace raises it; the client then admits the request anew, perhaps on another credential.
    """


@frozen(kw_only=True)
class PaceState:
    """A pace at one moment.

    Attributes:
        rate: Requests a second.
        slots_left: Requests that could be sent at once.
        waiting: Callers in the queue.
        in_flight: Requests admitted and not released.
        cool_down: Seconds for which nothing is sent.
        outage: Why the store that other processes share does not answer, or None.
    """

    rate: float
    slots_left: int
    waiting: int
    in_flight: int
    cool_down: float
    outage: str | None = None


class Pace(Protocol):
    """When the requests of a credential are sent: `InteractionsClient(config, pace=...)`.

    For each request, retries and pages too, the client calls `acquire`, sends it, and calls
    `release`; in between it reports the answer with `answered`, or `throttled`, and `quota_left`
    where the server's headers say. All of it happens in the event loop, and only `acquire` waits.
    One object serves every credential, and every stream and lookup of the client.

    The others have defaults, which stand in where a pace lacks them: `admit` and `try_admit` are
    `acquire` for a deadline that may change while it waits, `before_send` and `try_send` hold an
    admitted request back until it has its connection, `connections_exhausted` and `is_narrowed`
    are for this machine's own limits. A pace that wraps another one may define `acquire` or `admit`
    alone: what it would pass on of `try_admit`, which goes past them, is not used; the same holds
    for `try_send` and `before_send`.
    """

    async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
        """Wait for a slot of the quota and for a connection.

        Args:
            deadline: The loop's time by which the slot must come, or None.
            interactive: Whether a person waits; such requests go before background ones.

        Raises:
            SlotAfterDeadlineError: It would come too late; raised as soon as that is known.
            NoSlotError: There will be none for now.
            WaiterEvictedError: The queue was cleared.
        """
        ...

    def try_admit(self, deadline: Deadline) -> bool:  # noqa: ARG002 - of the protocol
        """Admit a request if it need not wait; whether it was. Else `admit` waits."""
        return False

    async def admit(self, deadline: Deadline) -> None:
        """Wait as `acquire` does, for a deadline and a priority that may change meanwhile."""
        while True:
            until, interactive = deadline.at, deadline.interactive
            try:
                if await await_unless(
                    deadline,
                    self.acquire(deadline=until, interactive=interactive),
                    lambda before=interactive: deadline.interactive is not before,  # type: ignore[misc] # bound
                ):
                    return
            except SlotAfterDeadlineError:
                if deadline.at == until:
                    raise

    def try_send(self) -> bool:
        """Whether an admitted request may be written at once; else `before_send` waits.

        Raises:
            WaiterEvictedError: As `before_send` does.
        """
        return False

    async def before_send(self) -> None:
        """Wait until an admitted request, with its connection, may be written to it.

        Raises:
            WaiterEvictedError: A cool-down has begun; the request must be admitted again.
        """

    def release(self) -> None:
        """End a request that was admitted."""
        ...

    def evict_waiters(self) -> None:
        """End the waiting of all in the queue with `WaiterEvictedError`, in their order."""
        ...

    def throttled(self, sent_at: float, hint: float | None) -> None:
        """Learn that the server refused a request sent at `sent_at` for its rate."""
        ...

    def answered(self) -> None:
        """Learn that a request was answered."""
        ...

    def quota_left(self, remaining: float, reset: float) -> None:
        """Learn from the server that `remaining` requests are left for `reset` seconds."""
        ...

    def connections_exhausted(self) -> None:
        """Learn that a request was not sent, as this machine has no further connection for it."""

    @property
    def is_narrowed(self) -> bool:
        """Whether fewer requests are in flight than configured, since connections ran out."""
        return False

    @property
    def rate(self) -> float:
        """Requests a second."""
        ...

    def delay(self) -> float:
        """Seconds that a new request would wait."""
        ...

    def state(self) -> PaceState:
        """Everything that a snapshot shows."""
        ...


class _CompletedPace:
    def __init__(self, pace: object, replaced: frozenset[str]) -> None:
        self._pace = pace
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        if name in self._replaced:
            return getattr(Pace, name).__get__(self._pace)
        return getattr(self._pace, name)


def complete_pace(pace: Pace) -> Pace:
    """The pace itself, or with the defaults of `Pace` for what it lacks, or passes on unseen."""
    replaced = frozenset(name for name in OPTIONAL if _is_replaced(pace, name))
    return cast("Pace", _CompletedPace(pace, replaced)) if replaced else pace


def _is_replaced(pace: Pace, name: str) -> bool:
    if getattr(type(pace), name, None) is getattr(Pace, name):
        return False
    own = _distance(pace, name)
    return not hasattr(pace, name) or any(
        _distance(pace, other) < own for other in _AGREES_WITH.get(name, ())
    )


def _distance(pace: Pace, name: str) -> int:
    """How many classes lie between a pace and a member; all of them for what it passes on."""
    if name in getattr(pace, "__dict__", ()):
        return -1
    classes = type(pace).__mro__
    found = (place for place, type_ in enumerate(classes) if name in vars(type_))
    return next(found, len(classes))
