"""How is one request sent? Credential, turn, request, verdict; what each party learns from it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import define, frozen

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.off_loop import off_loop
from capillary_interactions._client.refusals import Refusals
from capillary_interactions._client.resending import has_another
from capillary_interactions._client.sending import Sending
from capillary_interactions._http.send_checked import post, trouble_of
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.query import Query
from capillary_interactions._pacing.deadline import Deadline, SlotAfterDeadlineError, admit
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._protocol.attempt_result import (
    Answered,
    Denied,
    Garbled,
    Missing,
    Refused,
    Trouble,
    Verdict,
    is_answer,
)
from capillary_interactions._protocol.body import is_long, objects_at_most
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.messages import (
    Response,
    ResponseTooLargeError,
    Transport,
    TransportError,
)
from capillary_interactions._protocol.quota_headers import policies
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import AttemptBegan, AttemptEnded

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
Attempt = tuple[CredentialState, Landing | Trouble]

_ENDINGS: Final[Mapping[type, str]] = {
    Answered: "found",
    Missing: "not_found",
    Refused: "rejected",
    Garbled: "unreadable",
    Denied: "denied",
    type(None): "cancelled",
}


@define(eq=False)
class LookupState:
    """One lookup under way.

    Attributes:
        query: What is asked.
        deadline: When it must have ended, and whether a person waits for it.
        attempts: Requests sent so far.
        waited: Seconds spent so far waiting for quota or a cool-down.
        request_id: The server's name for the last request.
        lookup: The lookup's number, for observers.
        told: Seconds of `waited` that observers know of.
        tolerated: Different customers refused by what is not the API, after which the credential
            is not yet in doubt.
        objects: Objects and lists in the long answers so far, at most.
        number: The last request's number; see `Pages`.
    """

    query: Query
    deadline: Deadline
    attempts: int = 0
    waited: float = 0.0
    request_id: str | None = None
    lookup: int = 0
    told: float = 0.0
    tolerated: int = 1
    objects: int = 0
    number: int = 0


@frozen(eq=False)
class RequestSender:
    """Sends one request at a time of each trip, and tells the credential how it went.

    Args:
        transport: Gets it there.
        lanes: The credentials.
        observers: See each attempt.
        reader: Reads answers.
        patience: Seconds for one request.
        knows_departure: Whether the transport awaits `Request.leave`.
        believed: Seconds that a server's word on a pause is believed at most.
    """

    transport: Transport
    lanes: CredentialPool
    observers: Observers
    reader: Reader
    patience: float
    knows_departure: bool = False
    believed: float = LONGEST

    async def attempt(self, trip: LookupState, url: str) -> Attempt:
        """One attempt, on whichever credential can send soonest and is not refused.

        Raises:
            AuthenticationError: Every credential is refused.
        """
        refusals: Refusals | None = None
        unsent = 0
        while True:
            avoided = () if refusals is None else refusals.avoided
            lane = self.lanes.soonest(asyncio.get_running_loop().time(), avoided)
            lane.doubt.begin()
            try:
                verdict, headers = await self._once(trip, lane, url)
            except WaiterEvictedError:
                continue
            finally:
                lane.doubt.end()
            if isinstance(verdict, Trouble) and await has_another(trip.deadline, verdict, unsent):
                unsent += 1
                continue
            if isinstance(verdict, Trouble) and not (verdict.throttled or verdict.shortage):
                self.lanes.failed(lane)
            if not isinstance(verdict, Denied):
                return lane, verdict
            refusals = refusals or Refusals(trip.query.identifier, trip.tolerated)
            comes_to = await refusals.judge(lane, verdict, headers, self._left(trip))
            if isinstance(comes_to, Denied):
                self.lanes.refuse(lane, comes_to)
            elif comes_to is not None and not refusals.may_go_elsewhere(lane, comes_to, self.lanes):
                return lane, comes_to

    async def _once(
        self, trip: LookupState, lane: CredentialState, url: str
    ) -> tuple[Landing | Trouble | Denied, Mapping[str, str] | None]:
        """Token, turn, request; what came of it, and the headers that it was sent with."""
        missing = await lane.auth.ready(self._left(trip))
        if missing is not None:
            return missing, None
        late = await self._turn(trip, lane)
        if late is not None:
            return late, None
        try:
            # The turn may have taken longer than a token lives.
            if lane.auth.lapsed():
                missing = await lane.auth.ready(self._left(trip))
        except BaseException:
            lane.pace.release()
            raise
        if missing is not None:
            lane.pace.release()
            return missing, None
        sending = Sending(lane, trip.attempts + 1, trip.deadline, lane.auth.headers())
        try:
            return await self._send(trip, sending, url), sending.headers
        except NoHeadersError as error:
            return error.verdict, None

    def _left(self, trip: LookupState) -> float | None:
        return trip.deadline.remaining(asyncio.get_running_loop().time())

    async def _turn(self, trip: LookupState, lane: CredentialState) -> Spent | None:
        """Wait for a slot and a place; what to tell if the deadline comes first."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await admit(trip.deadline, lane.pace)
        except SlotAfterDeadlineError as error:
            return Spent(error.reason, retry_after=min(error.wait, self.believed))
        finally:
            trip.waited += loop.time() - begun
        return None

    async def _send(
        self, trip: LookupState, sending: Sending, url: str
    ) -> Landing | Trouble | Denied:
        loop, lane = asyncio.get_running_loop(), sending.lane
        sent, trip.number = loop.time(), self.lanes.pages.begin()
        attentive = self.observers.attentive
        response: Response | None = None
        verdict: Landing | Trouble | Denied | None = None
        error: str | None = None
        stays = False
        trip.attempts += 1
        try:
            lane.leaves()
            if attentive:
                self._tell_begun(trip, lane)
            response = await self._post(sending, url)
            trip.request_id = _request_id(response)
            verdict = await self._judged(trip, response)
            self._learn(trip, lane, verdict, response, sent)
        except (WaiterEvictedError, NoHeadersError):
            # It had its connection when a pause began or its token lapsed, and was not sent.
            stays = True
            raise
        except ResponseTooLargeError as failed:
            verdict, error = Garbled(failed.reason, None, b""), _name(failed)
        except TransportError as failed:
            verdict, error = trouble_of(failed), _name(failed)
            stays = verdict.shortage
        finally:
            # Only now: the next in line must not leave before a refusal is felt.
            lane.pace.release()
            if stays:
                trip.attempts -= 1
                lane.stays()
            if isinstance(verdict, Trouble) and verdict.shortage:
                lane.runs_short(verdict.reason)
            if attentive:
                ended = _ending(verdict), error
                self._tell_ended(trip, sending, response, ended, loop.time() - sent)
        return verdict

    async def _post(self, sending: Sending, url: str) -> Response:
        request = await sending.request(url, knows_departure=self.knows_departure)
        left = sending.deadline.remaining(asyncio.get_running_loop().time())
        patience = self.patience if left is None else min(self.patience, max(left, 0.001))
        return await post(self.transport, request, patience)

    async def _judged(self, trip: LookupState, response: Response) -> Verdict:
        """What an answer means; a long one is read in a thread."""
        now = datetime.now(UTC)
        if not is_long(response.body):
            return classify(response, trip.query, self.reader, now, self.believed)
        verdict = await off_loop(classify, response, trip.query, self.reader, now, self.believed)
        if isinstance(verdict, Answered):
            trip.objects += objects_at_most(response.body)
        return verdict

    def _learn(
        self,
        trip: LookupState,
        lane: CredentialState,
        verdict: Verdict,
        response: Response,
        sent: float,
    ) -> None:
        if isinstance(verdict, Trouble):
            if verdict.throttled:
                # First, for the pause makes whoever waits here too late, but not elsewhere.
                self.lanes.relieve(lane)
                lane.was_throttled(sent, verdict.retry_after)
        elif is_answer(verdict):
            lane.was_answered()
            self.lanes.pages.answered(trip.number)
        elif not isinstance(verdict, Denied):
            lane.was_reached()
        told = policies(response.headers, datetime.now(UTC))
        lane.slowing.hinted(told, sent_at=sent, now=asyncio.get_running_loop().time())

    def _tell_begun(self, trip: LookupState, lane: CredentialState) -> None:
        waited, trip.told = trip.waited - trip.told, trip.waited
        self.observers.emit(
            AttemptBegan(
                lookup=trip.lookup, credential=lane.place, attempt=trip.attempts, waited=waited
            )
        )

    def _tell_ended(
        self,
        trip: LookupState,
        sending: Sending,
        response: Response | None,
        ended: tuple[str, str | None],
        duration: float,
    ) -> None:
        ending, error = ended
        self.observers.emit(
            AttemptEnded(
                lookup=trip.lookup,
                credential=sending.lane.place,
                attempt=sending.number,
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


def _name(failed: TransportError) -> str:
    return type(failed.__cause__ or failed).__name__


def _ending(verdict: Landing | Trouble | Denied | None) -> str:
    if isinstance(verdict, Trouble):
        return "throttled" if verdict.throttled else "failed"
    return _ENDINGS[type(verdict)]
