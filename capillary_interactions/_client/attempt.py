"""One attempt of a lookup: a credential, a slot of the quota, and an exchange with the server."""

from typing import Final

from attrs import frozen

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.exchange import Exchange
from capillary_interactions._client.lookup_state import LookupState
from capillary_interactions._client.refusals import Refusals
from capillary_interactions._client.retry import may_resend
from capillary_interactions._pacing.deadline import (
    Deadline,
    NoSlotError,
    SlotAfterDeadlineError,
    admit,
)
from capillary_interactions._pacing.pace import Pace, WaiterEvictedError
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.token_response import NoHeadersError

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
    """Makes the attempts of lookups, one at a time for each."""

    exchange: Exchange
    pool: CredentialPool

    async def send(self, state: LookupState, url: str) -> AttemptResult:
        """Make one attempt, on the credential that can send soonest.

        Raises `AuthenticationError` once every credential is refused.
        """
        refusals: Refusals | None = None
        resends = 0
        while True:
            usable = self.pool.usable
            credential = usable[0] if len(usable) == 1 else self._next_credential(state, refusals)
            state.credential, evidence = credential, credential.evidence
            evidence.in_flight += 1
            try:
                failure = None if _try_start(state, credential) else await self._start(state)
                result = failure or await self.exchange.run(state, credential, url)
            except WaiterEvictedError:
                continue
            except NoHeadersError as error:
                state.sent_headers, result = None, error.result
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

    def _next_credential(self, state: LookupState, refusals: Refusals | None) -> CredentialState:
        avoided = () if refusals is None else refusals.avoided
        return self.pool.next_available(state.loop.time(), avoided)

    async def _start(self, state: LookupState) -> AttemptResult | None:
        """Wait for headers and a slot; the result, if the request has to end without them."""
        credential = state.credential
        auth, failure = credential.auth, None
        state.sent_headers = None
        if auth.renewable:
            failure = await auth.ensure_ready(state.remaining())
        failure = failure or await self._acquire_slot(state, credential)
        if failure is not None:
            return failure
        # The wait may have taken longer than the token lives.
        if auth.renewable and auth.has_lapsed():
            failure = await _renew_token(state, credential)
        if failure is None:
            state.sent_headers = auth.headers
        return failure

    async def _acquire_slot(
        self, state: LookupState, credential: CredentialState
    ) -> AttemptResult | None:
        """Wait for a slot; the result, if there is none, or the deadline comes first."""
        if _try_admit(state.deadline, credential.pace):
            return None
        started = state.loop.time()
        state.deadline.needed = credential.answer_time.expected
        try:
            await admit(state.deadline, credential.pace)
        except (SlotAfterDeadlineError, NoSlotError) as error:
            wait = min(error.wait, self.exchange.max_pause)
            return AttemptResult(ResultKind.UNAVAILABLE, error.reason, retry_after=wait)
        finally:
            state.waited += state.loop.time() - started
        return None


def _try_start(state: LookupState, credential: CredentialState) -> bool:
    """Take headers and a slot, if neither has to be waited for; whether it was so."""
    if credential.auth.renewable or not _try_admit(state.deadline, credential.pace):
        return False
    state.sent_headers = credential.auth.headers
    return True


def _try_admit(deadline: Deadline, pace: Pace) -> bool:
    return deadline.share is None and pace.try_admit(deadline)


async def _renew_token(state: LookupState, credential: CredentialState) -> AttemptResult | None:
    """Wait for a new token; without one, the slot is released."""
    try:
        failure = await credential.auth.ensure_ready(state.remaining())
    except BaseException:
        credential.pace.release()
        raise
    if failure is not None:
        credential.pace.release()
    return failure
