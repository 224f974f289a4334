"""The three shapes as they are published, pages and filters."""

import itertools
import re
from typing import Any

import orjson

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._customers import CustomerHistory, Population
from capillary_interactions.sandbox._requests import NETWORKS, ParsedRequest
from capillary_interactions.sandbox._shapes import SHAPES, Shape
from capillary_interactions.sandbox._spelling import PLAIN
from tests.tables import table

from .asking import ask, ask_v2, sample

EVERYBODY = Population(seed=0, unknown=0.0, messages=None)
WHOLE = slice(None)


def fields(value: Any, path: str = "") -> set[str]:
    """The path of every field, without places in lists."""
    if isinstance(value, dict):
        inner = [fields(held, f"{path}.{key}") | {f"{path}.{key}"} for key, held in value.items()]
    elif isinstance(value, list):
        inner = [fields(held, path) for held in value]
    else:
        return set()
    return set[str]().union(*inner)


def histories(number: int = 400) -> list[CustomerHistory]:
    """Customers enough to meet every oddity."""
    found = (EVERYBODY.find(str(9_190_000 + place)) for place in range(number))
    return [history for history in found if history is not None]


def write(shape: Shape, history: CustomerHistory, page: slice = WHOLE, **asked: Any) -> Any:
    """A history in this shape, as JSON gives it back."""
    question = ParsedRequest(name="mobile", identifier=history.mobile, **asked)
    return orjson.loads(orjson.dumps(SHAPES[shape](history, question, page, PLAIN)))


@table(
    ("shape", "samples"),
    [
        ("flat", ["documented", "flat_channels"]),
        ("envelope", ["envelope"]),
        ("envelope_old", ["envelope_old"]),
    ],
)
def test_has_every_field_of_the_published_answers(shape: Shape, samples: list[str]) -> None:
    """Over many customers, no published field is missing, under the very same name and parent."""
    written = set[str]().union(*(fields(write(shape, history)) for history in histories()))
    published = set[str]().union(*(fields(sample(name)) for name in samples))
    # Older books have these beside the list that says the same.
    interaction = ".response.customer.interactions.network.interaction"
    spared = {f"{interaction}.latest_survey_{what}" for what in ("name", "interaction_time")}
    assert published - spared <= written


def test_invents_no_field_in_the_flat_shape() -> None:
    """The flat shape has nothing but what is published."""
    written = set[str]().union(*(fields(write("flat", history)) for history in histories()))
    published = set[str]().union(
        *(fields(sample(name)) for name in ("documented", "flat_channels"))
    )
    assert written == published


