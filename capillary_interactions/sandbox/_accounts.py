"""Who is asking, and have they proven it?

Basic credentials are `base64(username:md5hex(password))`, tokens come from the token endpoint
(docs.capillarytech.com, "Authentication").
"""

import base64
import binascii
import hashlib
import math
import secrets
from collections.abc import Mapping

import orjson

from capillary_interactions.sandbox._counters import UNKNOWN_CREDENTIAL
from capillary_interactions.sandbox._responses import Answer, error_answer

_TOKEN_HEADER = "X-CAP-API-OAUTH-TOKEN"  # noqa: S105 - the name of a header


def _authorization(username: str, password: str) -> str:
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return "Basic " + base64.b64encode(f"{username}:{digest}".encode()).decode()


def _username(authorization: str) -> str:
    """The user name that a header claims, or nothing if it cannot be read."""
    try:
        claimed = base64.b64decode(authorization.partition(" ")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return UNKNOWN_CREDENTIAL
    return claimed.partition(":")[0]


class Accounts:
    """The accounts, the OAuth clients, and the tokens that are good now."""

    def __init__(self, accounts: Mapping[str, str], oauth: Mapping[str, str]) -> None:
        self._accounts = {_authorization(name, word): name for name, word in accounts.items()}
        self._names = frozenset(accounts)
        self._oauth = dict(oauth)
        self._tokens: dict[str, tuple[str, float]] = {}

    def identify(self, headers: Mapping[str, str], now: float) -> tuple[str, bool]:
        """The credential to count a request under, and whether it is proven.

        A wrong password still counts for the account it names, and an expired token for its key.
        """
        authorization = headers.get("Authorization", "")
        username = self._accounts.get(authorization)
        if username is not None:
            return username, True
        token = headers.get(_TOKEN_HEADER)
        if token is not None:
            key, expires = self._tokens.get(token, (UNKNOWN_CREDENTIAL, -math.inf))
            return key, now < expires
        claimed = _username(authorization)
        return claimed if claimed in self._names else UNKNOWN_CREDENTIAL, False

    def issue(self, body: bytes, now: float, ttl: float) -> Answer:
        """The token endpoint's answer; a token differs on every call."""
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            asked = None
        key, secret = (
            (asked.get("key"), asked.get("secret")) if isinstance(asked, dict) else (None, None)
        )
        if not isinstance(key, str) or key not in self._oauth or self._oauth[key] != secret:
            return error_answer(401, 401, "Invalid key or secret", data=None)
        self._tokens = {text: held for text, held in self._tokens.items() if now < held[1]}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (key, now + ttl)
        granted = {"accessToken": token, "ttlSeconds": math.ceil(ttl)}
        return Answer(orjson.dumps({"data": granted, "errors": None}))

    def revoke(self) -> None:
        """Make every token issued so far worthless."""
        self._tokens.clear()
