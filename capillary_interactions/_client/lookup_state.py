"""The state of one lookup, from its call to its outcome."""

import asyncio
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from capillary_interactions._client.credential_state import CredentialState
from capillary_interactions._model.query import Query
from capillary_interactions._model.response_headers import NO_HEADERS
from capillary_interactions._pacing.deadline import Deadline
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind

_NOT_ENDED: Final = AttemptResult(ResultKind.UNAVAILABLE)


@define(eq=False)
class LookupState:
    """The state of one lookup.

    Attributes:
        url: The query's.
        loop: The event loop in which it runs.
        waited: Seconds spent so far waiting for quota or a cool-down.
        request_id: The server's name for the last request.
        status: The HTTP status of the last request, or None without an answer.
        headers: Those of the same answer.
        lookup: Its number for observers, or 0 if nothing receives its events.
        reported_wait: Seconds of `waited` that events have reported.
        tolerated: Different customers refused by what is not the API, after which the credential
            is not yet in doubt.
        objects: Objects and lists in the long answers so far, at most.
        request_number: The last request's number; see `ProxyPages`.
        credential: The one of the last attempt.
        sent_headers: Those of the last request; None if there was no token for it.
    """

    query: Query
    url: str = field(repr=False)
    deadline: Deadline
    loop: asyncio.AbstractEventLoop = field(repr=False)
    attempts: int = 0
    waited: float = 0.0
    request_id: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default=NO_HEADERS, repr=False)
    lookup: int = 0
    reported_wait: float = 0.0
    tolerated: int = 1
    objects: int = 0
    request_number: int = 0
    result: AttemptResult = _NOT_ENDED
    credential: CredentialState = field(init=False, repr=False)
    sent_headers: Mapping[str, str] | None = field(default=None, init=False, repr=False)

    def without_attempts(self) -> "LookupState":
        """The same end, for lookups that send nothing."""
        return LookupState(
            self.query,
            self.url,
            self.deadline,
            self.loop,
            request_id=self.request_id,
            status=self.status,
            headers=self.headers,
            result=self.result,
        )

    def remaining(self) -> float | None:
        """Seconds to the deadline, or None without one."""
        return self.deadline.remaining(self.loop.time())
