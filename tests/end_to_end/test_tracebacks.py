"""Tracebacks that show local variables, as error trackers and some consoles make them."""

import base64
import hashlib
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from attrs import define

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    Identifier,
    InteractionsClient,
    OAuth,
    Outcome,
    Query,
)
from capillary_interactions.integrations.consume import consume
from capillary_interactions.testing import FakeTransport

from .byte_server import ByteServer, always, answer
from .clients import client_for

NUMBER = "919738522695"
PASSWORD = "hunter22-of-the-till"
DIGEST = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
BASIC = base64.b64encode(f"till.secret:{DIGEST}".encode()).decode()
SECRETS = (NUMBER, PASSWORD, DIGEST, BASIC, "till.secret")
REFUSAL = b'{"response": {"status": {"success": "false", "code": 401, "message": "no"}}}'
AUTH = BasicAuth("till.secret", PASSWORD)


def shown(error: BaseException) -> str:
    """Return all that frames of the package show, the error's causes included."""
    parts: list[str] = []
    pending: list[traceback.TracebackException | None] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    while pending:
        current = pending.pop()
        if current is not None:
            parts += current.format_exception_only()
            for frame in current.stack:
                if "/tests/" not in frame.filename:
                    parts.append(f"{frame.filename}: {frame.name}: {frame.locals}\n")
            pending += (current.__cause__, current.__context__)
    return "".join(parts)


def check(error: BaseException) -> None:
    """Check that no secret is shown."""
    text = shown(error)
    assert not [secret for secret in SECRETS if secret in text], text


async def _items() -> AsyncIterator[dict[str, str]]:
    yield {"mobile": NUMBER}


def _key(item: dict[str, str]) -> Identifier:
    return Identifier.mobile(item["mobile"])


async def _take(client: InteractionsClient, source: Any, **settings: Any) -> None:
    async with client.stream(source, **settings) as outcomes:
        async for _ in outcomes:
            pass


@define
class _Message:
    """A message whose repr shows its customer, as most do."""

    number: str

    async def ack(self) -> None:
        """Acknowledge."""

    async def nack(self, delay: float) -> None:
        """Redeliver."""

    async def reject(self, reason: str) -> None:
        """Make it a dead letter."""


async def _messages() -> AsyncIterator[_Message]:
    yield _Message(NUMBER)


def _identifier(message: _Message) -> Identifier:
    return Identifier.mobile(message.number)


async def _ignore(outcome: Outcome) -> None:
    del outcome


Use = Callable[[InteractionsClient], Any]
USES: dict[str, Use] = {
    "lookup": lambda client: client.lookup(Identifier.mobile(NUMBER)),
    "lookup_all": lambda client: client.lookup_all([Identifier.mobile(NUMBER)]),
    "stream": lambda client: _take(client, _items(), key=_key),
    "stream of a list": lambda client: _take(client, [{"mobile": NUMBER}], key=_key),
    "consume": lambda client: consume(client, _messages(), key=_identifier, handle=_ignore),
    "consume in order": lambda client: consume(
        client,
        _messages(),
        key=_identifier,
        handle=_ignore,
        ordered_by=_identifier,
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_refused_credentials_show_neither_them_nor_a_number(use: Use) -> None:
    """Neither the URL nor the Authorization header is in a frame of the traceback."""
    server = ByteServer(always(answer(401, REFUSAL)))
    async with server, client_for(server.base_url, auth=AUTH) as client:
        with pytest.raises(AuthenticationError) as raised:
            await use(client)
    check(raised.value)
    assert raised.traceback  # with its lines


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_unexpected_errors_show_their_lines_and_no_secret(use: Use) -> None:
    """An exception of a transport keeps its traceback, without the local variables of ours."""

    class Transport(FakeTransport):
        async def send(self, request: Any, *, timeout: float) -> Any:  # noqa: ASYNC109
            del request
            raise ZeroDivisionError

    config = ClientConfig("http://127.0.0.1:1", AUTH)
    async with InteractionsClient(config, transport=Transport()) as client:
        with pytest.raises(ZeroDivisionError) as raised:
            await use(client)
    check(raised.value)
    names = [entry.name for entry in raised.traceback]
    assert "send" in names


@pytest.mark.parametrize(
    "misuse",
    [
        lambda client: client.lookup(NUMBER),
        lambda client: client.lookup({"mobile": NUMBER}),
        lambda client: client.lookup_all([NUMBER]),
        lambda client: _take(client, [NUMBER]),
        lambda client: _take(client, [NUMBER], key=lambda _: 1 / 0),
        lambda client: _take(client, [{"mobile": f"{NUMBER}\n"}], key=_key),
        lambda client: _take(client, [NUMBER], in_flight=0),
    ],
)
async def test_misuse_shows_no_number(misuse: Use) -> None:
    """An argument that is no query is not repeated, not even by a frame."""
    async with client_for("http://127.0.0.1:1", auth=AUTH) as client:
        with pytest.raises((ValueError, ZeroDivisionError)) as raised:
            await misuse(client)
    check(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BasicAuth("till:secret", PASSWORD),
        lambda: BasicAuth("till.secret", f"{PASSWORD}\n"),
        lambda: BasicAuth.from_md5("till.secret", f"{DIGEST}0"),
        lambda: BasicAuth.from_md5("till.secret\n", DIGEST),
        lambda: OAuth(PASSWORD, ""),
        lambda: OAuth(key=PASSWORD, secret=f"{DIGEST}\n"),
        lambda: ClientConfig("http://till.secret:hunter22-of-the-till@127.0.0.1", AUTH),
        lambda: ClientConfig("https://e.com", AUTH, headers={"X-Key": f"{PASSWORD}\n"}),
        lambda: ClientConfig("https://e.com", PASSWORD),  # type: ignore[arg-type] # the misuse
        lambda: ClientConfig.from_env({"CAPILLARY_PASSWORD": PASSWORD}),
        lambda: ClientConfig.from_env({}, auth=PASSWORD),
        lambda: Identifier.mobile(f"{NUMBER}\n"),
        lambda: Identifier("mobile", f"{NUMBER}\x00"),
        lambda: Query(NUMBER),  # type: ignore[arg-type] # the misuse
        lambda: Query(Identifier.mobile(NUMBER), extra={"mobile": NUMBER}),
        lambda: Query(Identifier.mobile(NUMBER), source=f"{NUMBER}\n"),
    ],
)
def test_invalid_arguments_are_not_shown(make: Callable[[], object]) -> None:
    """A constructor's frames hold its arguments: passwords, numbers, headers."""
    with pytest.raises(ValueError, match=r".") as raised:
        make()
    check(raised.value)


def _raises() -> Iterator[Identifier]:
    secret_of_the_caller = NUMBER
    yield Identifier.mobile(secret_of_the_caller)
    raise LookupError


async def test_the_frames_of_the_caller_are_the_callers() -> None:
    """An exception of the caller's source keeps the local variables of the caller's frames."""
    server = ByteServer(always(answer()))
    async with server, client_for(server.base_url, auth=AUTH) as client:
        with pytest.raises(LookupError) as raised:
            await _take(client, _raises())
    frames = {entry.name: entry.frame.f_locals for entry in raised.traceback}
    assert frames["_raises"] == {"secret_of_the_caller": NUMBER}
    check(raised.value)
