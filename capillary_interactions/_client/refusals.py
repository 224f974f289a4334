"""What does a refusal come to? Another token, another try, one customer, or the credential."""

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

# Tokens that lapsed on their way within one attempt; more than that is trouble like any other.
_MAX_LAPSED: Final = 8
# A credential that was good a moment ago is asked once more before it counts as refused.
_SECOND_LOOK: Final = 0.5

_UNPROVEN: Final = (
    " (if every customer is refused: check the credentials, and whether this machine may reach the "
    "API)"
)


@define(eq=False)
class _Count:
    """The refusals of one credential within one attempt.

    Attributes:
        strikes: Refusals that count.
        answers: The credential's answers before the first of them.
    """

    strikes: int = 0
    answers: int = 0


@define(eq=False)
class Refusals:
    """The refusals that one attempt has met.

    Attributes:
        customer: The customer asked for.
        tolerated: See `Doubt.is_believed`.
        avoided: Credentials that are not used again for this customer, as long as there are others.
    """

    customer: Identifier
    tolerated: int
    avoided: tuple[CredentialState, ...] = field(default=(), init=False)
    _lapsed: int = field(default=0, init=False)
    _counts: dict[CredentialState, _Count] = field(factory=dict, init=False)

    async def judge(
        self,
        lane: CredentialState,
        refusal: AttemptResult,
        headers: Mapping[str, str] | None,
        left: float | None,
    ) -> AttemptResult | None:
        """What a refusal comes to.

        Args:
            lane: The credential's state.
            refusal: The refusal.
            headers: Those that were refused; None where the token endpoint refused.
            left: Seconds to the deadline, or None.

        Returns:
            The refusal where the credential is refused, the ending where it is about the customer,
            or None to send again.
        """
        if headers is None:
            return refusal
        if not refusal.conclusive:
            return (
                refusal.as_rejected() if lane.answered else await self._doubted(lane, refusal, left)
            )
        if not lane.auth.invalidate(headers):
            # The token had lapsed by our own clock: that says nothing about the credential.
            self._lapsed += 1
            return None if self._lapsed <= _MAX_LAPSED else _retryable(refusal)
        return await self._counted(lane, refusal, left)

    def may_go_elsewhere(
        self, lane: CredentialState, result: AttemptResult, lanes: CredentialPool
    ) -> bool:
        """Whether another credential may be good for this customer, where one has had no answer.

        Args:
            lane: The state of the credential that was refused.
            result: What that came to.
            lanes: All credentials.
        """
        if lane.answered or result.kind is not ResultKind.REJECTED:
            return False
        self.avoided = (*self.avoided, lane)
        return lanes.others(self.avoided)

    async def _counted(
        self, lane: CredentialState, refusal: AttemptResult, left: float | None
    ) -> AttemptResult | None:
        count = self._counts.setdefault(lane, _Count(answers=lane.answers))
        count.strikes += 1
        # A token may have been revoked before its time, and a proxy may have hiccups.
        again = int(lane.auth.renewable) + int(lane.answered)
        if count.strikes < again or (count.strikes == again and not lane.answered):
            return None
        if count.strikes == again:
            if left is not None and left <= _SECOND_LOOK:
                return _retryable(refusal)
            refusals = lane.refusals
            await asyncio.sleep(_SECOND_LOOK)
            if lane.refusals == refusals:
                return None
        if lane.answers > count.answers:
            return refusal.as_rejected()
        return refusal if refusal.from_api else await self._doubted(lane, refusal, left)

    async def _doubted(
        self, lane: CredentialState, refusal: AttemptResult, left: float | None
    ) -> AttemptResult:
        if refusal.from_api:
            return refusal
        if not await lane.doubt.is_believed(self.customer, self.tolerated, left):
            advice = "" if lane.answered else _UNPROVEN
            return evolve(refusal, reason=f"{refusal.reason}{NOT_THE_API}{advice}").as_rejected()
        return evolve(refusal, reason=f"{refusal.reason}, {SEVERAL}")


def _retryable(refusal: AttemptResult) -> AttemptResult:
    return AttemptResult(ResultKind.RETRYABLE, refusal.reason, refusal.status, refusal.code)
