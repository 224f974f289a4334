"""What follows from a refusal? Another token or attempt, a rejection, or a disabled credential."""

import asyncio
from collections.abc import Mapping
from typing import Final

from attrs import define, evolve, field

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._client.refusal_evidence import SEVERAL
from capillary_interactions._errors import NOT_THE_API
from capillary_interactions._model.query import Identifier
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind

# Tokens that lapse on the way within one attempt; more than that is a failure like any other.
_MAX_LAPSED: Final = 8
# Seconds after which a credential that was good a moment ago is tried once more.
_RECHECK_AFTER: Final = 0.5

_UNPROVEN: Final = (
    " (if every customer is refused: check the credentials, and whether this machine may reach the "
    "API)"
)


@define(eq=False)
class _Count:
    """The refusals of one credential within one attempt, and its answers before the first."""

    strikes: int = 0
    answers: int = 0


@define(eq=False)
class Refusals:
    """The refusals that one attempt has met.

    Attributes:
        tolerated: See `refusal_evidence.is_believed`.
        avoided: Credentials that are not used again for this customer, as long as there are others.
    """

    customer: Identifier
    tolerated: int
    pool: CredentialPool
    avoided: tuple[CredentialState, ...] = field(default=(), init=False)
    _lapsed: int = field(default=0, init=False)
    _counts: dict[CredentialState, _Count] = field(factory=dict, init=False)

    async def take_in(
        self,
        credential: CredentialState,
        refusal: AttemptResult,
        headers: Mapping[str, str] | None,
        left: float | None,
    ) -> AttemptResult | None:
        """The result of an attempt that met a refusal, or None to send again.

        Headers are None where the token endpoint refused.

        Raises:
            AuthenticationError: The last credential is refused.
        """
        result = await self._judge(credential, refusal, headers, left)
        if result is None or result.kind is ResultKind.RETRYABLE:
            return result
        if result.kind is ResultKind.CREDENTIALS_REFUSED:
            self.pool.disable(credential, result)
            return None
        if credential.answered:
            return result
        # Another credential may be good for this customer, where this one has had no answer.
        self.avoided = (*self.avoided, credential)
        return None if self.pool.has_others(self.avoided) else result

    async def _judge(
        self,
        credential: CredentialState,
        refusal: AttemptResult,
        headers: Mapping[str, str] | None,
        left: float | None,
    ) -> AttemptResult | None:
        if headers is None:
            return refusal
        if not refusal.conclusive:
            if credential.answered:
                return refusal.as_rejected()
            return await self._doubted(credential, refusal, left)
        if not credential.auth.invalidate(headers):
            # By our own clock the token had lapsed: that is not about the credential.
            self._lapsed += 1
            return None if self._lapsed <= _MAX_LAPSED else _retryable(refusal)
        return await self._counted(credential, refusal, left)

    async def _counted(
        self, credential: CredentialState, refusal: AttemptResult, left: float | None
    ) -> AttemptResult | None:
        count = self._counts.setdefault(credential, _Count(answers=credential.answers))
        count.strikes += 1
        # A token may have been revoked before its time, and a proxy may fail once.
        again = int(credential.auth.renewable) + int(credential.answered)
        if count.strikes < again or (count.strikes == again and not credential.answered):
            return None
        if count.strikes == again:
            if left is not None and left <= _RECHECK_AFTER:
                return _retryable(refusal)
            refusals = credential.refusals
            await asyncio.sleep(_RECHECK_AFTER)
            if credential.refusals == refusals:
                return None
        if credential.answers > count.answers:
            return refusal.as_rejected()
        return refusal if refusal.from_api else await self._doubted(credential, refusal, left)

    async def _doubted(
        self, credential: CredentialState, refusal: AttemptResult, left: float | None
    ) -> AttemptResult:
        if refusal.from_api:
            return refusal
        if not await credential.evidence.is_believed(self.customer, self.tolerated, left):
            advice = "" if credential.answered else _UNPROVEN
            return evolve(refusal, reason=f"{refusal.reason}{NOT_THE_API}{advice}").as_rejected()
        return evolve(refusal, reason=f"{refusal.reason}, {SEVERAL}")


def _retryable(refusal: AttemptResult) -> AttemptResult:
    return AttemptResult(ResultKind.RETRYABLE, refusal.reason, refusal.status, refusal.code)
