"""How is one request sent? Credential, turn, request, verdict; what each party learns from it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import define, frozen

from capillary_interactions._events import AttemptBegan, AttemptEnded
from capillary_interactions._exchange import (
    OversizedError,
    Request,
    Response,
    Transport,
    TransportError,
)
from capillary_interactions._flight import Deadline
from capillary_interactions._lane import Lane, Lanes
from capillary_interactions._observers import Observers
from capillary_interactions._pace import ElsewhereError, TooLateError
from capillary_interactions._posting import post, trouble_of
from capillary_interactions._query import Query
from capillary_interactions._ration import Ration
from capillary_interactions._reading import Reader
from capillary_interactions._wire import (
    Answered,
    Denied,
    Garbled,
    Missing,
    Refused,
    Trouble,
    classify,
    quota_left,
)

# Old connections that one attempt gets over; more than that is trouble like any other.
_STALE_MOST: Final = 8
# Where this machine runs short, one attempt waits about a minute in all: 0.05 s doubling to 1 s.
MAX_SHORTAGES: Final = 64
_SHORT_FIRST: Final = 0.05
_SHORT_MOST: Final = 1.0

REQUEST_ID = "x-cap-requestid"


@frozen
class Spent:
    """No answer, and no further attempt.

    Attributes:
        reason: Why not.
        status: The HTTP status of the last attempt, if it had one.
        retry_after: Seconds after which asking again makes sense, or None if nobody knows.
    """

    reason: str
    status: int | None = None
    retry_after: float | None = None


Landing = Answered | Missing | Refused | Garbled | Spent
Attempt = tuple[Lane, Landing | Trouble]

_ENDINGS: Final[Mapping[type, str]] = {
    Answered: "found",
    Missing: "not_found",
    Refused: "rejected",
    Garbled: "unreadable",
    Denied: "denied",
    type(None): "cancelled",
}


@define(eq=False)
class Trip:
    """One lookup under way.

    Attributes:
        query: What is asked.
        deadline: When it must have ended, and whether a person waits for it.
        ration: A stream's part of the rate, or None; not kept to once a person waits.
        attempts: Requests sent so far.
        waited: Seconds spent so far waiting for quota or a cool-down.
        request_id: The server's name for the last request.
        lookup: The lookup's number, for observers.
        told: Seconds of `waited` that observers know of.
    """

    query: Query
    deadline: Deadline
    ration: Ration | None = None
    attempts: int = 0
    waited: float = 0.0
    request_id: str | None = None
    lookup: int = 0
    told: float = 0.0


@frozen(eq=False)
class Sender:
    """Sends one request at a time of each trip, and tells the credential how it went.

    Args:
        transport: Gets it there.
        lanes: The credentials.
        observers: See each attempt.
        reader: Reads answers.
        patience: Seconds for one request.
        knows_departure: Whether the transport awaits `Request.leave`.
    """

    transport: Transport
    lanes: Lanes
    observers: Observers
    reader: Reader
    patience: float
    knows_departure: bool = False

    async def attempt(self, trip: Trip, url: str) -> Attempt:
        """One attempt, on whichever credential can send soonest and is not refused.

        Raises:
            AuthenticationError: Every credential is refused.
        """
        renewed: tuple[Lane, ...] = ()
        unsent = 0
        while True:
            lane = self.lanes.soonest()
            now = asyncio.get_running_loop().time()
            verdict: Landing | Trouble | Denied | None = await lane.auth.ready(
                trip.deadline.left(now)
            )
            if verdict is None:
                try:
                    verdict = await self._turn(trip, lane)
                    headers = lane.auth.headers()
                    if verdict is None:
                        verdict = await self._send(trip, lane, url, headers)
                except ElsewhereError:
                    continue
                if isinstance(verdict, Denied) and verdict.conclusive and lane not in renewed:
                    # A token may have been revoked before its time: one fresh one, one more try.
                    renewed = (*renewed, lane)
                    if lane.auth.renew(headers):
                        continue
            if isinstance(verdict, Trouble) and await _has_another(trip, verdict, unsent):
                unsent += 1
                continue
            if not isinstance(verdict, Denied):
                return lane, verdict
            if lane.answered and not verdict.conclusive:
                return lane, verdict.as_refused()
            self.lanes.refuse(lane, verdict)

    async def _turn(self, trip: Trip, lane: Lane) -> Spent | None:
        """Wait for a slot and a place; what to tell if the deadline comes first."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            while True:
                until = trip.deadline.at
                try:
                    if trip.ration is not None and not trip.deadline.urgent:
                        await trip.ration.acquire(until)
                    await lane.pace.acquire(deadline=until, urgent=trip.deadline.urgent)
                except TooLateError as late:
                    if trip.deadline.at != until:
                        continue  # somebody more patient has come aboard meanwhile
                    return Spent(
                        f"the deadline comes before a slot of the quota (in {late.wait:.1f} s)",
                        retry_after=late.wait,
                    )
                return None
        finally:
            trip.waited += loop.time() - begun

    async def _send(
        self, trip: Trip, lane: Lane, url: str, headers: Mapping[str, str]
    ) -> Landing | Trouble | Denied:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        left = trip.deadline.left(sent)
        trip.attempts += 1
        attentive = self.observers.attentive
        response: Response | None = None
        verdict: Landing | Trouble | Denied | None = None
        error: str | None = None
        stays = False
        leave = lane.leave if self.knows_departure else None
        try:
            lane.leaves()
            if attentive:
                self._tell_begun(trip, lane)
            response = await post(
                self.transport,
                Request(url=url, headers=headers, credential=lane.place, leave=leave),
                self.patience if left is None else min(self.patience, max(left, 0.001)),
            )
            trip.request_id = _request_id(response)
            verdict = self._learn(trip, lane, response, sent)
        except ElsewhereError:
            # It had its connection when a pause began, and was not sent.
            stays = True
            raise
        except OversizedError as failed:
            verdict, error = Garbled(failed.reason, None, b""), _name(failed)
        except TransportError as failed:
            verdict, error = trouble_of(failed), _name(failed)
            stays = verdict.shortage
        finally:
            # Only now: the next in line must not leave before a refusal is felt.
            lane.pace.release()
            if attentive:
                ended = _ending(verdict), error
                self._tell_ended(trip, lane, response, ended, loop.time() - sent)
            if stays:
                trip.attempts -= 1
                lane.stays()
            if isinstance(verdict, Trouble) and verdict.shortage:
                lane.runs_short(verdict.reason)
        return verdict

    def _learn(
        self, trip: Trip, lane: Lane, response: Response, sent: float
    ) -> Landing | Trouble | Denied:
        now = datetime.now(UTC)
        verdict = classify(response, trip.query, self.reader, now)
        if isinstance(verdict, Trouble):
            if verdict.throttled:
                # First, for the pause makes whoever waits here too late, but not elsewhere.
                self.lanes.relieve(lane)
                lane.was_throttled(sent, verdict.retry_after)
        elif not isinstance(verdict, Denied):
            lane.answered = True
            lane.was_answered()
        left = quota_left(response.headers, now)
        if left is not None:
            lane.pace.quota_left(*left)
            lane.tell_rate()
        return verdict

    def _tell_begun(self, trip: Trip, lane: Lane) -> None:
        waited, trip.told = trip.waited - trip.told, trip.waited
        self.observers.emit(
            AttemptBegan(
                lookup=trip.lookup, credential=lane.place, attempt=trip.attempts, waited=waited
            )
        )

    def _tell_ended(
        self,
        trip: Trip,
        lane: Lane,
        response: Response | None,
        ended: tuple[str, str | None],
        duration: float,
    ) -> None:
        ending, error = ended
        self.observers.emit(
            AttemptEnded(
                lookup=trip.lookup,
                credential=lane.place,
                attempt=trip.attempts,
                ending=ending,
                status=None if response is None else response.status,
                duration=duration,
                request_id=None if response is None else _request_id(response),
                error=error,
            )
        )


