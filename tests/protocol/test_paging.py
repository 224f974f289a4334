"""Pages of any size become one answer again: whole, in order, and nothing twice."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from capillary_interactions import (
    ClientConfig,
    CustomerInteractions,
    Found,
    Identifier,
    InteractionsClient,
    Outcome,
    to_jsonable,
)
from capillary_interactions._config.credentials import BasicAuth
from capillary_interactions._protocol.paging import (
    Pages,
    is_incomplete,
    next_offset,
    with_truncated,
)
from capillary_interactions.testing import FakeTransport, run_without_waiting
from tests.json.bodies import envelope, flat, read
from tests.tables import table

Server = Callable[[int, int], dict[str, Any]]


def merge(
    first: CustomerInteractions, page: CustomerInteractions
) -> tuple[CustomerInteractions, bool]:
    """Two pages as one answer, and whether the second added anything."""
    pages = Pages(first)
    added = pages.add(page)
    return pages.merged, added


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """All that there is of one customer, each message with an id of its own."""
    kinds = draw(st.lists(st.sampled_from(["email", "sms", "viber"]), unique=True, max_size=3))
    ids = iter(range(10**6))
    interactions = []
    for kind in kinds:
        network = draw(st.sampled_from([{}, {"network": "twitter"}]))
        messages = [{"id": next(ids), "subject": kind} for _ in range(draw(st.integers(0, 12)))]
        entry = {"name": kind, "count": len(messages), **network, "messageList": messages}
        interactions.append(entry)
    if draw(st.booleans()):
        interactions.append({"name": "tweet", "count": 7})
    return flat(*interactions, warnings=[])


def paged(whole: dict[str, Any], *, overlap: int = 0) -> Server:
    """A server that cuts a history in pages, each beginning a little early."""

    def page(offset: int, size: int) -> dict[str, Any]:
        body = copy.deepcopy(whole)
        for each in body["interaction"]:
            if "messageList" in each:
                begin = max(0, offset - overlap) if offset else 0
                each["messageList"] = each["messageList"][begin : offset + size]
        return body

    return page


def asked(server: Server, size: int, max_pages: int = 20) -> tuple[Outcome, int]:
    """What a client makes of a server, and how many pages it asked for."""
    transport = FakeTransport(
        default=lambda request: server(int(request.params.get("offset", "0")), size)
    )
    config = ClientConfig("eu", BasicAuth("u", "p"), page_size=size, max_pages=max_pages)

    async def ask() -> Outcome:
        async with InteractionsClient(config, transport=transport) as client:
            return await client.lookup(Identifier.mobile("919738522695"))

    return run_without_waiting(ask()), len(transport.requests)


def found(outcome: Outcome) -> CustomerInteractions:
    """The customer of an outcome that has one."""
    assert isinstance(outcome, Found), outcome
    return outcome.customer


def ids(answer: CustomerInteractions) -> list[int | None]:
    """The ids of all messages, in their order."""
    return [message.id for _, message in answer.messages()]


@settings(max_examples=25, deadline=None)
@given(whole=histories(), size=st.integers(1, 15), overlap=st.integers(0, 3))
@example(whole=flat(warnings=[]), size=1, overlap=0)
def test_of_any_size_are_the_whole(whole: dict[str, Any], size: int, overlap: int) -> None:
    """Also where pages overlap, and where messages end on a page's border."""
    outcome, requests = asked(paged(whole, overlap=overlap), size)
    answer = found(outcome)
    longest = max((len(each.get("messageList", ())) for each in whole["interaction"]), default=0)

    assert answer == read(whole)
    assert to_jsonable(answer) == whole
    assert not answer.truncated
    assert longest // size <= requests <= (longest + overlap) // size + 1


@settings(max_examples=25, deadline=None)
@given(whole=histories(), size=st.integers(1, 4))
def test_from_a_server_that_ignores_offset_end(whole: dict[str, Any], size: int) -> None:
    """The second page brings nothing new, so it is the last; what is short is marked."""
    first = paged(whole)(0, size)
    outcome, requests = asked(lambda *_: first, size)
    answer = found(outcome)

    assert ids(answer) == ids(read(first))
    assert requests <= 2
    assert answer.truncated == is_incomplete(read(first))
    assert to_jsonable(answer).get("truncated", False) == answer.truncated


def test_without_end_are_asked_for_up_to_the_limit() -> None:
    """A server that always has more is left after `max_pages`, and the answer says so."""

    def endless(offset: int, size: int) -> dict[str, Any]:
        messages = [{"id": offset + n} for n in range(size)]
        return flat({"name": "sms", "count": len(messages), "messageList": messages})

    outcome, requests = asked(endless, 2, max_pages=5)
    assert (requests, found(outcome).truncated) == (5, True)
    assert ids(found(outcome)) == list(range(10))


