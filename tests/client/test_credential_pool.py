"""Several credentials, their shares and their states."""

import asyncio

import orjson
import pytest

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ConfigurationError,
    Found,
    InteractionsClient,
    Rejected,
)
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import CredentialRefused
from capillary_interactions.testing import interactions
from tests.fakes import (
    Reply,
    Server,
    Watch,
    busiest,
    customer,
    customers,
    in_turn,
    now,
    response,
    settings,
)

TILLS = tuple(BasicAuth(f"till{number}", "password") for number in range(3))


def _refusing(refused: list[int]) -> Server:
    def answer(request: Request) -> Reply:
        return 401 if request.credential in refused else interactions()

    return Server(answer, takes=0.01)


def _by(server: Server, place: int) -> list[float]:
    pairs = zip(server.requests, server.arrivals, strict=True)
    return [when for request, when in pairs if request.credential == place]


async def test_sends_at_the_sum_of_the_rates() -> None:
    """Three tills of ten a second: thirty a second, and each of them within its own quota."""
    server = Server()
    async with InteractionsClient(settings(auth=TILLS, rate="10/1"), transport=server) as client:
        assert client.snapshot().rate == pytest.approx(3 * client._pool.all[0].pace.rate)
        await client.lookup_all(customers(150))
    assert now() <= 150 / 30 / 0.95
    for place in range(3):
        assert len(_by(server, place)) == pytest.approx(50, abs=2)
        assert busiest(_by(server, place), 1.0) <= 10


async def test_goes_on_with_the_others_while_one_cools_down() -> None:
    """A throttled till sends nothing, and costs the others nothing."""
    server = Server(in_turn(response(429, retry_after="30")))
    async with InteractionsClient(settings(auth=TILLS, rate="10/1"), transport=server) as client:
        assert isinstance(await client.lookup(customer(999)), Found)
        began = now()
        outcomes = await client.lookup_all(customers(100))
        snapshot = client.snapshot()
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert now() - began <= 100 / 20 / 0.95
    assert len(_by(server, 0)) == 1
    assert [each.throttled for each in snapshot.credentials] == [1, 0, 0]
    assert snapshot.credentials[0].cool_down > 20
    assert snapshot.cool_down == 0


async def test_sends_the_waiters_of_a_paused_credential_to_the_others() -> None:
    """A crowd in the queue of a till that is throttled for an hour is served by the other ones."""
    refusals = [response(429, retry_after="3600")]

    def answer(request: Request) -> Reply:
        first = request.credential == 0 and len(refusals) > 0
        return refusals.pop() if first else interactions()

    server = Server(answer, takes=0.05)
    config = settings(auth=TILLS, rate="10/1", in_flight=64)
    async with InteractionsClient(config, transport=server) as client:
        outcomes = await asyncio.gather(*(client.lookup(each, 60.0) for each in customers(90)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert now() < 10
    assert len(_by(server, 0)) <= 2


async def test_asks_no_more_with_a_credential_that_has_been_refused() -> None:
    """The waiters in its queue go to another one, without a refusal of their own."""
    server = _refusing([1])
    config = settings(auth=TILLS, rate="10/1", in_flight=64)
    async with InteractionsClient(config, transport=server) as client:
        outcomes = await asyncio.gather(*(client.lookup(each) for each in customers(90)))
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    assert len(_by(server, 1)) == 1


async def test_leaves_a_refused_credential_out() -> None:
    """Its lookups go to another one; one event is emitted, and the snapshot shows it."""
    server, watch = _refusing([1]), Watch()
    config = settings(auth=TILLS, rate="10/1")
    async with InteractionsClient(config, transport=server, observers=[watch]) as client:
        outcomes = await client.lookup_all(customers(60))
        snapshot = client.snapshot()
    assert all(isinstance(outcome, Found) for outcome in outcomes)
    (event,) = watch.of(CredentialRefused)
    assert (event.credential, event.left) == (1, 2)
    assert [each.refused is None for each in snapshot.credentials] == [True, False, True]
    assert snapshot.rate == pytest.approx(2 * snapshot.credentials[0].rate)


async def test_raises_only_when_all_are_refused() -> None:
    """The last one raises, and from then on all are tried again."""
    refused = [0, 1, 2]
    server = _refusing(refused)
    async with InteractionsClient(settings(auth=TILLS), transport=server) as client:
        with pytest.raises(AuthenticationError):
            await client.lookup(customer())
        assert len(server.requests) == 3
        refused.clear()
        assert isinstance(await client.lookup(customer()), Found)


@pytest.mark.parametrize("answered", [True, False])
async def test_takes_a_403_for_the_credentials_only_while_they_had_no_answer(
    answered: bool,
) -> None:
    """Once a credential was good, a 403 of the API's is about the one request."""
    refusal = {"errors": [{"status": False, "code": 403, "message": "no access"}]}
    replies: list[Reply] = [interactions()] if answered else []
    server = Server(in_turn(*replies, then=Response(status=403, body=orjson.dumps(refusal))))
    async with InteractionsClient(settings(), transport=server) as client:
        if answered:
            await client.lookup(customer(1))
            outcome = await client.lookup(customer(2))
            assert isinstance(outcome, Rejected)
            assert outcome.status == 403
        else:
            with pytest.raises(AuthenticationError):
                await client.lookup(customer(2))


async def test_keeps_a_stream_to_its_share() -> None:
    """Half of ten a second is five; a lookup has the rest."""
    server = Server()
    async with InteractionsClient(settings(rate="10/1"), transport=server) as client:
        async with client.stream(customers(25), share=0.5) as outcomes:
            assert len([outcome async for outcome in outcomes]) == 25
        assert now() == pytest.approx(24 / 5, rel=0.05)


async def test_hurries_once_a_person_waits_for_what_a_stream_has_begun() -> None:
    """A lookup that joins a stream's call does not wait for the stream's share any more."""
    server = Server(in_turn(500), takes=1.0)
    async with InteractionsClient(settings(rate="10/1"), transport=server) as client:
        async with client.stream([customer(1)], share=0.001) as outcomes:
            streamed = asyncio.ensure_future(anext(outcomes))
            await asyncio.sleep(0.5)
            looked_up = await client.lookup(customer(1))
            assert (await streamed).attempts == looked_up.attempts == 2
        assert len(server.requests) == 2
        assert now() <= 2.5


@pytest.mark.parametrize("share", [0, -1, 1.5, float("nan")])
async def test_refuses_a_share_that_is_none(share: float) -> None:
    """More than nothing and at most all of it."""
    client = InteractionsClient(settings(), transport=Server())
    with pytest.raises(ConfigurationError, match="share"):
        client.stream([], share=share)


async def test_ends_in_time_where_its_share_comes_too_late() -> None:
    """A deadline holds over the share as well."""
    server = Server()
    async with (
        InteractionsClient(settings(rate="10/1"), transport=server) as client,
        client.stream(customers(4), share=0.01, timeout=3) as outcomes,
    ):
        ended = [outcome async for outcome in outcomes]
    assert sorted(outcome.ending for outcome in ended) == ["found", *["unavailable"] * 3]
    assert max(outcome.elapsed for outcome in ended) <= 3
