"""Status and headers of an outcome: of the last request's answer, for whichever way it ends."""

import asyncio
from copy import copy, deepcopy
from typing import Any

import attrs

from capillary_interactions import (
    Found,
    Identifier,
    InteractionsClient,
    Outcome,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions._http.transport import TransportError
from capillary_interactions.testing import interactions
from tests.examples import carried
from tests.fakes import Reply, Server, customer, in_turn, response, settings
from tests.tables import table

AT_ONCE = RetryPolicy(attempts=2, wait_initial=0.0)
UNKNOWN = {"errors": [{"status": False, "code": 1012, "message": "customer not found"}]}
FULL = interactions(email=[{"id": str(number)} for number in range(50)])


async def ended(*replies: Reply, **changes: Any) -> Outcome:
    """How a lookup ends."""
    server = Server(in_turn(*replies))
    config = settings(retry=AT_ONCE, **changes)
    async with InteractionsClient(config, transport=server) as client:
        return await client.lookup(customer(), timeout=9.0)


def named(reply: Reply, name: str) -> Reply:
    """A reply with a name among its headers."""
    return response(reply, X_Name=name)


LOST = TransportError("lost")


@table(
    ("replies", "ending", "status", "name"),
    [
        ([named(interactions(), "a")], "found", 200, "a"),
        ([named(503, "a"), named(interactions(), "b")], "found", 200, "b"),
        ([named(FULL, "a"), named(interactions(), "b")], "found", 200, "b"),
        ([named(UNKNOWN, "a")], "not_found", 200, "a"),
        ([named(400, "a")], "rejected", 400, "a"),
        ([named({"a": 1}, "a")], "unreadable", 200, "a"),
        ([named(503, "a"), named(502, "b")], "unavailable", 502, "b"),
        ([LOST, named(503, "a")], "unavailable", 503, "a"),
        ([named(503, "a"), LOST], "unavailable", None, None),
        # No time for the wait that it asks for.
        ([response(503, X_Name="a", Retry_After="90")], "unavailable", 503, "a"),
        # The deadline comes while it waits.
        ([response(429, X_Name="a", Retry_After="90")], "unavailable", 429, "a"),
    ],
)
async def test_has_those_of_the_last_request(
    replies: list[Reply], ending: str, status: int | None, name: str | None
) -> None:
    """None and nothing where it had no answer."""
    outcome = await ended(*replies)
    assert (outcome.ending, outcome.status, outcome.headers.get("X-Name")) == (ending, status, name)
    assert (outcome.status is None) == (outcome.headers == {})


async def test_has_none_where_nothing_was_sent() -> None:
    """Or while the last one is still under way."""
    server = Server(in_turn(503), takes=1.0)
    async with InteractionsClient(settings(retry=AT_ONCE), transport=server) as client:
        late = await client.lookup(customer(), timeout=1.5)
        (rejected,) = await client.lookup_all([Identifier.external_id("1,2")])
    assert isinstance(late, Unavailable)
    assert (late.attempts, late.status, late.headers) == (2, None, {})
    assert (rejected.ending, rejected.status, rejected.headers) == ("rejected", None, {})


async def test_shares_them_with_those_who_join_and_with_the_cache() -> None:
    """As the answer itself."""
    server = Server(lambda _: named(interactions(), "a"), takes=1.0)
    async with InteractionsClient(settings(cache_ttl=9.0), transport=server) as client:
        outcomes = await asyncio.gather(*(client.lookup(customer()) for _ in range(3)))
        outcomes.append(await client.lookup(customer()))
    assert len(server.requests) == 1
    assert [(each.status, dict(each.headers)) for each in outcomes] == [(200, {"x-name": "a"})] * 4


async def test_keeps_them_in_every_copy() -> None:
    """Also where the answer's own headers cannot be copied; and no repr shows a value."""
    outcome = await ended(named(interactions(), "secret"))
    assert isinstance(outcome, Found)
    copies = (copy(outcome), deepcopy(outcome), carried(outcome), attrs.evolve(outcome, attempts=1))
    for each in copies:
        assert each == outcome
        assert each.headers == {"x-name": "secret"}
    assert "secret" not in f"{outcome!r} {outcome.headers!r}"
