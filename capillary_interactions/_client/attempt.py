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
from capillary_interactions._http.transport import (
    CheckedTransport,
    ResponseTooLargeError,
    TransportError,
    transport_failure,
)
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.query import Query
from capillary_interactions._pacing.deadline import Deadline, SlotAfterDeadlineError, admit
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.body import is_long, objects_at_most
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Response
from capillary_interactions._protocol.quota_headers import policies
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import AttemptBegan, AttemptEnded

REQUEST_ID = "x-cap-requestid"


_NOT_ENDED: Final = AttemptResult(ResultKind.UNAVAILABLE)
Attempt = tuple[CredentialState, AttemptResult]


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
        result: How it has ended, once it has.
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
    result: AttemptResult = _NOT_ENDED


@frozen(eq=False)
class RequestSender:
    """Sends one request at a time of each trip, and tells the credential how it went.

    Args:
        transport: Gets it there.
        lanes: The credentials.
        observers: See each attempt.
        reader: Reads answers.
        patience: Seconds for one request.
        believed: Seconds that a server's word on a pause is believed at most.
    """

    transport: CheckedTransport
    lanes: CredentialPool
    observers: Observers
    reader: Reader
    patience: float
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
                result, headers = await self._once(trip, lane, url)
            except WaiterEvictedError:
                continue
            finally:
                lane.doubt.end()
            if result.kind is ResultKind.RETRYABLE:
                if await has_another(trip.deadline, result, unsent):
                    unsent += 1
                    continue
                if not (result.throttled or result.shortage):
                    self.lanes.failed(lane)
            if result.kind is not ResultKind.CREDENTIALS_REFUSED:
                return lane, result
            refusals = refusals or Refusals(trip.query.identifier, trip.tolerated)
            comes_to = await refusals.judge(lane, result, headers, self._left(trip))
            if comes_to is None:
                continue
            if comes_to.kind is ResultKind.CREDENTIALS_REFUSED:
                self.lanes.refuse(lane, comes_to)
            elif not refusals.may_go_elsewhere(lane, comes_to, self.lanes):
                return lane, comes_to

    async def _once(
        self, trip: LookupState, lane: CredentialState, url: str
    ) -> tuple[AttemptResult, Mapping[str, str] | None]:
        """Token, turn, request; what came of it, and the headers that it was sent with."""
        auth = lane.auth
        missing = await auth.ensure_ready(self._left(trip)) if auth.renewable else None
        if missing is not None:
            return missing, None
        late = await self._turn(trip, lane)
        if late is not None:
            return late, None
        try:
            # The turn may have taken longer than a token lives.
            if auth.renewable and auth.has_lapsed():
                missing = await auth.ensure_ready(self._left(trip))
        except BaseException:
            lane.pace.release()
            raise
        if missing is not None:
            lane.pace.release()
            return missing, None
        sending = Sending(lane, trip.attempts + 1, trip.deadline, auth.headers)
        try:
            return await self._send(trip, sending, url), sending.headers
        except NoHeadersError as error:
            return error.result, None

    def _left(self, trip: LookupState) -> float | None:
        return trip.deadline.remaining(asyncio.get_running_loop().time())

    async def _turn(self, trip: LookupState, lane: CredentialState) -> AttemptResult | None:
        """Wait for a slot; the result, if the deadline comes first."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await admit(trip.deadline, lane.pace)
        except SlotAfterDeadlineError as error:
            wait = min(error.wait, self.believed)
            return AttemptResult(ResultKind.UNAVAILABLE, error.reason, retry_after=wait)
        finally:
            trip.waited += loop.time() - begun
        return None

    async def _send(self, trip: LookupState, sending: Sending, url: str) -> AttemptResult:
        loop, lane = asyncio.get_running_loop(), sending.lane
        sent, trip.number = loop.time(), self.lanes.pages.begin()
        attentive = self.observers.attentive
        response: Response | None = None
        result: AttemptResult | None = None
        error: str | None = None
        stays = False
        trip.attempts += 1
        try:
            lane.leaves()
            if attentive:
                self._tell_begun(trip, lane)
            response = await self._post(sending, url)
            trip.request_id = _request_id(response)
            result = await self._judged(trip, response)
            self._learn(trip, lane, result, response, sent)
        except (WaiterEvictedError, NoHeadersError):
            # It had its connection when a pause began or its token lapsed, and was not sent.
            stays = True
            raise
        except ResponseTooLargeError as failed:
            result = AttemptResult(ResultKind.UNREADABLE, failed.reason)
            error = _name(failed)
        except TransportError as failed:
            result, error = transport_failure(failed), _name(failed)
            stays = result.shortage
        finally:
            # Only now: the next in line must not leave before a refusal is felt.
            lane.pace.release()
            if stays:
                trip.attempts -= 1
                lane.stays()
            if result is not None and result.shortage:
                lane.runs_short(result.reason)
            if attentive:
                ended = _ending(result), error
                self._tell_ended(trip, sending, response, ended, loop.time() - sent)
        return result

    async def _post(self, sending: Sending, url: str) -> Response:
        request = await sending.request(url, calls_before_send=self.transport.calls_before_send)
        left = sending.deadline.remaining(asyncio.get_running_loop().time())
        patience = self.patience if left is None else min(self.patience, max(left, 0.001))
        return await self.transport.send(request, timeout=patience)

    async def _judged(self, trip: LookupState, response: Response) -> AttemptResult:
        """What an answer means; a long one is read in a thread."""
        now = datetime.now(UTC)
        if not is_long(response.body):
            return classify(response, trip.query, self.reader, now, self.believed)
        result = await off_loop(classify, response, trip.query, self.reader, now, self.believed)
        if result.customer is not None:
            trip.objects += objects_at_most(response.body)
        return result

    def _learn(
        self,
        trip: LookupState,
        lane: CredentialState,
        result: AttemptResult,
        response: Response,
        sent: float,
    ) -> None:
        if result.kind is ResultKind.RETRYABLE:
            if result.throttled:
                # First, for the pause makes whoever waits here too late, but not elsewhere.
                self.lanes.relieve(lane)
                lane.was_throttled(sent, result.retry_after)
        elif result.kind is not ResultKind.CREDENTIALS_REFUSED:
            if result.from_api:
                lane.was_answered()
                self.lanes.pages.answered(trip.number)
            else:
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


def _ending(result: AttemptResult | None) -> str:
    if result is None:
        return "cancelled"
    return "throttled" if result.throttled else result.kind.value
