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

from .byte_server import Wire, always, answer
from .clients import client_for

NUMBER = "919738522695"
PASSWORD = "hunter22-of-the-till"
DIGEST = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
BASIC = base64.b64encode(f"till.secret:{DIGEST}".encode()).decode()
SECRETS = (NUMBER, PASSWORD, DIGEST, BASIC, "till.secret")
REFUSAL = b'{"response": {"status": {"success": "false", "code": 401, "message": "no"}}}'
AUTH = BasicAuth("till.secret", PASSWORD)


def shown(error: BaseException) -> str:
    """What frames of the package show, the error's causes included."""
    parts: list[str] = []
    ahead: list[traceback.TracebackException | None] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    while ahead:
        each = ahead.pop()
        if each is not None:
            parts += each.format_exception_only()
            for frame in each.stack:
                if "/tests/" not in frame.filename:
                    parts.append(f"{frame.filename}: {frame.name}: {frame.locals}\n")
            ahead += (each.__cause__, each.__context__)
    return "".join(parts)


def check(error: BaseException) -> None:
    """Nothing of the secrets in it, whatever is shown."""
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
    """An event whose repr shows what it is about, as most do."""

    number: str

    async def ack(self) -> None:
        """Done."""

    async def nack(self, delay: float) -> None:
        """Again."""

    async def reject(self, reason: str) -> None:
        """Never again."""


async def _messages() -> AsyncIterator[_Message]:
    yield _Message(NUMBER)


def _asks(message: _Message) -> Identifier:
    return Identifier.mobile(message.number)


async def _ignore(outcome: Outcome) -> None:
    del outcome


Use = Callable[[InteractionsClient], Any]
USES: dict[str, Use] = {
    "lookup": lambda client: client.lookup(Identifier.mobile(NUMBER)),
    "lookup_all": lambda client: client.lookup_all([Identifier.mobile(NUMBER)]),
    "stream": lambda client: _take(client, _items(), key=_key),
    "stream of a list": lambda client: _take(client, [{"mobile": NUMBER}], key=_key),
    "consume": lambda client: consume(client, _messages(), key=_asks, handle=_ignore),
    "consume in order": lambda client: consume(
        client, _messages(), key=_asks, handle=_ignore, ordered_by=lambda message: message.number
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_refused_credentials_show_neither_them_nor_a_number(use: Use) -> None:
    """Neither the URL nor the Authorization header is in a frame that a caller gets."""
    wire = Wire(always(answer(401, REFUSAL)))
    async with wire, client_for(wire.base_url, auth=AUTH) as client:
        with pytest.raises(AuthenticationError) as raised:
            await use(client)
    check(raised.value)
    assert raised.traceback  # the lines of it stay


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_unforeseen_errors_show_their_lines_and_no_secret(use: Use) -> None:
    """What a transport raises comes out with its traceback, and without what ours held."""

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
    """What is no query is not repeated, not even by a frame."""
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
def test_what_is_refused_where_it_is_made_is_not_shown(make: Callable[[], object]) -> None:
    """A constructor's frames hold its arguments: passwords, numbers, headers."""
    with pytest.raises(ValueError, match=r".") as raised:
        make()
    check(raised.value)


def _raises() -> Iterator[Identifier]:
    secret_of_the_caller = NUMBER
    yield Identifier.mobile(secret_of_the_caller)
    raise LookupError


async def test_the_frames_of_the_caller_are_the_callers() -> None:
    """What a source of the caller's raises is shown as the caller's own code leaves it."""
    wire = Wire(always(answer()))
    async with wire, client_for(wire.base_url, auth=AUTH) as client:
        with pytest.raises(LookupError) as raised:
            await _take(client, _raises())
    frames = {entry.name: entry.frame.f_locals for entry in raised.traceback}
    assert frames["_raises"] == {"secret_of_the_caller": NUMBER}
    check(raised.value)