@table(("messages", "size", "requests"), [(0, 50, 1), (49, 50, 1), (50, 50, 2), (120, 50, 3)])
def test_are_as_many_as_it_takes(messages: int, size: int, requests: int) -> None:
    """Three for 120 messages, and one further look where the last page was full."""
    body = flat(
        {"name": "sms", "count": messages, "messageList": [{"id": n} for n in range(messages)]}
    )
    outcome, sent = asked(paged(body), size)
    assert (sent, len(ids(found(outcome))), found(outcome).truncated) == (requests, messages, False)


def test_that_stay_short_of_the_count_are_marked() -> None:
    """What the server counts and does not give is never hidden."""
    body = flat({"name": "sms", "count": 9, "messageList": [{"id": 1}]})
    outcome, requests = asked(paged(body), 50)
    assert (requests, found(outcome).truncated) == (2, True)


def _page(*messages: dict[str, Any], name: str = "sms", **more: Any) -> CustomerInteractions:
    return read(flat({"name": name, "count": 9, "messageList": list(messages), **more}))


def test_bring_no_news_where_all_is_known() -> None:
    """Then what is held stays the very same value."""
    held = _page({"id": 1}, {"id": 2})
    merged, added = merge(held, _page({"id": 2}, {"id": 1}))
    assert merged is held
    assert not added


def test_keep_what_was_told_first() -> None:
    """A message that comes again with another status is not taken twice, nor changed."""
    merged, added = merge(_page({"id": 1, "status": "SENT"}), _page({"id": 1, "status": "OPENED"}))
    assert [message.status for _, message in merged.messages()] == ["SENT"]
    assert not added


def test_tell_messages_without_an_id_apart_by_all_of_them() -> None:
    """There is nothing else to know them by."""
    one, other = {"subject": "a"}, {"subject": "b"}
    merged, added = merge(_page(one), _page(one, other))
    assert [message.subject for _, message in merged.messages()] == ["a", "b"]
    assert added


def test_tell_the_same_id_apart_in_another_place() -> None:
    """An id is one of its network and of its kind of interaction."""
    held = _page({"id": 1})
    for page in (_page({"id": 1}, name="email"), _page({"id": 1}, network="twitter")):
        merged, added = merge(held, page)
        assert len(ids(merged)) == 2
        assert added


def test_fill_in_what_the_first_did_not_tell() -> None:
    """Surveys, places, dates, warnings, unknown fields and the higher count."""
    held = read(flat({"name": "sms", "count": 1}, warnings=["a"]))
    page = read(
        flat(
            {
                "name": "sms",
                "count": 2,
                "surveys": [{"name": "NPS"}],
                "locations": [{"lat": 1.5}],
                "usedStatus": True,
                "lastInteractionTime": "2023-06-02T09:24:40Z",
                "x": 1,
            },
            warnings=["a", "b"],
            customer={"id": 5},
            y=2,
        )
    )
    merged, added = merge(held, page)
    (interaction,) = merged.interactions

    assert added
    assert (interaction.count, interaction.used, interaction.extra) == (2, True, {"x": 1})
    assert (len(interaction.surveys), len(interaction.locations)) == (1, 1)
    assert interaction.last_interaction_at == page.interactions[0].last_interaction_at
    assert (merged.warnings, merged.extra) == (("a", "b"), {"y": 2})
    assert merged.customer == page.customer
    assert merge(merged, page) == (merged, False)


@table(
    ("messages", "count", "size", "expected"),
    [(0, 0, 2, None), (1, 1, 2, None), (2, 2, 2, 12), (1, 3, 2, 12), (3, 3, 2, 12)],
)
def test_go_on_where_one_is_full_or_short(
    messages: int, count: int, size: int, expected: int | None
) -> None:
    """By the page's size, from where the last one began."""
    body = flat(
        {"name": "sms", "count": count, "messageList": [{"id": n} for n in range(messages)]}
    )
    assert next_offset(read(body), read(body), 10, size) == expected


def test_are_not_missed_where_there_is_no_list_of_messages() -> None:
    """Ten tweets that the answer only counts are all that it has to say of them."""
    assert not is_incomplete(read(flat({"name": "tweet", "count": 10})))
    assert not is_incomplete(read(envelope({"type": "tweet", "count": "10"})))
    assert is_incomplete(read(flat({"name": "sms", "count": 10, "messageList": []})))
    assert is_incomplete(read(envelope({"type": "sms", "count": 1, "messages": {"message": []}})))


def test_that_are_marked_mark_the_whole() -> None:
    """What one page says is missing stays missing, repeated or not."""
    held = _page({"id": 1})
    page = with_truncated(held, truncated=True)
    for merged, _ in (merge(held, page), merge(page, held)):
        assert merged.truncated


def test_mark_an_answer_once() -> None:
    """An answer that already says so is the very same value."""
    answer = read(flat())
    assert with_truncated(answer, truncated=False) is answer
    short = with_truncated(answer, truncated=True)
    assert short.truncated
    assert with_truncated(short, truncated=True) is short