def test_writes_flat_dates_as_the_page_does() -> None:
    """`DD-MM-YYYY HH:mm:ss` for sent, ISO 8601 with a Z for delivered."""
    messages = [
        sent
        for history in histories(60)
        for one in write("flat", history)["interaction"]
        for sent in one.get("messageList", ())
    ]
    assert messages
    for sent in messages:
        assert re.fullmatch(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d", sent["sentDate"])
        delivered = sent.get("deliveredTime")
        assert delivered is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", delivered)
        assert type(sent["campaignId"]) is type(sent["userId"]) is type(sent["id"]) is int


def test_lists_empty_interactions_in_the_flat_shape() -> None:
    """Survey with surveys, missed_call with usedStatus, the rest with an empty list."""
    history = Population(seed=0, unknown=0, messages=0).find("1")
    assert history is not None
    assert write("flat", history)["interaction"] == [
        {"count": 0, "name": "survey", "surveys": []},
        {"count": 0, "name": "missed_call", "usedStatus": False},
        {"count": 0, "name": "email", "messageList": []},
        {"count": 0, "name": "sms", "messageList": []},
    ]


def values(value: Any) -> list[Any]:
    """Every value that holds no other."""
    if isinstance(value, dict):
        return [one for held in value.values() for one in values(held)]
    if isinstance(value, list):
        return [one for held in value for one in values(held)]
    return [value]


def test_has_the_habits_of_the_old_envelope() -> None:
    """Text for numbers, lists of one collapsed, line breaks around addresses, a far year."""
    written = [write("envelope_old", history) for history in histories()]
    every = [one for answer in written for one in values(answer)]
    assert {type(one) for one in every} == {str}
    assert any(one.startswith("45837-") for one in every)
    assert any(one.startswith("\n") and one.endswith("\n") for one in every)
    networks = [answer["response"]["customer"]["interactions"]["network"] for answer in written]
    assert {type(network) for network in networks} == {dict, list}
    for lists in (value for answer in written for value in _lists(answer)):
        assert len(lists) != 1


def _lists(value: Any) -> list[list[Any]]:
    if isinstance(value, dict):
        return [one for held in value.values() for one in _lists(held)]
    if isinstance(value, list):
        return [value, *(one for held in value for one in _lists(held))]
    return []


@table("shape", ["envelope", "envelope_old"])
async def test_says_success_and_whom_in_the_envelope(shape: Shape) -> None:
    """Status, customer and networks stand where they are published."""
    async with Sandbox(shape=shape, unknown=0) as sandbox:
        answer = (await ask(sandbox.base_url, "919000000001")).json["response"]
    status = answer["status"]
    assert status["success"] == "true"
    assert status.get("code", status.get("response_code")) in (200, "200")
    assert answer["customer"]["mobile"] == "919000000001"
    assert answer["customer"]["interactions"]["network"]


@table(("shape", "code"), [("flat", 8015), ("envelope", 1012), ("envelope_old", "1012")])
async def test_says_that_nobody_is_there(shape: Shape, code: int | str) -> None:
    """An unknown customer is a failure inside a 200, with the published code."""
    async with Sandbox(shape=shape, unknown=1) as sandbox:
        reply = await ask(sandbox.base_url, "1")
    assert reply.status == 200
    if shape == "flat":
        assert reply.json["errors"][0]["code"] == code
    else:
        customer = reply.json["response"]["customer"]
        assert (customer["mobile"], customer["item_status"]["code"]) == ("1", code)
        assert reply.json["response"]["status"]["success"] == "false"


def ids(answer: Any) -> list[int]:
    """The ids of the e-mails in a flat answer."""
    [emails] = [one for one in answer["interaction"] if one["name"] == "email"]
    return [sent["id"] for sent in emails["messageList"]]


@table(
    ("parameters", "page"),
    [
        ({}, slice(0, 50)),
        ({"offset": 50}, slice(50, 100)),
        ({"offset": 100}, slice(100, 120)),
        ({"offset": 120}, slice(120, 120)),
        ({"limit": 7}, slice(0, 7)),
        ({"limit": 7, "offset": 3}, slice(3, 10)),
        ({"limit": 1_000}, slice(0, 120)),
    ],
)
async def test_pages_by_limit_and_offset(parameters: dict[str, Any], page: slice) -> None:
    """A page of v1.1 is a slice of the history, and `count` is always the whole."""
    async with Sandbox(unknown=0, messages=120) as sandbox:
        everything = sandbox.expected("1")
        answer = (await ask(sandbox.base_url, "1", **parameters)).json
    assert len(ids(everything)) == 120
    assert ids(answer) == ids(everything)[page]
    assert [one["count"] for one in answer["interaction"] if one["name"] == "email"] == [120]


async def test_has_pages_of_any_size() -> None:
    """`page_size` counts where the request does not say, and changes while it runs."""
    async with Sandbox(unknown=0, messages=12, page_size=5) as sandbox:
        assert len(ids((await ask(sandbox.base_url, "1")).json)) == 5
        sandbox.page_size = 9
        assert len(ids((await ask(sandbox.base_url, "1")).json)) == 9
        assert len(ids((await ask(sandbox.base_url, "1", limit=2)).json)) == 2


async def test_ignores_the_offset_where_told() -> None:
    """Every page is the first one."""
    async with Sandbox(unknown=0, messages=12, page_size=5, ignore_offset=True) as sandbox:
        pages = [
            ids((await ask(sandbox.base_url, "1", offset=offset)).json) for offset in (0, 5, 10)
        ]
    assert pages[0] == pages[1] == pages[2]
    assert len(pages[0]) == 5


async def test_never_pages_in_v2() -> None:
    """v2 documents no paging: limit and offset change nothing."""
    async with Sandbox(unknown=0, messages=60) as sandbox:
        answer = (await ask_v2(sandbox.base_url, "1", limit=3, offset=9)).json
        assert ids(answer) == ids(sandbox.expected("1"))[:50]


@table("shape", ["flat", "envelope", "envelope_old"])
def test_gives_the_same_messages_in_every_shape(shape: Shape) -> None:
    """The shapes are spellings of one history."""
    for history in histories(40):
        expected = {str(sent.id) for _, held in history.channels for sent in held}
        found = set(re.findall(r'"id":"?(\d{13})', orjson.dumps(write(shape, history)).decode()))
        assert found == expected


SOCIAL = next(history for history in histories() if history.social)


@table(
    ("asked", "names"),
    [
        ({"type": "email"}, ["email"]),
        ({"type": "zalo", "network": "capillary"}, ["zalo"]),
        ({"network": "facebook"}, ["checkin"]),
        ({"network": "twitter"}, ["tweet", "retweet"]),
        ({"network": "twitter", "type": "retweet"}, ["retweet"]),
        ({"network": "twitter", "type": "email"}, []),
        ({"network": "foursquare"}, []),
        ({"type": "tweet"}, []),
    ],
)
def test_filters_in_the_flat_shape(asked: dict[str, Any], names: list[str]) -> None:
    """Type and network leave out everything else; without a network it is capillary."""
    answer = write("flat", SOCIAL, **asked)
    assert answer["name"] == asked.get("network", "capillary")
    assert [one["name"] for one in answer["interaction"]] == names


@table("network", [None, *NETWORKS])
@table("kind", [None, "email", "tweet", "checkin"])
def test_filters_in_the_envelope(network: str | None, kind: str | None) -> None:
    """Only the networks and types that were asked for come back."""
    answer = write("envelope", SOCIAL, network=network, type=kind)
    networks = answer["response"]["customer"]["interactions"]["network"]
    assert {one["name"] for one in networks} <= ({network} if network else set(NETWORKS))
    held = list(itertools.chain.from_iterable(one["interaction"] for one in networks))
    assert all(kind in (None, one["type"]) for one in held)
    if network is not None:
        assert [one["name"] for one in networks] == [network]


async def test_filters_over_the_wire() -> None:
    """The filters of a request reach the answer in both versions."""
    async with Sandbox(unknown=0) as sandbox:
        for asking in (ask, ask_v2):
            answer = (await asking(sandbox.base_url, "1", network="capillary", type="sms")).json
            assert [one["name"] for one in answer["interaction"]] == ["sms"]