def _request_id(response: Response) -> str | None:
    name = response.headers.get(REQUEST_ID)
    # aiohttp keeps bytes that are no UTF-8 as halves of characters, which no JSON may hold.
    return None if name is None else name.encode("utf-8", "replace").decode()


async def _has_another(trip: Trip, trouble: Trouble, before: int) -> bool:
    """Whether this attempt goes on, after a request that has not reached the server."""
    if trouble.stale:
        # Nothing is wrong but an old connection: again at once, paced and counted.
        return before < _STALE_MOST
    return trouble.shortage and before < MAX_SHORTAGES and await _outlast(trip, before)


async def _outlast(trip: Trip, before: int) -> bool:
    """Wait until this machine may have what it lacked; False where there is no time for it."""
    delay = min(_SHORT_MOST, _SHORT_FIRST * 2.0 ** min(before, 10))
    left = trip.deadline.left(asyncio.get_running_loop().time())
    if left is not None and left <= delay:
        return False
    await asyncio.sleep(delay)
    return True


def _name(failed: TransportError) -> str:
    return type(failed.__cause__ or failed).__name__


def _ending(verdict: Landing | Trouble | Denied | None) -> str:
    if isinstance(verdict, Trouble):
        return "throttled" if verdict.throttled else "failed"
    return _ENDINGS[type(verdict)]
