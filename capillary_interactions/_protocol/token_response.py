"""What does an answer of the token endpoint mean? A token, a refusal, or a passing failure."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from attrs import field, frozen

from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind, is_unauthorised
from capillary_interactions._protocol.headers import asked_wait
from capillary_interactions._protocol.messages import Response

_DEFAULT_LIFETIME: Final = 300.0
_THROTTLED: Final = 429
_FAULTS: Final = 500
# Capillary's own code for a key and secret that do not match.
_INVALID_KEY: Final = 320001
_UNAUTHORISED: Final = 401
_REFUSING: Final = frozenset({400, 401, 403})
_NOT_JSON: Final = object()
_BOM: Final = b"\xef\xbb\xbf"
# A token takes some kilobytes at most; what is read here is read in the event loop.
_MAX_ANSWER: Final = 64 * 1024
_REFUSED: Final = "the OAuth key and secret are refused"


class NoHeadersError(Exception):
    """A request cannot be sent: there is no token."""

    def __init__(self, result: AttemptResult) -> None:
        super().__init__(result.reason)
        self.result = result


@frozen
class Token:
    """An access token, valid for `lifetime` seconds."""

    text: str = field(repr=False)
    lifetime: float

    @property
    def usable(self) -> float:
        """Seconds for which it is sent: a request must arrive before the token ends.

        A twentieth of the life is left for that, of short lives up to a quarter or a second.
        """
        return self.lifetime - max(0.05 * self.lifetime, min(1.0, 0.25 * self.lifetime))

    @property
    def fresh(self) -> float:
        """Seconds after which the next one is fetched, while this one can still be sent."""
        return self.usable - 0.15 * self.lifetime


def read_token(response: Response) -> Token | AttemptResult:
    """What the answer to a request for a token means.

    Only the API itself can refuse a key: JSON with the code for it, or without any code and with a
    status that means so, or a bare 401. Another code, "authorization status unavailable", a page
    of a proxy, or an answer without a token, may pass.
    """
    status, answer = response.status, _parsed(response.body)
    codes = tuple(_codes(answer))
    if _INVALID_KEY in codes:
        return AttemptResult(ResultKind.CREDENTIALS_REFUSED, _REFUSED, status, _INVALID_KEY)
    api_refuses = answer is not _NOT_JSON and not codes and status in _REFUSING
    passes = api_refuses and is_unauthorised(response.body.decode("latin-1"))
    if (api_refuses and not passes) or (status == _UNAUTHORISED and not response.body):
        return AttemptResult(ResultKind.CREDENTIALS_REFUSED, _REFUSED, status)
    data = answer.get("data") if isinstance(answer, dict) and status < 300 else None  # noqa: PLR2004
    if isinstance(data, dict) and _is_token(data.get("accessToken")):
        return Token(data["accessToken"], _lifetime(data))
    wait = asked_wait(response.headers, datetime.now(UTC))
    return AttemptResult(
        ResultKind.RETRYABLE,
        f"no OAuth token: HTTP {status}{_flaw(response, answer, codes)}",
        status,
        retry_after=wait.seconds,
        retry_after_capped=wait.capped,
        throttled=status == _THROTTLED,
    )


def _flaw(response: Response, answer: Any, codes: tuple[int, ...]) -> str:
    """What is wrong with an answer beside its status, for a person."""
    if response.status == _THROTTLED or response.status >= _FAULTS:
        return ""
    if not response.body:
        return " with an empty body"
    if len(response.body) > _MAX_ANSWER:
        return f" with a body of more than {_MAX_ANSWER} bytes"
    if answer is _NOT_JSON:
        return " with a body that is not JSON"
    code = f" (code {codes[0]})" if codes else ""
    return f" without a usable data.accessToken{code}"


def _parsed(body: bytes) -> Any:
    if len(body) > _MAX_ANSWER:
        return _NOT_JSON
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return _NOT_JSON


def _codes(answer: Any) -> Iterator[int]:
    """The codes of failures that an answer names, at each of the places known for them."""
    if not isinstance(answer, dict):
        return
    errors = answer.get("errors")
    listed = errors if isinstance(errors, list) else [errors]
    response = answer.get("response")
    statuses = [part.get("status") for part in (response, answer) if isinstance(part, dict)]
    for source in (*listed, *statuses, answer):
        if isinstance(source, dict):
            for name in ("code", "errorCode"):
                if re.fullmatch(r"[0-9]{1,9}", str(source.get(name)), re.ASCII):
                    yield int(str(source[name]))


def _is_token(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and bool(text.strip())


def _lifetime(data: Mapping[str, Any]) -> float:
    stated = data.get("ttlSeconds")
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return _DEFAULT_LIFETIME
    return float(stated) if math.isfinite(stated) and stated > 0 else _DEFAULT_LIFETIME
