"""Which headers prove who we are? Basic, or OAuth."""

import base64
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import orjson

from capillary_interactions._config.credentials import BasicAuth, Credential
from capillary_interactions._http.oauth import JSON, OAuthHeaders
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.messages import Request, Transport

TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path


class Auth(Protocol):
    """The headers of one credential."""

    async def ready(self, timeout: float | None) -> AttemptResult | None:  # noqa: ASYNC109
        """Make sure that there are headers; what prevented it, if something did."""
        ...

    def headers(self) -> Mapping[str, str]:
        """The headers of a request that leaves now."""
        ...

    @property
    def renewable(self) -> bool:
        """Whether other headers can be had where some were refused."""
        ...

    def lapsed(self) -> bool:
        """Whether the headers are missing or out of date, so that `ready` is to be awaited."""
        ...

    def renew(self, headers: Mapping[str, str]) -> bool:
        """Forget refused headers; whether they were still in date as their refusal came."""
        ...

    async def aclose(self) -> None:
        """Leave no task behind."""
        ...


class BasicHeaders:
    """The headers of a till, the same for ever."""

    def __init__(self, credential: BasicAuth, further: Mapping[str, str]) -> None:
        pair = f"{credential.username}:{credential.md5()}".encode()
        self._headers = {
            **JSON,
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            **further,
        }

    async def ready(self, timeout: float | None) -> None:  # noqa: ASYNC109
        """Nothing is missing."""

    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._headers

    @property
    def renewable(self) -> bool:
        """No others can be had."""
        return False

    def lapsed(self) -> bool:
        """They never are."""
        return False

    def renew(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - of the protocol
        """They are always in date."""
        return True

    async def aclose(self) -> None:
        """Nothing is left behind."""


def build_auth(
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
        headers=dict(JSON),
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
