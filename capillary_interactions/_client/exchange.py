"""One exchange of a lookup: an admitted request, its response, and what both of them change."""

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
from capillary_interactions._client.own_headers import OwnHeaders
from capillary_interactions._http.transport import (
    CheckedTransport,
    ResponseTooLargeError,
    TransportError,
    transport_failure,
)
from capillary_interactions._json.reader import Reader
from capillary_interactions._model.response_headers import (
    MAX_HEADERS,
    NO_HEADERS,
    ResponseHeaders,
    without_surrogates,
)
from capillary_interactions._model.vocabulary import ApiVersion
from capillary_interactions._pacing.pace import WaiterEvictedError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.body import count_objects, is_long
from capillary_interactions._protocol.classify import classify
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import (
    Request,
    Response,
    layer_headers,
    quick_request,
)
from capillary_interactions._protocol.quota_headers import QuotaPolicy, may_hold_policies, policies
from capillary_interactions._protocol.timestamps import LONGEST
from capillary_interactions._protocol.token_response import NoHeadersError
from capillary_interactions.events import AttemptBegan, AttemptEnded

# The vendor's pages print either; the second one is the only name in newer ones.
_REQUEST_ID: Final = "x-cap-requestid"
_NEWER_REQUEST_ID: Final = "x-cap-request-id"
# Up to Python 3.11 an enum computes each access to a member: a third of a microsecond.
_RETRYABLE: Final = ResultKind.RETRYABLE
_CREDENTIALS_REFUSED: Final = ResultKind.CREDENTIALS_REFUSED


