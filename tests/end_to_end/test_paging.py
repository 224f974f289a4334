"""A history longer than a page."""

from typing import Any, NamedTuple

from capillary_interactions import Found, InteractionsClient, Query, to_jsonable
from capillary_interactions.sandbox import Sandbox

from .clients import CUSTOMER, MOBILE, THREE_ATTEMPTS, UNLIMITED

MESSAGES = 120


class Looked(NamedTuple):
    """A lookup that found something, and what its server saw and knows."""

    outcome: Found
    ids: list[Any]
    received: int
    expected: dict[str, Any]


async def look_up(query: Any = CUSTOMER, *, client: Any = None, **sandbox: Any) -> Looked:
    """Look up a customer with 120 messages, 50 to a page."""
    async with Sandbox(messages=MESSAGES, page_size=50, unknown=0, **sandbox) as server:
        config = server.client_config(rate=UNLIMITED, retry=THREE_ATTEMPTS, **(client or {}))
        async with InteractionsClient(config) as made:
            outcome = await made.lookup(query)
        expected = server.expected(MOBILE)
    assert isinstance(outcome, Found)
    assert expected is not None
    assert outcome.attempts == server.counts.received
    ids = [message.id for _, message in outcome.customer.messages()]
    return Looked(outcome, ids, outcome.attempts, expected)


async def test_returns_a_long_history_completely() -> None:
    """120 messages in three requests."""
    looked = await look_up()
    assert to_jsonable(looked.outcome.customer) == looked.expected
    assert looked.received == 3
    assert len(looked.ids) == len(set(looked.ids)) == MESSAGES
    assert not looked.outcome.customer.truncated


async def test_retries_a_page_in_either_shape() -> None:
    """A page that fails is requested again, and the others are not."""
    script = [None, "reset_mid_body", None, "html_502", None]
    looked = await look_up(shape="envelope", script=script)
    assert looked.received == 5
    assert len(looked.ids) == MESSAGES
    assert not looked.outcome.customer.truncated


async def test_ends_where_the_server_ignores_the_offset() -> None:
    """A page without anything new is the last, and the history is marked as truncated."""
    looked = await look_up(ignore_offset=True)
    assert looked.received == 2
    assert looked.outcome.customer.truncated
    assert len(looked.ids) == 50


async def test_stops_at_max_pages() -> None:
    """The history is marked as truncated."""
    looked = await look_up(client={"page_size": 10, "max_pages": 4})
    assert looked.received == 4
    assert looked.outcome.customer.truncated
    assert len(looked.ids) == 40


async def test_requests_one_page_where_the_caller_pages() -> None:
    """A query with an offset or a limit returns exactly that."""
    looked = await look_up(Query(CUSTOMER, limit=20, offset=110))
    assert looked.received == 1
    messages = looked.expected["interaction"][2]["messageList"]
    assert looked.ids == [message["id"] for message in messages[110:]]


async def test_marks_an_answer_of_v2_with_fewer_messages_than_its_count() -> None:
    """Version 2 documents no paging, so there is one request."""
    looked = await look_up(client={"api": "v2"})
    assert looked.received == 1
    assert looked.outcome.customer.truncated is (len(looked.ids) < MESSAGES)
