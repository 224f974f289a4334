"""Mobiles as people have them, and what of them the server receives."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from capillary_interactions import (
    ClientConfig,
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    Query,
    Rejected,
    to_jsonable,
)
from capillary_interactions.sandbox import Sandbox

from .clients import MOBILE, UNLIMITED

_SPELLINGS = (f"+{MOBILE}", "+91 97385 22695", "91-97385-22695", MOBILE, f"{MOBILE}.0")
_OF_INDIA = ("9738522695", "097385 22695", "0091-97385-22695", "\uff19738522695", "tel:9738522695")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Sandbox]:
    """One server for all tests of this file, which knows every customer."""
    async with Sandbox(unknown=0, latency=0.01) as sandbox:
        yield sandbox


pytestmark = pytest.mark.asyncio(loop_scope="module")


def _client(sandbox: Sandbox, **settings: Any) -> InteractionsClient:
    config: ClientConfig = sandbox.client_config(**{"rate": UNLIMITED, **settings})
    return InteractionsClient(config)


@pytest.mark.parametrize("region", [None, "IN"])
@pytest.mark.parametrize("api", ["v1.1", "v2"])
async def test_asks_once_for_all_spellings_of_a_number(
    shared: Sandbox, region: str | None, api: str
) -> None:
    """Equal at once, or again within the cache's time; each caller keeps their own spelling."""
    spellings = _SPELLINGS if region is None else (*_SPELLINGS, *_OF_INDIA)
    before = shared.received_for(MOBILE), shared.counts.received
    async with _client(shared, phone_region=region, api=api, cache_ttl=60.0) as client:
        queries = [Query(Identifier.mobile(spelling)) for spelling in spellings]
        outcomes = await asyncio.gather(*map(client.lookup, queries))
        again = await client.lookup(Identifier.mobile(spellings[1]))
    assert (shared.received_for(MOBILE), shared.counts.received) == (before[0] + 1, before[1] + 1)
    assert {type(outcome) for outcome in (*outcomes, again)} == {Found}
    for outcome, query, spelling in zip(outcomes, queries, spellings, strict=True):
        assert outcome.query is query
        assert outcome.query.identifier.value == spelling
        assert outcome.unwrap() == again.unwrap()
        written = to_jsonable(outcome)["query"]
        assert written["identifierValue"] == spelling
        differs = spelling != MOBILE
        assert outcome.sent_value == (MOBILE if differs else None)
        assert written.get("sentValue") == outcome.sent_value
        assert list(written)[:2] == ["identifierName", "identifierValue"]
        assert MOBILE not in repr(outcome)


@pytest.mark.parametrize(
    ("identifier", "region", "sent"),
    [
        (Identifier.mobile("91660499160"), None, "91660499160"),
        (Identifier.mobile("91660499160"), "IN", "91660499160"),
        (Identifier.mobile("91660499160"), "US", "91660499160"),
        (Identifier.mobile("+65 9123 4567"), "IN", "6591234567"),
        (Identifier.custom("mobile", "+91 97385 22695"), "IN", "+91 97385 22695"),
        (Identifier.custom("wechat", "097385 22695"), "IN", "097385 22695"),
        (Identifier.external_id("097385 22695"), "IN", "097385 22695"),
    ],
)
async def test_changes_nothing_else(
    shared: Sandbox, identifier: Identifier, region: str | None, sent: str
) -> None:
    """Neither a number that is only possible, nor any other identifier, nor a number twice."""
    before = shared.received_for(sent)
    async with _client(shared, phone_region=region, api="v2") as client:
        await client.lookup(identifier)
    assert shared.received_for(sent) == before + 1


