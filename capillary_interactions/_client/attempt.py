"""One attempt of a lookup: a credential, a slot of the quota, a request, and its result."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from attrs import frozen

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.lookup_state import LookupState
from capillary_interactions._client.observers import Observers
from capillary_interactions._client.off_loop import off_loop
from capillary_interactions._client.refusals import Refusals
from capillary_interactions._client.retry import may_resend
from capillary_interactions._http.transport import (
    CheckedTransport,
    ResponseTooLargeError,
    TransportError,
    transport_failure,
)
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._pacing.deadline import SlotAfterDeadlineError, admit
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.body import count_objects, is_long
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions._protocol.quota_headers import HEADER_NAMES, QuotaPolicy, policies
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import AttemptBegan, AttemptEnded

# The vendor's pages print either; the second one is the only name in newer ones.
REQUEST_ID: Final = "x-cap-requestid"
_NEWER_REQUEST_ID: Final = "x-cap-request-id"
# A tuple, which compares by identity: the hash of an enum's member is computed in Python.
_FINAL: Final = (
    ResultKind.ANSWER,
    ResultKind.NOT_FOUND,
    ResultKind.REJECTED,
    ResultKind.UNREADABLE,
    ResultKind.UNAVAILABLE,
)


@frozen(eq=False)
class RequestSender:
    """Makes the attempts of lookups, one at a time for each.

    Args:
        attempt_timeout: Seconds for one request.
        max_pause: Seconds that a server's Retry-After is believed at most.
        api: The version that is asked.
    """

    transport: CheckedTransport
    pool: CredentialPool
    observers: Observers
    reader: Reader
    attempt_timeout: float
    max_pause: float = LONGEST
    api: ApiVersion = ApiVersion.V1_1

    async def send(self, state: LookupState, url: str) -> AttemptResult:
        """Make one attempt, on the credential that can send soonest.

        Raises `AuthenticationError` once every credential is refused.
        """
        refusals: Refusals | None = None
        resends = 0
        while True:
            usable = self.pool.usable
            credential = usable[0] if len(usable) == 1 else self._next_credential(refusals)
            state.credential, evidence = credential, credential.evidence
            evidence.in_flight += 1
            try:
                result = await self._attempt_once(state, credential, url)
            except WaiterEvictedError:
                continue
            finally:
                evidence.in_flight -= 1
                if evidence.waiters:
                    evidence.wake()
            if result.kind in _FINAL:
                return result
            if result.kind is ResultKind.RETRYABLE:
                if await may_resend(state.deadline, result, resends):
                    resends += 1
                    continue
                if not (result.throttled or result.shortage):
                    self.pool.on_failure(credential)
                return result
            refusals = refusals or Refusals(state.query.identifier, state.tolerated, self.pool)
            headers, left = state.sent_headers, state.remaining()
            consequence = await refusals.take_in(credential, result, headers, left)
            if consequence is not None:
                return consequence

    def _next_credential(self, refusals: Refusals | None) -> CredentialState:
        avoided = () if refusals is None else refusals.avoided
        return self.pool.next_available(asyncio.get_running_loop().time(), avoided)

    async def _attempt_once(
        self, state: LookupState, credential: CredentialState, url: str
    ) -> AttemptResult:
        auth, failure = credential.auth, None
        state.sent_headers = None
        if auth.renewable:
            failure = await auth.ensure_ready(state.remaining())
        failure = failure or await self._acquire_slot(state, credential)
        if failure is not None:
            return failure
        # The wait may have taken longer than the token lives.
        if auth.renewable and auth.has_lapsed():
            failure = await self._renew_token(state, credential)
            if failure is not None:
                return failure
        state.sent_headers = auth.headers
        try:
            return await self._send_once(state, credential, url)
        except NoHeadersError as error:
            state.sent_headers = None
            return error.result

    async def _renew_token(
        self, state: LookupState, credential: CredentialState
    ) -> AttemptResult | None:
        """Wait for a new token; without one, the slot is released."""
        try:
            failure = await credential.auth.ensure_ready(state.remaining())
        except BaseException:
            credential.pace.release()
            raise
        if failure is not None:
            credential.pace.release()
        return failure

    async def _acquire_slot(
        self, state: LookupState, credential: CredentialState
    ) -> AttemptResult | None:
        """Wait for a slot; the result, if the deadline comes first."""
        loop, deadline = asyncio.get_running_loop(), state.deadline
        started = loop.time()
        try:
            if deadline.share is None:
                if not credential.pace.try_admit(deadline):
                    await credential.pace.admit(deadline)
            else:
                await admit(deadline, credential.pace)
        except SlotAfterDeadlineError as error:
            wait = min(error.wait, self.max_pause)
            return AttemptResult(ResultKind.UNAVAILABLE, error.reason, retry_after=wait)
        finally:
            state.waited += loop.time() - started
        return None

    async def _send_once(
        self, state: LookupState, credential: CredentialState, url: str
    ) -> AttemptResult:
        started = asyncio.get_running_loop().time()
        pages, observed = self.pool.pages, self.observers.enabled()
        pages.requests += 1
        state.request_number = pages.requests
        response: Response | None = None
        result: AttemptResult | None = None
        error: TransportError | None = None
        not_sent = False
        state.attempts += 1
        number = state.attempts
        try:
            credential.request_sent()
            if observed:
                self._emit_began(state)
            response = await self._exchange(state, credential, url)
            state.request_id = _request_id(response)
            result = await self._classify(state, response)
            self._handle_response(state, result, response, started)
        except (WaiterEvictedError, NoHeadersError):
            # It had its connection when a cool-down began or its token lapsed, and was not sent.
            not_sent = True
            raise
        except TransportError as exc:
            error, result = exc, _failure(exc)
            not_sent = result.shortage
        finally:
            # Only now: the next waiter must not be admitted before a cool-down has begun.
            credential.pace.release()
            if not_sent:
                state.attempts -= 1
                credential.send_cancelled()
            if result is not None and result.shortage:
                credential.on_shortage(result.reason)
            if observed:
                self._emit_ended(state, number, response, result, error, started)
        return result

    async def _exchange(
        self, state: LookupState, credential: CredentialState, url: str
    ) -> Response:
        before_send: Callable[[], Awaitable[Mapping[str, str] | None]]
        before_send = credential.pace.before_send
        if credential.auth.renewable:
            before_send = partial(self._before_send, state, credential)
            if not self.transport.calls_before_send:
                await before_send()
        request = Request(
            url=url,
            headers=state.sent_headers or {},
            credential=credential.index,
            try_send=None if credential.auth.renewable else credential.pace.try_send,
            before_send=before_send if self.transport.calls_before_send else None,
        )
        timeout, at = self.attempt_timeout, state.deadline.at
        if at is not None:
            timeout = min(timeout, max(at - asyncio.get_running_loop().time(), 0.001))
        return await self.transport.send(request, timeout=timeout)

    async def _before_send(
        self, state: LookupState, credential: CredentialState
    ) -> Mapping[str, str]:
        headers = state.sent_headers = await credential.before_send(state.remaining())
        return headers

    async def _classify(self, state: LookupState, response: Response) -> AttemptResult:
        """Classify a response; a long one in a thread."""
        query, now, longest = state.query, datetime.now(UTC), self.max_pause
        if not is_long(response.body):
            return classify(response, query, self.reader, now, longest, self.api)
        result = await off_loop(classify, response, query, self.reader, now, longest, self.api)
        if result.customer is not None:
            state.objects += count_objects(response.body)
        return result

    def _handle_response(
        self, state: LookupState, result: AttemptResult, response: Response, sent_at: float
    ) -> None:
        credential, pages = state.credential, self.pool.pages
        if result.kind is ResultKind.RETRYABLE:
            if result.throttled:
                # Evict waiters before the cool-down starts: another credential may still meet
                # their deadlines.
                self.pool.reroute_waiters(credential)
                credential.on_throttled(sent_at, result.retry_after)
        elif result.kind is not ResultKind.CREDENTIALS_REFUSED:
            credential.on_response(from_api=result.from_api)
            if result.from_api and pages.customers:
                pages.on_answer(state.request_number)
        quotas: tuple[QuotaPolicy, ...] = ()
        limits = credential.server_limits
        if not HEADER_NAMES.isdisjoint(map(str.lower, response.headers)):
            quotas = policies(response.headers, datetime.now(UTC))
        if quotas or limits.slowed_at is not None:
            limits.update(quotas, sent_at=sent_at, now=asyncio.get_running_loop().time())

    def _emit_began(self, state: LookupState) -> None:
        waited, state.reported_wait = state.waited - state.reported_wait, state.waited
        self.observers.emit(
            AttemptBegan(
                lookup=state.lookup,
                credential=state.credential.index,
                attempt=state.attempts,
                waited=waited,
            )
        )

    def _emit_ended(  # noqa: PLR0917
        self,
        state: LookupState,
        number: int,
        response: Response | None,
        result: AttemptResult | None,
        error: TransportError | None,
        started: float,
    ) -> None:
        self.observers.emit(
            AttemptEnded(
                lookup=state.lookup,
                credential=state.credential.index,
                attempt=number,
                ending=_event_ending(result),
                status=None if response is None else response.status,
                duration=asyncio.get_running_loop().time() - started,
                request_id=None if response is None else _request_id(response),
                error=None if error is None else type(error.__cause__ or error).__name__,
            )
        )


def _request_id(response: Response) -> str | None:
    headers = response.headers
    text = headers.get(REQUEST_ID) or headers.get(_NEWER_REQUEST_ID)
    # aiohttp decodes bytes that are not UTF-8 to lone surrogates, which JSON cannot hold.
    return None if text is None else text.encode("utf-8", "replace").decode()


def _failure(error: TransportError) -> AttemptResult:
    if isinstance(error, ResponseTooLargeError):
        return AttemptResult(ResultKind.UNREADABLE, error.reason)
    return transport_failure(error)


def _event_ending(result: AttemptResult | None) -> str:
    if result is None:
        return "cancelled"
    return "throttled" if result.throttled else result.kind.value
