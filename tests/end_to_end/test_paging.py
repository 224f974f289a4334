"""A history longer than a page."""

from capillary_interactions import Found, InteractionsClient, Query, to_jsonable
from capillary_interactions.sandbox import Sandbox

from .clients import CUSTOMER, FREE, HASTY, MOBILE


async def test_brings_a_long_history_whole() -> None:
    """120 messages, 50 to a page, in three requests."""
    async with Sandbox(messages=120, page_size=50, unknown=0) as sandbox:
        async with InteractionsClient(sandbox.client_config(rate=FREE)) as client:
            outcome = await client.lookup(CUSTOMER)
        assert isinstance(outcome, Found)
        assert to_jsonable(outcome.customer) == sandbox.expected(MOBILE)
        assert sandbox.counts.received == outcome.attempts == 3
    ids = [message.id for _, message in outcome.customer.messages()]
    assert len(ids) == len(set(ids)) == 120
    assert not outcome.customer.truncated


async def test_brings_it_in_either_shape_and_over_faults() -> None:
    """A page that fails is asked for again, and the others are not."""
    script = [None, "reset_mid_body", None, "html_502", None]
    async with Sandbox(messages=120, unknown=0, shape="envelope", script=script) as sandbox:
        config = sandbox.client_config(rate=FREE, retry=HASTY)
        async with InteractionsClient(config) as client:
            outcome = await client.lookup(CUSTOMER)
        assert sandbox.counts.received == outcome.attempts == 5
    assert isinstance(outcome, Found)
    assert len(list(outcome.customer.messages())) == 120
    assert not outcome.customer.truncated


async def test_ends_where_the_server_ignores_the_offset() -> None:
    """A page that brings nothing new is the last, and what is missing is said to be."""
    async with Sandbox(messages=120, unknown=0, ignore_offset=True) as sandbox:
        async with InteractionsClient(sandbox.client_config(rate=FREE)) as client:
            outcome = await client.lookup(CUSTOMER)
        assert sandbox.counts.received == outcome.attempts == 2
    assert isinstance(outcome, Found)
    assert outcome.customer.truncated
    assert len(list(outcome.customer.messages())) == 50


async def test_stops_at_the_most_pages() -> None:
    """What stays away is marked, never hidden."""
    async with Sandbox(messages=120, unknown=0) as sandbox:
        config = sandbox.client_config(rate=FREE, page_size=10, max_pages=4)
        async with InteractionsClient(config) as client:
            outcome = await client.lookup(CUSTOMER)
        assert sandbox.counts.received == 4
    assert isinstance(outcome, Found)
    assert outcome.customer.truncated
    assert len(list(outcome.customer.messages())) == 40


async def test_asks_for_one_page_where_the_caller_pages() -> None:
    """Whoever gives an offset or a limit gets exactly that."""
    async with Sandbox(messages=120, unknown=0) as sandbox:
        async with InteractionsClient(sandbox.client_config(rate=FREE)) as client:
            outcome = await client.lookup(Query(CUSTOMER, limit=20, offset=110))
        assert sandbox.counts.received == 1
        expected = sandbox.expected(MOBILE)
    assert isinstance(outcome, Found)
    assert expected is not None
    ids = [message.id for _, message in outcome.customer.messages()]
    assert ids == [each["id"] for each in expected["interaction"][2]["messageList"][110:]]


async def test_marks_a_second_version_that_gives_less_than_it_counts() -> None:
    """Version 2 documents no paging, so there is one request."""
    async with Sandbox(messages=120, unknown=0) as sandbox:
        async with InteractionsClient(sandbox.client_config(rate=FREE, api="v2")) as client:
            outcome = await client.lookup(CUSTOMER)
        assert sandbox.counts.received == 1
    assert isinstance(outcome, Found)
    held = len(list(outcome.customer.messages()))
    assert outcome.customer.truncated is (held < 120)
