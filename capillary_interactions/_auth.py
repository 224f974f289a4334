"""Which headers prove who we are? Basic, and OAuth with one refresher for everybody."""

import asyncio
import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson
from attrs import field, frozen

from capillary_interactions._credentials import BasicAuth, Credential, OAuth
from capillary_interactions._exchange import Request, Response, Transport, TransportError
from capillary_interactions._hints import retry_after
from capillary_interactions._posting import post, trouble_of
from capillary_interactions._wire import Denied, Trouble

TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path
_TOKEN_HEADER: Final = "X-CAP-API-OAUTH-TOKEN"  # noqa: S105 - a name
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_USUAL_LIFETIME: Final = 300.0
# A new token is fetched while the old one still has a fifth of its life, and none is used in
# the last seconds of its own, for the request must arrive before it ends.
_EARLY: Final = 0.8
_LAST: Final = 0.95
# After a failed request for a token: the first pause before the next one, and the longest; a
# server that asks for a longer one gets it, up to an hour.
_PAUSE_FIRST: Final = 0.5
_PAUSE_MOST: Final = 30.0
_PAUSE_ASKED: Final = 3600.0

_THROTTLED: Final = 429
_FAULTS: Final = 500


class Auth(Protocol):
    """The headers of one credential."""

    async def ready(self, timeout: float | None) -> Denied | Trouble | None:  # noqa: ASYNC109
        """Make sure that there are headers; what prevented it, if something did."""
        ...

    def headers(self) -> Mapping[str, str]:
        """The headers of a request that leaves now."""
        ...

    def renew(self, headers: Mapping[str, str]) -> bool:
        """Whether fresh headers may help where these were refused."""
        ...

    async def aclose(self) -> None:
        """Leave no task behind."""
        ...


