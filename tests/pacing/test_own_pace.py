"""A pace of the caller's own: what stands in for what it lacks, and what cannot go past it."""

import asyncio
from typing import Any

from capillary_interactions import Pace, RateLimit
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._pacing.local_pace import LocalPace
from capillary_interactions._pacing.pace import complete_pace
from tests.tables import table


def local() -> LocalPace:
    """A pace without a queue."""
    return LocalPace(RateLimit(1000, 1.0), max_in_flight=1000)


class Delegating:
    """Around another pace, to which it passes on whatever it has not itself."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self._pace = local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pace, name)


class Acquiring(Delegating):
    """It defines one member."""

    async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
        """Wait as the other one does."""
        self.calls.append("acquire")
        await self._pace.acquire(deadline=deadline, interactive=interactive)


class Admitting(Delegating):
    """It defines another one."""

    async def admit(self, deadline: Deadline) -> None:
        """Wait as the other one does."""
        self.calls.append("admit")
        await self._pace.admit(deadline)


class Sending(Delegating):
    """It defines what comes before sending."""

    async def before_send(self) -> None:
        """Wait as the other one does."""
        self.calls.append("before_send")
        await self._pace.before_send()


class Heir(LocalPace):
    """It inherits, and defines one member."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(RateLimit(1000, 1.0), max_in_flight=1000)
        self.calls = calls

    async def admit(self, deadline: Deadline) -> None:
        """Wait as the other one does."""
        self.calls.append("admit")
        await super().admit(deadline)


class _Mixed(Admitting, LocalPace):
    def __init__(self, calls: list[str]) -> None:
        Admitting.__init__(self, calls)
        LocalPace.__init__(self, RateLimit(1000, 1.0), max_in_flight=1000)


def patched(calls: list[str]) -> LocalPace:
    """An instance with a member of its own."""
    pace = local()
    admit = pace.admit

    async def counted(deadline: Deadline) -> None:
        calls.append("admit")
        await admit(deadline)

    pace.admit = counted  # type: ignore[method-assign] # as a test double would
    return pace


async def _request(pace: Pace) -> None:
    """What the client does for each request."""
    deadline = Deadline()
    if not pace.try_admit(deadline):
        await pace.admit(deadline)
    if not pace.try_send():
        await pace.before_send()
    pace.release()


@table(
    ("make", "called"),
    [
        (Delegating, []),
        (Acquiring, ["acquire", "acquire"]),
        (Admitting, ["admit", "admit"]),
        (Sending, ["before_send", "before_send"]),
        (Heir, ["admit", "admit"]),
        (_Mixed, ["admit", "admit"]),
        (patched, ["admit", "admit"]),
    ],
)
async def test_holds_back_every_request(make: Any, called: list[str]) -> None:
    """Also where only one member is defined, and others that it is wrapped around go past it."""
    calls: list[str] = []
    pace = complete_pace(make(calls))
    for _ in range(2):
        await asyncio.wait_for(_request(pace), 1.0)
    assert calls == called
    assert pace.state().in_flight == 0


class Whole(Delegating):
    """It defines all of them, so that all are used."""

    def try_admit(self, deadline: Deadline) -> bool:
        """Admit as the other one does."""
        self.calls.append("try_admit")
        return self._pace.try_admit(deadline)

    async def admit(self, deadline: Deadline) -> None:
        """Never needed here."""
        raise AssertionError


class Further(Whole):
    """It defines one of them anew."""

    def try_admit(self, deadline: Deadline) -> bool:
        """Count twice."""
        self.calls.append("further")
        return super().try_admit(deadline)


@table(("make", "called"), [(Whole, ["try_admit"]), (Further, ["further", "try_admit"])])
async def test_takes_the_short_way_of_a_pace_that_has_one(make: Any, called: list[str]) -> None:
    """No default stands in for what goes with the rest."""
    calls: list[str] = []
    await _request(complete_pace(make(calls)))
    assert calls == called


def test_leaves_its_own_pace_and_heirs_of_the_protocol_as_they_are() -> None:
    """Neither pays for a detour."""
    pace = local()
    assert complete_pace(pace) is pace

    class Own(Pace):
        async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
            """Nothing to wait for."""

    own = Own()  # type: ignore[abstract] # only what matters here
    assert complete_pace(own) is own
