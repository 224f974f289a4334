"""Credentials and tokens: for which account does a request count, and is it authenticated?

Basic credentials are `base64(username:md5hex(password))`, tokens come from the token endpoint
(docs.capillarytech.com, "Authentication").
"""

import base64
import binascii
import hashlib
import math
import secrets
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import orjson

from capillary_interactions.sandbox._counters import UNKNOWN_CREDENTIAL
from capillary_interactions.sandbox._published_errors import CLIENT_REFUSED
from capillary_interactions.sandbox._requests import ENTITY_TYPE_HEADER, ENTITY_TYPES
from capillary_interactions.sandbox._responses import Answer

_TOKEN_HEADER: Final = "X-CAP-API-OAUTH-TOKEN"  # noqa: S105 - the name of a header
# Marks a token as issued once, however long ago.
_ISSUED: Final = "sandbox-"

Problem = Literal["credentials", "token_expired", "token_invalid", "attribution"]


class Identification(NamedTuple):
    """For which credential a request counts, and why it is refused, if it is."""

    credential: str
    problem: Problem | None


def _authorization(username: str, password: str) -> str:
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return "Basic " + base64.b64encode(f"{username}:{digest}".encode()).decode()


def _username(authorization: str) -> str:
    try:
        claimed = base64.b64decode(authorization.partition(" ")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return UNKNOWN_CREDENTIAL
    return claimed.partition(":")[0]


class Accounts:
    def __init__(self, accounts: Mapping[str, str], oauth: Mapping[str, str]) -> None:
        self._accounts = {
            _authorization(name, password): name for name, password in accounts.items()
        }
        self._names = frozenset(accounts)
        self._oauth = dict(oauth)
        self._tokens: dict[str, tuple[str, float]] = {}

    def identify(self, headers: Mapping[str, str], now: float) -> Identification:
        """The credential that a request counts for, and what is wrong with it.

        A wrong password still counts for the account it names, and an expired token for its key.
        """
        found = self._authenticate(headers, now)
        if found.problem is None and headers.get(ENTITY_TYPE_HEADER, "TILL") not in ENTITY_TYPES:
            return Identification(found.credential, "attribution")
        return found

    def _authenticate(self, headers: Mapping[str, str], now: float) -> Identification:
        authorization = headers.get("Authorization", "")
        username = self._accounts.get(authorization)
        if username is not None:
            return Identification(username, None)
        token = headers.get(_TOKEN_HEADER)
        if token is not None:
            return self._identify_token(token, now)
        claimed = _username(authorization)
        known = claimed if claimed in self._names else UNKNOWN_CREDENTIAL
        return Identification(known, "credentials")

    def _identify_token(self, token: str, now: float) -> Identification:
        key, expires = self._tokens.get(token, (UNKNOWN_CREDENTIAL, -math.inf))
        if now < expires:
            return Identification(key, None)
        issued = token.startswith(_ISSUED)
        return Identification(key, "token_expired" if issued else "token_invalid")

    def issue(self, body: bytes, now: float, ttl: float) -> Answer:
        """The token endpoint's answer; a token differs on every call."""
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            request = None
        request = request if isinstance(request, dict) else {}
        key = request.get("key")
        if not isinstance(key, str) or self._oauth.get(key, ...) != request.get("secret"):
            return CLIENT_REFUSED
        self._tokens = {text: token for text, token in self._tokens.items() if now < token[1]}
        text = _ISSUED + secrets.token_urlsafe(24)
        self._tokens[text] = (key, now + ttl)
        data = {"accessToken": text, "ttlSeconds": math.ceil(ttl)}
        return Answer(orjson.dumps({"data": data, "errors": None}))

    def revoke(self) -> None:
        self._tokens.clear()
