"""Which headers prove an OAuth client? One token for all lookups, refreshed by one task."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from attrs import evolve, frozen

from capillary_interactions._config.credentials import OAuth
from capillary_interactions._http.transport import (
    CheckedTransport,
    TransportError,
    transport_failure,
)
from capillary_interactions._model.frozen_mapping import FrozenMapping
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Request
from capillary_interactions._protocol.token_response import Token, read_token

_TOKEN_HEADER: Final = "X-CAP-API-OAUTH-TOKEN"  # noqa: S105 - a name
JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
# After a failed request for a token: the first pause before the next one, and the longest; a
# server that asks for a longer one gets it, up to an hour.
_FIRST_PAUSE: Final = 0.5
_MAX_PAUSE: Final = 30.0
_MAX_RETRY_AFTER: Final = 3600.0
# A caller that asks again at once about a refused key must not keep the event loop busy.
_MIN_INTERVAL: Final = 0.01
# Seconds that a lookup waits at most where it is known that no token comes before its deadline.
_MAX_HOPELESS_WAIT: Final = 1.0


@frozen
class _Moment:
    """A time on both clocks, for the loop's may stand still while the machine is suspended."""

    loop: float
    wall: float


_PAST: Final = _Moment(float("-inf"), float("-inf"))


class _TokenHeaders(FrozenMapping[str]):
    """Headers with a token, and until when they can be sent."""

    __slots__ = ("valid_until",)

    def __init__(self, content: Mapping[str, str], valid_until: _Moment) -> None:
        super().__init__(content)
        self.valid_until = valid_until


class OAuthHeaders:
    """The headers of an OAuth client: one token for all, refreshed early by one task.

    Where tokens cannot be had, the task asks again ever more slowly, however many want one; a
    refused key is remembered for as long.

    Args:
        credential: The key and secret.
        extra_headers: Sent with the token.
        request: What to post for a token; `ClientConfig.base_url` and the credential are in it.
        transport: Posts it.
        attempt_timeout: Seconds for one such request.
        on_refreshed: Called with the lifetime of each new token.
        wall: The time of day, in seconds; it goes on while the machine is suspended.
    """

    renewable: ClassVar[bool] = True

    def __init__(
        self,
        credential: OAuth,
        *,
        extra_headers: Mapping[str, str],
        request: Request,
        transport: CheckedTransport,
        attempt_timeout: float,
        on_refreshed: Callable[[float], None],
        wall: Callable[[], float] | None = None,
    ) -> None:
        self._extra_headers = {**JSON, **_attribution(credential), **extra_headers}
        self._request = request
        self._transport = transport
        self._attempt_timeout = attempt_timeout
        self._on_refreshed = on_refreshed
        self._wall = time.time if wall is None else wall
        self._headers = _TokenHeaders({}, _PAST)
        self._renew_at = _PAST
        self._failures = 0
        self._next_request_at = float("-inf")
        self._failed: AttemptResult | None = None
        self._task: asyncio.Task[AttemptResult | None] | None = None

    async def ensure_ready(self, timeout: float | None) -> AttemptResult | None:  # noqa: ASYNC109
        """Make sure that there is a token; what prevented it, if something did."""
        if not self._is_past(self._renew_at):
            return None
        lapsed = self.has_lapsed()
        pause = self._next_request_at - asyncio.get_running_loop().time()
        failed = self._failed
        refused = failed is not None and failed.kind is ResultKind.CREDENTIALS_REFUSED
        if refused and pause > 0:
            if lapsed:
                await asyncio.sleep(_MIN_INTERVAL)
                return failed
            return None
        task = self._refresh_task()
        if not lapsed:
            return None
        if failed is not None and not refused and timeout is not None and pause > timeout:
            # None will come in time; not at once, for there are callers that ask again at once.
            await asyncio.wait({task}, timeout=min(_MAX_HOPELESS_WAIT, timeout / 2))
            return evolve(failed, retry_after=pause)
        return await _result(task, timeout)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers with the newest token."""
        return self._headers

    def has_lapsed(self) -> bool:
        """Whether there is no token that would still be valid when it arrives."""
        return self._is_past(self._headers.valid_until)

    def invalidate(self, headers: Mapping[str, str]) -> bool:
        """Forget a refused token, if that has not been done yet; whether it was still valid."""
        lapsed = isinstance(headers, _TokenHeaders) and self._is_past(headers.valid_until)
        if headers is self._headers:
            self._headers, self._renew_at = _TokenHeaders({}, _PAST), _PAST
        return not lapsed

    async def aclose(self) -> None:
        """End a refresh that is under way."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    def _is_past(self, moment: _Moment) -> bool:
        return asyncio.get_running_loop().time() >= moment.loop or self._wall() >= moment.wall

    def _refresh_task(self) -> asyncio.Task[AttemptResult | None]:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._refresh())
        return self._task

    async def _refresh(self) -> AttemptResult | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_request_at:
            await asyncio.sleep(self._next_request_at - loop.time())
        asked = loop.time()
        token = await self._request_token()
        if isinstance(token, Token):
            self._failures, self._failed = 0, None
            self._store_token(token, loop.time(), loop.time() - asked)
            return None
        self._next_request_at = loop.time() + self._pause(token.retry_after)
        self._failures += 1
        self._failed = token
        return token

    async def _request_token(self) -> Token | AttemptResult:
        try:
            response = await self._transport.send(self._request, timeout=self._attempt_timeout)
        except TransportError as error:
            return transport_failure(error, "no OAuth token: ")
        return read_token(response)

    def _pause(self, hint: float | None) -> float:
        if hint:
            return min(hint, _MAX_RETRY_AFTER)
        return min(_MAX_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10))

    def _store_token(self, token: Token, now: float, took: float) -> None:
        wall = self._wall()
        # Its life may have begun as it was asked for; where that took as long as it lives, it is
        # used all the same, for there will be no better one.
        usable = max(token.usable - took, token.usable / 2)
        fresh = min(token.fresh, usable)
        content = {**self._extra_headers, _TOKEN_HEADER: token.text}
        self._headers = _TokenHeaders(content, _Moment(now + usable, wall + usable))
        self._renew_at = _Moment(now + fresh, wall + fresh)
        self._on_refreshed(token.lifetime)


async def _result(
    task: "asyncio.Task[AttemptResult | None]", seconds: float | None
) -> AttemptResult | None:
    # A caller that leaves must not stop the refresh for the others.
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        return AttemptResult(ResultKind.RETRYABLE, "no OAuth token in time")
    if task.cancelled():
        return AttemptResult(
            ResultKind.RETRYABLE, "no OAuth token: the request for it was given up"
        )
    return task.result()


def _attribution(credential: OAuth) -> dict[str, str]:
    if credential.attribution is None:
        return {}
    type_, code = credential.attribution
    return {
        "X-CAP-API-ATTRIBUTION-ENTITY-TYPE": type_,
        "X-CAP-API-ATTRIBUTION-ENTITY-CODE": code,
    }