@pytest.mark.parametrize("settings", [{}, {"single_flight": False, "cache_ttl": 60.0}])
@pytest.mark.parametrize(
    ("known", "custom", "sent"),
    [
        # The names are sent differently: id=554 and customer_id=554.
        (Identifier.customer_id("554"), Identifier.custom("customer_id", "554"), ("554", "554")),
        (
            Identifier.mobile(f"+{MOBILE}"),
            Identifier.custom("mobile", f"+{MOBILE}"),
            (MOBILE, f"+{MOBILE}"),
        ),
    ],
)
async def test_shares_no_request_with_a_custom_name(
    shared: Sandbox,
    settings: dict[str, Any],
    known: Identifier,
    custom: Identifier,
    sent: tuple[str, str],
) -> None:
    """A custom name may be the text of a known one, whose identifier is sent differently."""
    before = shared.counts.received
    async with _client(shared, **settings) as client:
        outcomes = await client.lookup_all([known, custom])
        assert shared.counts.received == before + 2
        for identifier, outcome in zip((known, custom), outcomes, strict=True):
            assert outcome.query.identifier == identifier
    assert known != custom
    assert [o.sent_value or o.query.identifier.value for o in outcomes] == list(sent)


async def test_rejects_a_number_that_cannot_be_one(shared: Sandbox) -> None:
    """An outcome without a request; the reason names no digit, the item is the caller's."""
    before = shared.counts.received
    async with _client(shared, phone_region="IN") as client:
        asked = Identifier.mobile("97385")
        outcome = await client.lookup(asked)
        assert client.snapshot().endings["rejected"] == 1
    assert isinstance(outcome, Rejected)
    assert outcome.item is asked
    assert (outcome.attempts, outcome.query) == (0, Query(asked))
    assert "region IN" in outcome.reason
    assert not any(map(str.isdigit, outcome.reason))
    assert shared.counts.received == before


@pytest.mark.parametrize("region", [None, "IN"])
async def test_goes_on_in_a_stream(shared: Sandbox, region: str | None) -> None:
    """Rows with anything in them end in one outcome each, with their own item."""
    cells = [MOBILE, "n/a", "+91 97385 22696", "9.19739E+11", "\u0669\u0661", "97385x22695", MOBILE]
    rows: list[dict[str, Any]] = [{"row": row, "mobile": cell} for row, cell in enumerate(cells)]
    async with (
        _client(shared, phone_region=region) as client,
        client.stream(rows, key=lambda row: Identifier.mobile(row["mobile"])) as outcomes,
    ):
        ended = {outcome.item["row"]: outcome async for outcome in outcomes}
        counts = client.snapshot().endings
    assert sorted(ended) == list(range(7))
    rejected = [row for row, outcome in ended.items() if isinstance(outcome, Rejected)]
    assert sorted(rejected) == [1, 3, 4, 5]
    assert {ended[row].ending for row in (0, 2, 6)} == {"found"}
    assert (counts["rejected"], counts["found"]) == (4, 3)
    for row in rejected:
        failed = ended[row]
        assert isinstance(failed, Rejected)
        assert failed.item is rows[row]
        assert failed.query.identifier.value == cells[row]
        assert not any(map(str.isdigit, failed.reason))


async def test_ends_at_other_errors_of_a_key(shared: Sandbox) -> None:
    """A wrong type, or an error of the caller's own, is an error as before."""
    for key in (lambda _: Identifier.mobile(None), lambda _: Identifier.email("")):  # type: ignore[arg-type]
        async with _client(shared) as client, client.stream([1], key=key) as outcomes:
            with pytest.raises(ValueError, match="a customer's"):
                await anext(outcomes)


async def test_asks_for_a_region_where_it_would_help(shared: Sandbox) -> None:
    """Without one, digits that are not ASCII are refused with the way on."""
    async with _client(shared) as client:
        with pytest.raises(ValueError, match="phone_region=") as refused:
            await client.lookup(Identifier.mobile("\uff19738522695"))
        (outcome,) = await client.lookup_all([Identifier.mobile("\uff19738522695")])
    assert not any(map(str.isdigit, str(refused.value)))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == str(refused.value)


async def test_asks_for_a_customer_by_id(shared: Sandbox) -> None:
    """By v1.1 only; a custom name goes to either."""
    before = shared.received_for("554")
    async with _client(shared) as client, _client(shared, api="v2") as second:
        outcome = await client.lookup(Identifier.customer_id("554"))
        assert to_jsonable(outcome)["query"] == {"identifierName": "id", "identifierValue": "554"}
        with pytest.raises(ValueError, match="API v2 has no customer_id"):
            await second.lookup(Identifier.customer_id("554"))
        await second.lookup(Identifier.custom("id", "554"))
    assert not isinstance(outcome, NotFound)
    assert shared.received_for("554") == before + 2
