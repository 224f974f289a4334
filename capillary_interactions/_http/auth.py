"""Which headers prove who we are? Basic, or OAuth."""

import base64
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Protocol

import orjson

from capillary_interactions._config.credentials import BasicAuth, Credential
from capillary_interactions._http.oauth import JSON, OAuthHeaders
from capillary_interactions._http.transport import CheckedTransport
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.messages import Request

TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path


class Auth(Protocol):
    """The headers of one credential.

    Attributes:
        headers: Those of a request that leaves now.
        renewable: Whether headers go out of date, and others can be had.
    """

    renewable: ClassVar[bool]

    @property
    def headers(self) -> Mapping[str, str]:
        """See the class."""
        ...

    async def ensure_ready(self, timeout: float | None) -> AttemptResult | None:  # noqa: ASYNC109
        """Make sure that there are headers; why there are none, if so."""
        ...

    def has_lapsed(self) -> bool:
        """Whether the headers are missing or out of date, so that `ensure_ready` has to wait."""
        ...

    def invalidate(self, headers: Mapping[str, str]) -> bool:
        """Forget refused headers; whether they were still in date when they were refused."""
        ...

    async def aclose(self) -> None:
        """Leave no task behind."""
        ...


class BasicHeaders:
    """The headers of a till, which never change."""

    renewable: ClassVar[bool] = False

    def __init__(self, credential: BasicAuth, extra_headers: Mapping[str, str]) -> None:
        pair = f"{credential.username}:{credential.md5()}".encode()
        self.headers: Mapping[str, str] = {
            **JSON,
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            **extra_headers,
        }

    async def ensure_ready(self, timeout: float | None) -> None:  # noqa: ASYNC109
        """Nothing is ever missing."""

    def has_lapsed(self) -> bool:
        """They never have."""
        return False

    def invalidate(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - of the protocol
        """They are always in date."""
        return True

    async def aclose(self) -> None:
        """There is no task."""


def build_auth(
    credential: Credential,
    *,
    index: int,
    base_url: str,
    extra_headers: Mapping[str, str],
    transport: CheckedTransport,
    attempt_timeout: float,
    on_refreshed: Callable[[float], None],
) -> Auth:
    """The headers of a credential; `on_refreshed` is called with each new token's lifetime."""
    if isinstance(credential, BasicAuth):
        return BasicHeaders(credential, extra_headers)
    request = Request(
        url=base_url + TOKEN_PATH,
        headers=dict(JSON),
        credential=index,
        body=orjson.dumps({"key": credential.key, "secret": credential.secret}),
    )
    return OAuthHeaders(
        credential,
        extra_headers=extra_headers,
        request=request,
        transport=transport,
        attempt_timeout=attempt_timeout,
        on_refreshed=on_refreshed,
    )
