"""With every logger at DEBUG and every fault, neither personal data nor a secret is shown."""

import asyncio
import base64
import hashlib
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import quote

import orjson
import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    LookupFailedError,
    OAuth,
    Outcome,
    Query,
    RetryPolicy,
    Timeouts,
)
from capillary_interactions.sandbox import FAULTS, Sandbox
from tests.tables import table

from .byte_server import ByteServer, acting, always, answer
from .clients import UNLIMITED

MOBILE: Final = "919738522695"
EMAIL: Final = "jane.roe+x@example.com"
EXTERNAL: Final = "Cust 77/Ä-2025"
PASSWORD: Final = "pa55-word-of-a-till"
SECRET: Final = "s3cret-of-a-client"
KEY: Final = "key-of-a-client"
TOKEN: Final = "t0ken-of-a-client"
TILL: Final = "till.of.mumbai"
PROXY_USER: Final = "branch-of-mumbai"
PROXY_PASSWORD: Final = "pr0xy-word"
DIGEST: Final = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()

TWO_ATTEMPTS: Final = RetryPolicy(attempts=2, wait_initial=0.0, wait_max=0.0, throttled_initial=0.0)
QUERIES: Final = (
    Query(Identifier.mobile(MOBILE), source="INSTORE", account_id="acc-4711", extra={"x": "y-81"}),
    Query(Identifier.email(EMAIL)),
    Query(Identifier.external_id(EXTERNAL)),
)

FORBIDDEN: Final = (
    MOBILE,
    EMAIL,
    EXTERNAL,
    *(quote(value, safe="") for value in (EMAIL, EXTERNAL)),
    PASSWORD,
    DIGEST,
    base64.b64encode(f"{TILL}:{DIGEST}".encode()).decode(),
    SECRET,
    KEY,
    TOKEN,
    PROXY_USER,
    PROXY_PASSWORD,
    base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode(),
    "identifierName=",
    "format=json",
)


class Recorder(logging.Handler):
    """Collects every record of every logger, with all that a formatter could show."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, the attributes and the traceback."""
        self.texts += [record.getMessage(), repr(record.__dict__)]
        if record.exc_info is not None and record.exc_info[1] is not None:
            self.texts.append("".join(traceback.format_exception(record.exc_info[1])))