class BasicHeaders:
    """The headers of a till, the same for ever."""

    def __init__(self, credential: BasicAuth, further: Mapping[str, str]) -> None:
        pair = f"{credential.username}:{credential.md5()}".encode()
        self._headers = {
            **_JSON,
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            **further,
        }

    async def ready(self, timeout: float | None) -> None:  # noqa: ASYNC109
        """Nothing is missing."""

    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._headers

    def renew(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - of the protocol
        """No others can be had."""
        return False

    async def aclose(self) -> None:
        """Nothing is left behind."""


@frozen
class Token:
    """An access token.

    Attributes:
        text: What is sent.
        lifetime: Seconds for which it is valid.
    """

    text: str = field(repr=False)
    lifetime: float


def read_token(response: Response) -> Token | Denied | Trouble:
    """What the answer to a request for a token means."""
    status = response.status
    if status == _THROTTLED or status >= _FAULTS:
        return Trouble(
            f"no OAuth token: HTTP {status}",
            status,
            throttled=status == _THROTTLED,
            retry_after=retry_after(response.headers.get("retry-after"), datetime.now(UTC)),
        )
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        answer = None
    given = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(given, dict) and _is_token(given.get("accessToken")):
        return Token(given["accessToken"], _lifetime(given))
    if answer is None and status < 400:  # noqa: PLR2004 - a proxy's page, not the API's word
        return Trouble("no OAuth token: the answer is not JSON", status)
    return Denied("the OAuth key and secret are refused", status)


def _is_token(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and bool(text.strip())


def _lifetime(given: Mapping[str, Any]) -> float:
    stated = given.get("ttlSeconds")
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return _USUAL_LIFETIME
    return float(stated) if math.isfinite(stated) and stated > 0 else _USUAL_LIFETIME


class OAuthHeaders:
    """The headers of an OAuth client: one token for all, refreshed early by one task.

    Where tokens cannot be had, the task asks again ever more slowly, however many want one.

    Args:
        credential: The key and secret.
        further: Headers to send besides.
        request: What to post for a token; `ClientConfig.base_url` and the credential are in it.
        transport: Posts it.
        patience: Seconds for one such request.
        refreshed: Told the lifetime of each new token.
    """

    def __init__(
        self,
        credential: OAuth,
        *,
        further: Mapping[str, str],
        request: Request,
        transport: Transport,
        patience: float,
        refreshed: Callable[[float], None],
    ) -> None:
        self._further = {**_JSON, **_attribution(credential), **further}
        self._request = request
        self._transport = transport
        self._patience = patience
        self._refreshed = refreshed
        self._headers: Mapping[str, str] = {}
        self._renew_at = self._valid_until = float("-inf")
        self._failures = 0
        self._ask_at = float("-inf")
        self._task: asyncio.Task[Denied | Trouble | None] | None = None

    async def ready(self, timeout: float | None) -> Denied | Trouble | None:  # noqa: ASYNC109
        """Make sure that there is a token; what prevented it, if something did."""
        now = asyncio.get_running_loop().time()
        if now < self._renew_at:
            return None
        task = self._refresher()
        if now < self._valid_until:
            return None
        # Nobody's leaving stops the others' token.
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if done:
            return task.result()
        return Trouble("no OAuth token in time")

    def headers(self) -> Mapping[str, str]:
        """The headers with the token that is there."""
        return self._headers

    def renew(self, headers: Mapping[str, str]) -> bool:
        """Forget a refused token, if nobody else has yet; a fresh one may help."""
        if headers is self._headers:
            self._renew_at = self._valid_until = float("-inf")
        return True

    async def aclose(self) -> None:
        """End a refresh that is under way."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    def _refresher(self) -> asyncio.Task[Denied | Trouble | None]:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._refresh())
        return self._task

    async def _refresh(self) -> Denied | Trouble | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._ask_at:
            await asyncio.sleep(self._ask_at - loop.time())
        token = await self._ask()
        if isinstance(token, Trouble):
            self._ask_at = loop.time() + self._pause(token.retry_after)
            self._failures += 1
            return token
        self._failures = 0
        if isinstance(token, Denied):
            return token
        self._keep(token, loop.time())
        return None

    async def _ask(self) -> Token | Denied | Trouble:
        try:
            return read_token(await post(self._transport, self._request, self._patience))
        except TransportError as failed:
            return trouble_of(failed, "no OAuth token: ")

    def _pause(self, hint: float | None) -> float:
        if hint:
            return min(hint, _PAUSE_ASKED)
        return min(_PAUSE_MOST, _PAUSE_FIRST * 2.0 ** min(self._failures, 10))

    def _keep(self, token: Token, now: float) -> None:
        self._headers = {**self._further, _TOKEN_HEADER: token.text}
        self._renew_at = now + _EARLY * token.lifetime
        self._valid_until = now + _LAST * token.lifetime
        self._refreshed(token.lifetime)


def _attribution(credential: OAuth) -> dict[str, str]:
    if credential.attribution is None:
        return {}
    kind, code = credential.attribution
    return {
        "X-CAP-API-ATTRIBUTION-ENTITY-TYPE": kind,
        "X-CAP-API-ATTRIBUTION-ENTITY-CODE": code,
    }


def auth_for(
    credential: Credential,
    *,
    place: int,
    base_url: str,
    further: Mapping[str, str],
    transport: Transport,
    patience: float,
    refreshed: Callable[[float], None],
) -> Auth:
    """The headers of a credential.

    Args:
        credential: Whose.
        place: Its place among the client's credentials, counted from 0.
        base_url: Where tokens are generated.
        further: Headers to send besides.
        transport: Posts for tokens.
        patience: Seconds for one such request.
        refreshed: Told the lifetime of each new token.
    """
    if isinstance(credential, BasicAuth):
        return BasicHeaders(credential, further)
    request = Request(
        url=base_url + TOKEN_PATH,
        headers=dict(_JSON),
        credential=place,
        body=orjson.dumps({"key": credential.key, "secret": credential.secret}),
    )
    return OAuthHeaders(
        credential,
        further=further,
        request=request,
        transport=transport,
        patience=patience,
        refreshed=refreshed,
    )
