"""What does a refusal mean: the credential, one customer, or nothing, since it passes?"""

import asyncio
from collections import Counter
from collections.abc import Callable

import orjson
import pytest
from attrs import evolve

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    Found,
    Identifier,
    InteractionsClient,
    Outcome,
    Rejected,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions._client.refusal_evidence import MAX_REFUSED, is_believed
from capillary_interactions._protocol.messages import Request, Response
from capillary_interactions.events import (
    Event,
)
from capillary_interactions.testing import interactions
from tests.fakes import (
    Reply,
    Server,
    Watch,
    asked,
    customer,
    customers,
    each,
    in_turn,
    now,
    response,
    settings,
)
from tests.tables import table

PAGE = Response(status=403, body=b"<html>Access Denied. Reference 18.abc</html>")
PAGE_401 = Response(status=401, body=b"<html>401 Authorization Required</html>")
OWN = Response(status=401, body=orjson.dumps({"errors": [{"status": False, "code": 401}]}))
BARE = Response(status=401)


def _blocking(*numbers: int, page: Response = PAGE) -> Callable[[Request], Reply]:
    blocked = {customer(number).value for number in numbers}
    return lambda request: page if asked(request)["mobile"] in blocked else interactions()


@table(
    ("refused", "others", "tolerated", "believed"),
    [
        (1, 0, 1, False),
        (2, 0, 1, True),
        (1, 3, 1, None),
        (2, 3, 1, None),
        (MAX_REFUSED, 3, 1, True),
        (MAX_REFUSED - 1, 0, MAX_REFUSED - 1, False),
        (MAX_REFUSED, 0, MAX_REFUSED - 1, True),
    ],
)
def test_believes_what_different_customers_meet(
    refused: int, others: int, tolerated: int, believed: bool | None
) -> None:
    """One says nothing, several do, and as long as others are under way there is no hurry."""
    assert is_believed(refused, others, tolerated) is believed


@pytest.mark.parametrize("takes", [0.0, 0.05])
@pytest.mark.parametrize("in_flight", [1, 2, 16])
@pytest.mark.parametrize("rate", ["100000/1", "10/1"])
async def test_rejects_a_customer_whom_a_firewall_blocks(
    takes: float, in_flight: int, rate: str
) -> None:
    """A stream that begins with such a customer goes on, and every other one is found."""
    server = Server(_blocking(0), takes=takes)
    async with InteractionsClient(settings(rate=rate), transport=server) as client:
        async with client.stream(customers(30), in_flight=in_flight) as outcomes:
            endings = Counter([outcome.ending async for outcome in outcomes])
        assert client.snapshot().in_flight == 0
    assert endings == {"rejected": 1, "found": 29}
    assert len(server.requests) == 30


@pytest.mark.parametrize("rate", ["100000/1", "10/1"])
async def test_waits_for_others_before_it_believes_several(rate: str) -> None:
    """Three blocked customers come first, and the fourth is answered: it was them."""
    server = Server(_blocking(0, 1, 2), takes=0.05)
    async with (
        InteractionsClient(settings(rate=rate), transport=server) as client,
        client.stream(customers(30), in_flight=8) as outcomes,
    ):
        endings = Counter([outcome.ending async for outcome in outcomes])
    assert endings == {"rejected": 3, "found": 27}


@pytest.mark.parametrize("in_flight", [1, 8, 32])
@pytest.mark.parametrize("page", [PAGE, PAGE_401])
async def test_raises_where_every_customer_meets_a_page(page: Response, in_flight: int) -> None:
    """A few requests, no wrong outcome where several are under way, and what was seen is named."""
    server = Server(lambda _: page, takes=0.05)
    ended: list[Outcome] = []
    async with InteractionsClient(settings(rate="10/1"), transport=server) as client:
        with pytest.raises(AuthenticationError, match=f"HTTP {page.status} with a body that is"):
            await each(client.stream(customers(100), in_flight=in_flight), ended.append)
        assert client.snapshot().in_flight == 0
    assert [type(outcome) for outcome in ended] == [Rejected] * (in_flight == 1)
    assert len(server.requests) <= 6