@pytest.fixture
async def logged(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """All that is logged, from the root down, with asyncio's debug mode logging every callback."""
    handler, root = Recorder(), logging.getLogger()
    loop = asyncio.get_running_loop()
    # Where a callback was made is a matter of source lines only, which take long to find.
    monkeypatch.setattr("asyncio.constants.DEBUG_STACK_DEPTH", 1)
    # In place of pytest's handlers, which format every record, too.
    monkeypatch.setattr(root, "handlers", [handler])
    level = root.level
    root.setLevel(logging.DEBUG)  # not by the attribute: loggers remember which levels were off
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    yield handler.texts
    loop.set_debug(False)
    root.setLevel(level)


def check(texts: list[str], *values: object) -> None:
    """Check that no text and no value shows anything forbidden; forget the texts."""
    shown = "\n".join([*texts, *map(repr, values), *map(str, values)]).lower()
    texts.clear()
    for secret in map(str.lower, FORBIDDEN):
        at = shown.find(secret)
        assert at < 0, f"{secret!r} shows in {shown[max(0, at - 300) : at + 300]!r}"


def printable_parts(outcome: Outcome | BaseException) -> Iterator[object]:
    """Yield everything of an outcome, or of what was raised, that an application may print."""
    if isinstance(outcome, BaseException):
        assert isinstance(outcome, AuthenticationError)
        yield from (outcome, "".join(traceback.format_exception(outcome)))
        return
    yield from (outcome, outcome.query, outcome.query.identifier)
    if isinstance(outcome, Found):
        yield outcome.customer
        return
    yield outcome.reason
    try:
        outcome.unwrap()
    except LookupFailedError as error:
        yield error
        yield "".join(traceback.format_exception(error))


def config_for(base_url: str, **settings: Any) -> ClientConfig:
    """Return settings with two attempts."""
    defaults = {"auth": BasicAuth(TILL, PASSWORD), "rate": UNLIMITED, "retry": TWO_ATTEMPTS}
    return ClientConfig(base_url, **{**defaults, **settings})


# The path of a failure does not depend on the credential, so OAuth meets only some of the faults;
# that of an error by a code is taken below, by a server that repeats the request in it.
@table(
    ("fault", "auth"),
    [
        *(
            (fault, BasicAuth(TILL, PASSWORD))
            for fault in (None, *FAULTS)
            if "code_" not in str(fault)
        ),
        *((fault, OAuth(KEY, SECRET)) for fault in (None, "error_500", "hang", "reset_mid_body")),
    ],
)
async def test_shows_nothing_whatever_fails(
    fault: str | None, auth: BasicAuth | OAuth, logged: list[str]
) -> None:
    """Log records, reprs and exception texts of every fault, for every type of identifier."""
    async with Sandbox(
        faults={} if fault is None else {fault: 1.0},
        accounts={TILL: PASSWORD},
        oauth={KEY: SECRET},
        slow_body=1.0,
        fault_retry_after=0,
    ) as sandbox:
        # Throttling pauses for seconds, and one refusal is enough.
        throttled = fault is not None and fault.startswith("throttle")
        retry = RetryPolicy(attempts=1) if throttled else TWO_ATTEMPTS
        timeouts = Timeouts(attempt=0.3 if fault in ("hang", "slow_body") else 5.0)
        config = config_for(sandbox.base_url, auth=auth, retry=retry, timeouts=timeouts)
        async with InteractionsClient(config) as client:
            outcomes = await asyncio.gather(
                *(client.lookup(query, timeout=10.0) for query in QUERIES[: 1 if throttled else 3]),
                return_exceptions=True,  # some faults are refusals of the credentials
            )
            values = [client, client.snapshot(), config, config.auth, auth]
            values += [client.snapshot().credentials]
    values += [part for outcome in outcomes for part in printable_parts(outcome)]
    assert any("AttemptEnded" in text for text in logged)
    check(logged, *values)


@table("auth", [BasicAuth(TILL, PASSWORD), OAuth(KEY, SECRET)])
async def test_shows_nothing_of_refused_credentials(
    auth: BasicAuth | OAuth, logged: list[str]
) -> None:
    """Neither in the exceptions nor in the log before them."""
    async with (
        Sandbox(accounts={"other": "x"}, oauth={"other": "x"}) as sandbox,
        InteractionsClient(config_for(sandbox.base_url, auth=auth)) as client,
    ):
        with pytest.raises(AuthenticationError) as lookup:
            await client.lookup(QUERIES[0])
        with pytest.raises(AuthenticationError) as stream:
            await client.lookup_all(QUERIES)
    for raised in (lookup.value, stream.value):
        check(logged, raised, raised.args, "".join(traceback.format_exception(raised)))


@table("status", [200, 400, 403, 404, 429, 500])
@table("wrapped", ["errors", "item", "status", "text", "json"])
async def test_shows_nothing_that_a_server_repeats(
    wrapped: str, status: int, logged: list[str]
) -> None:
    """A server that repeats the request in its error message is not quoted."""
    value = QUERIES[0].identifier.value
    message = f"no customer {value} in ?format=json&identifierName=mobile&mobile={value} <{EMAIL}>"
    failed = {"success": "false", "code": 1234, "message": message}
    body: Any = {
        "errors": {"errors": [{"status": False, "code": 1234, "message": message}]},
        "item": {"response": {"customer": {"mobile": value, "item_status": failed}}},
        "status": {"status": failed},
        "text": message,
        "json": {"message": message, value: [value]},
    }[wrapped]
    complaint = answer(status, body.encode() if wrapped == "text" else orjson.dumps(body))
    values: list[object] = []
    async with ByteServer(always(complaint), extra=["x"]) as server:
        config = config_for(server.base_url, retry=RetryPolicy(attempts=1))
        async with InteractionsClient(config) as client:
            try:
                values += printable_parts(await client.lookup(QUERIES[0], timeout=1.0))
            except AuthenticationError as error:
                values += [error, error.reason, "".join(traceback.format_exception(error))]
    check(logged, *values)


async def test_shows_no_token_that_a_server_gave(logged: list[str]) -> None:
    """Neither the token's answer nor the header that carries it is shown."""
    body = orjson.dumps({"data": {"accessToken": TOKEN, "ttlSeconds": 300}})
    async with ByteServer(always(answer(200, body)), extra=["x"]) as server:
        config = config_for(server.base_url, auth=OAuth(KEY, SECRET))
        async with InteractionsClient(config) as client:
            outcome = await client.lookup(QUERIES[0])
            check(logged, client, vars(client), *printable_parts(outcome))
    assert TOKEN in server.received[1].headers.values()


@table(
    ("status", "base_url", "auth"),
    [
        *((status, "https://api.example", BasicAuth(TILL, PASSWORD)) for status in (0, 407, 502)),
        *((status, "http://api.example", BasicAuth(TILL, PASSWORD)) for status in (0, 403, 407)),
        (407, "https://api.example", OAuth(KEY, SECRET)),
    ],
)
async def test_shows_nothing_of_what_a_proxy_is_given(
    status: int, base_url: str, auth: BasicAuth | OAuth, logged: list[str]
) -> None:
    """Whether it refuses, has no connection or closes: its user name, and what goes through it."""
    refusing = acting(nothing) if status == 0 else always(answer(status, b"<html>", "X: y"))
    async with ByteServer(refusing, described=False) as server:
        proxy = server.base_url.replace("//", f"//{PROXY_USER}:{PROXY_PASSWORD}@")
        config = config_for(base_url, auth=auth, proxy=proxy, allow_http=True)
        async with InteractionsClient(config) as client:
            (outcome,) = await asyncio.gather(client.lookup(QUERIES[0]), return_exceptions=True)
            parts = list(printable_parts(outcome))
            check(logged, client, config, vars(client), *parts)
    assert any("proxy-authorization" in request.headers for request in server.received)


async def nothing(_: asyncio.StreamWriter) -> None:
    """Close without an answer."""