@frozen(eq=False)
class Exchange:
    """Sends admitted requests, each of them once, and takes in their responses.

    Args:
        attempt_timeout: Seconds for one request.
        max_pause: Seconds that a server's Retry-After is believed at most.
        api: The version that is asked.
        own_headers: What requests have beside the headers of their credential, or None.
    """

    transport: CheckedTransport
    pool: CredentialPool
    observers: Observers
    reader: Reader
    attempt_timeout: float
    max_pause: float = LONGEST
    api: ApiVersion = ApiVersion.V1_1
    own_headers: OwnHeaders | None = None

    async def run(self, state: LookupState, credential: CredentialState, url: str) -> AttemptResult:
        """The result of one request, whose slot is released.

        Raises:
            NoHeadersError: There is no token when it could be sent.
            WaiterEvictedError: A cool-down has begun by then.
        """
        started, number = state.loop.time(), state.attempts + 1
        response: Response | None = None
        result: AttemptResult | None = None
        error: TransportError | None = None
        try:
            self._begin(state, credential)
            if not self.transport.calls_before_send:
                await self._before_send(state, credential)
            own = self._own(state, credential, url)
            request = self._request(state, credential, url, own)
            response = await self.transport.send(request, timeout=self._timeout(state))
            long = is_long(response.body)
            result = await self._read_long(state, response) if long else self._read(state, response)
            self._take_in(state, result, response, started)
        except (WaiterEvictedError, NoHeadersError):
            # It had its connection when a cool-down began or its token lapsed, and was not sent.
            _undo(state, credential)
            raise
        except TransportError as exc:
            error, result = exc, _failure(exc)
        finally:
            # Only now: the next waiter must not be admitted before a cool-down has begun.
            credential.pace.release()
            if result is not None and result.shortage:
                _undo(state, credential)
                credential.on_shortage(result.reason)
            if state.lookup:
                self._emit_ended(state, number, response, result, error, started)
        return result

    def _begin(self, state: LookupState, credential: CredentialState) -> None:
        pages = self.pool.pages
        pages.requests += 1
        state.request_number = pages.requests
        state.attempts += 1
        state.status, state.headers = None, NO_HEADERS
        credential.request_sent()
        if state.lookup:
            self._emit_began(state)

    def _own(
        self, state: LookupState, credential: CredentialState, url: str
    ) -> Mapping[str, str] | None:
        """The headers of this request alone, if any; it is not sent where a hook fails."""
        if self.own_headers is None:
            return None
        headers = state.sent_headers or {}
        try:
            return self.own_headers.of(
                Request(url=url, headers=headers, credential=credential.index)
            )
        except BaseException:
            _undo(state, credential)
            raise

    def _request(
        self,
        state: LookupState,
        credential: CredentialState,
        url: str,
        own: Mapping[str, str] | None,
    ) -> Request:
        headers, index = state.sent_headers or {}, credential.index
        sent = headers if own is None else layer_headers(headers, own)
        if not self.transport.calls_before_send:
            return quick_request(url=url, headers=sent, credential=index)
        try_send = credential.pace.try_send
        before_send: Callable[[], Awaitable[Mapping[str, str] | None]]
        before_send = credential.pace.before_send
        if credential.auth.renewable:
            try_send = partial(credential.try_send, headers)
            before_send = partial(self._before_send, state, credential, own)
        return quick_request(
            url=url,
            headers=sent,
            credential=index,
            try_send=try_send,
            before_send=before_send,
        )

    async def _before_send(
        self,
        state: LookupState,
        credential: CredentialState,
        own: Mapping[str, str] | None = None,
    ) -> Mapping[str, str] | None:
        if not credential.auth.renewable:
            await credential.pace.before_send()
            return None
        headers = state.sent_headers = await credential.before_send(state.remaining())
        return headers if own is None else layer_headers(headers, own)

    def _timeout(self, state: LookupState) -> float:
        remaining = state.remaining()
        if remaining is None:
            return self.attempt_timeout
        return min(self.attempt_timeout, max(remaining, 0.001))

    def _read(self, state: LookupState, response: Response) -> AttemptResult:
        now = datetime.now(UTC)
        return classify(response, state.query, self.reader, now, self.max_pause, self.api)

    async def _read_long(self, state: LookupState, response: Response) -> AttemptResult:
        result = await off_loop(self._read, state, response)
        if result.customer is not None:
            state.objects += count_objects(response.body)
        return result

    def _take_in(
        self, state: LookupState, result: AttemptResult, response: Response, sent_at: float
    ) -> None:
        state.request_id, state.status = _request_id(response), response.status
        headers = response.headers
        state.headers = ResponseHeaders(headers) if len(headers) > MAX_HEADERS else headers
        credential, pages = state.credential, self.pool.pages
        if result.kind is _RETRYABLE:
            if result.throttled:
                # Evict waiters before the cool-down starts: another credential may still meet
                # their deadlines.
                self.pool.reroute_waiters(credential)
                credential.on_throttled(sent_at, result.retry_after)
        elif result.kind is not _CREDENTIALS_REFUSED:
            credential.answer_time.add(state.loop.time() - sent_at)
            credential.on_response(from_api=result.from_api)
            if result.from_api and pages.customers:
                pages.on_answer(state.request_number)
        quotas: tuple[QuotaPolicy, ...] = ()
        limits = credential.server_limits
        if may_hold_policies(headers):
            quotas = policies(headers, datetime.now(UTC))
        if quotas or limits.slowed_at is not None:
            limits.update(quotas, sent_at=sent_at, now=state.loop.time())

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
                duration=state.loop.time() - started,
                request_id=None if response is None else _request_id(response),
                error=None if error is None else type(error.__cause__ or error).__name__,
            )
        )


def _undo(state: LookupState, credential: CredentialState) -> None:
    """Take back a request that was counted, and never written."""
    state.attempts -= 1
    credential.send_cancelled()


def _request_id(response: Response) -> str | None:
    headers = response.headers
    text = headers.get(_REQUEST_ID) or headers.get(_NEWER_REQUEST_ID)
    return None if text is None else without_surrogates(text)


def _failure(error: TransportError) -> AttemptResult:
    if isinstance(error, ResponseTooLargeError):
        return AttemptResult(ResultKind.UNREADABLE, error.reason)
    return transport_failure(error)


def _event_ending(result: AttemptResult | None) -> str:
    if result is None:
        return "cancelled"
    return "throttled" if result.throttled else result.kind.value