async def test_counts_a_customer_once() -> None:
    """Asked three times, and by three queries: it is one customer all the same."""
    server = Server(lambda _: PAGE)
    async with InteractionsClient(settings(), transport=server) as client:
        for _ in range(3):
            assert isinstance(await client.lookup(customer(1)), Rejected)
        with pytest.raises(AuthenticationError):
            await client.lookup(customer(2))


async def test_begins_anew_after_an_answer() -> None:
    """What was refused before it says nothing about what comes after it."""
    server = Server(_blocking(1, 2))
    async with InteractionsClient(settings(), transport=server) as client:
        assert isinstance(await client.lookup(customer(1)), Rejected)
        assert isinstance(await client.lookup(customer(3)), Found)
        assert isinstance(await client.lookup(customer(2)), Rejected)
        assert isinstance(await client.lookup(customer(1)), Rejected)


@pytest.mark.parametrize("reply", [OWN, BARE, PAGE_401])
async def test_gets_over_one_401_after_many_answers(reply: Response) -> None:
    """A proxy's hiccup costs half a second, no outcome, and no stream."""
    replies: list[Reply] = [*[interactions()] * 200, reply, reply]
    server = Server(in_turn(*replies), takes=0.01)
    async with InteractionsClient(settings(rate="1000/1"), transport=server) as client:
        outcomes = await client.lookup_all(customers(300))
    assert {type(outcome) for outcome in outcomes} == {Found}
    assert len(server.requests) == 302


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("reply", [OWN, BARE, PAGE_401])
async def test_ends_soon_where_credentials_are_revoked(reply: Response, in_flight: int) -> None:
    """One more try each, and the stream ends; then nothing is tried twice."""
    server = Server(in_turn(*[interactions()] * 100, then=reply), takes=0.01)
    async with InteractionsClient(settings(rate="100/1"), transport=server) as client:
        with pytest.raises(AuthenticationError):
            await each(client.stream(customers(900), in_flight=in_flight), str)
        began = now()
        assert len(server.requests) <= 100 + 2 * in_flight + 2
        sent = len(server.requests)
        with pytest.raises(AuthenticationError):
            await client.lookup(customer(1000))
        assert (len(server.requests), now() - began < 0.1) == (sent + 1, True)


@pytest.mark.parametrize("reply", [OWN, BARE, PAGE_401])
async def test_rejects_a_customer_who_alone_is_refused(reply: Response) -> None:
    """While others are answered, a 401 that stays is about that customer."""
    server = Server(_blocking(50, page=reply), takes=0.01)
    async with InteractionsClient(settings(rate="100/1"), transport=server) as client:
        outcomes = await client.lookup_all(customers(200))
    assert Counter(outcome.ending for outcome in outcomes) == {"found": 199, "rejected": 1}
    assert isinstance(outcomes[50], Rejected)


async def test_keeps_a_deadline_that_leaves_no_time_for_a_second_look() -> None:
    """It ends as what may pass, in time."""
    server = Server(in_turn(interactions(), then=OWN), takes=0.01)
    async with InteractionsClient(settings(), transport=server) as client:
        # The longest back-off: with a short one the deadline may come during a request.
        runner = evolve(client._calls.runner, jitter=lambda: 1.0)
        client._calls = evolve(client._calls, runner=runner)
        await client.lookup(customer(1))
        outcome = await client.lookup(customer(2), timeout=0.3)
    assert isinstance(outcome, Unavailable)
    assert outcome.elapsed <= 0.3
    assert "401" in outcome.reason


async def test_finds_everybody_though_one_credential_is_dead() -> None:
    """What a retry costs is given back to the credential that paid, so the budget holds."""
    tills = tuple(BasicAuth(f"till{number}", "password") for number in range(2))
    server = Server(lambda request: 503 if request.credential == 0 else interactions(), takes=0.02)
    async with InteractionsClient(settings(auth=tills, rate="1000/60"), transport=server) as client:
        outcomes = await client.lookup_all(customers(400))
        snapshot = client.snapshot()
    assert {type(outcome) for outcome in outcomes} == {Found}
    assert [one.retry_budget for one in snapshot.credentials] == [500, 500]


async def test_uses_a_credential_again_that_has_recovered() -> None:
    """It was tried now and then, and takes its half of the load from then on."""
    tills = tuple(BasicAuth(f"till{number}", "password") for number in range(2))
    server = Server(
        lambda request: 503 if request.credential == 0 and now() < 60 else interactions(),
        takes=0.02,
    )
    async with InteractionsClient(settings(auth=tills, rate="10/1"), transport=server) as client:
        outcomes = await client.lookup_all(customers(1000))
    assert {type(outcome) for outcome in outcomes} == {Found}
    pairs = zip(server.requests, server.arrivals, strict=True)
    late = Counter(request.credential for request, when in pairs if 66 < when < 70)
    assert late[0] == pytest.approx(late[1], abs=2)
    before = sum(request.credential == 0 for request in server.requests) - 5 * late[0]
    assert before < 60


class _Raising:
    """An observer that raises what no program catches, once."""

    def __init__(self, kind: type[Event]) -> None:
        self.kind = kind

    def __call__(self, event: Event) -> None:
        """Raise it at the first event of the kind."""
        if isinstance(event, self.kind):
            self.kind = Watch  # type: ignore[assignment] # no event is one
            raise asyncio.CancelledError


@pytest.mark.parametrize("kind", Event.__args__)
async def test_leaves_no_place_taken_whatever_an_observer_raises(kind: type[Event]) -> None:
    """Places, slots and credentials are as before, and later lookups work."""
    throttled = response(429, retry_after="1")
    replies: list[Reply] = [interactions(), throttled, 503, 503, *[OWN] * 2]
    server = Server(in_turn(*replies), takes=0.01)
    config = settings(rate="10/1", retry=RetryPolicy(budget=20))
    async with InteractionsClient(config, transport=server, observers=[_Raising(kind)]) as client:
        for number in range(12):
            try:
                await client.lookup(customer(number))
            except (asyncio.CancelledError, AuthenticationError):
                continue
        assert client.snapshot().in_flight == 0
        assert isinstance(await client.lookup(Identifier.mobile("919738522695")), Found)


@pytest.mark.parametrize("in_flight", [1, 8])
async def test_asks_another_credential_where_one_has_met_a_page_only(in_flight: int) -> None:
    """A credential that is refused by pages costs no customer's answer where another is good."""
    tills = tuple(BasicAuth(f"till{number}", "password") for number in range(2))
    server = Server(lambda request: PAGE if request.credential == 0 else interactions(), takes=0.02)
    async with InteractionsClient(settings(auth=tills, rate="10/1"), transport=server) as client:
        async with client.stream(customers(40), in_flight=in_flight) as outcomes:
            assert {outcome.ending async for outcome in outcomes} == {"found"}
        assert [one.refused is None for one in client.snapshot().credentials] == [False, True]
    assert sum(request.credential == 0 for request in server.requests) <= in_flight + 1


@pytest.mark.parametrize("in_flight", [1, 8])
async def test_rejects_a_blocked_customer_with_several_credentials(in_flight: int) -> None:
    """Each credential is tried once, and the others are found."""
    tills = tuple(BasicAuth(f"till{number}", "password") for number in range(3))
    server = Server(_blocking(0), takes=0.02)
    async with (
        InteractionsClient(settings(auth=tills, rate="10/1"), transport=server) as client,
        client.stream(customers(40), in_flight=in_flight) as outcomes,
    ):
        endings = Counter([outcome.ending async for outcome in outcomes])
    assert endings == {"found": 39, "rejected": 1}
    assert len(server.requests) <= 42


async def test_names_a_refusal_though_nothing_tells_what_it_means_in_time() -> None:
    """Half of a lookup's time is waited for others that are slow; then it ends with its reason."""
    blocked = customer(0).value
    server = Server(takes=30.0)

    class Slow(Server):
        async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
            if asked(request)["mobile"] == blocked:
                return PAGE
            return await server.send(request, timeout=timeout)

    async with InteractionsClient(settings(), transport=Slow()) as client:
        others = asyncio.ensure_future(client.lookup_all(customers(5)[1:]))
        await asyncio.sleep(0.1)
        outcome = await client.lookup(customer(0), timeout=4.0)
        others.cancel()
    assert isinstance(outcome, Rejected)
    assert outcome.elapsed == pytest.approx(2.0)
    assert "HTTP 403" in outcome.reason
