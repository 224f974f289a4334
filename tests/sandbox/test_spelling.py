"""What clusters and versions write differently: zone, copies of dates, warnings, the customer."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._customers import Population
from capillary_interactions.sandbox._shapes import Shape
from tests.tables import table

from .asking import V2, ask, ask_v2, get, sample

KOLKATA = "Asia/Kolkata"


def _chatty() -> str:
    """A mobile with some SMS, one of them delivered."""
    everyone = Population(seed=0, unknown=0.0, messages=None)
    for number in range(919_000_000_000, 919_000_001_000):
        history = everyone.find(str(number))
        sms = () if history is None else dict(history.channels).get("sms", ())
        if len(sms) > 1 and any(sent.delivered_at for sent in sms):
            return str(number)
    raise AssertionError("no customer has SMS")


WHO = _chatty()


def messages(answer: Any, channel: str = "sms") -> list[dict[str, Any]]:
    """The messages of a channel, in either shape."""
    if "interaction" in answer:
        interactions = answer["interaction"]
    else:
        networks = answer["response"]["customer"]["interactions"]["network"]
        interactions = [one for network in networks for one in network["interaction"]]
    listed: list[dict[str, Any]] = []
    for one in interactions:
        if channel in (one.get("name"), one.get("type")):
            listed += one["messages"]["message"] if "type" in one else one["messageList"]
    return listed


async def delivered_sms(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """The first message with this date."""
    answer = (await ask(sandbox.base_url, WHO)).json
    return next(one for one in messages(answer) if one.get(name, "null") != "null")


def _later(text: str, **delta: int) -> str:
    form = "%Y-%m-%d %H:%M:%S" if text[4] == "-" else "%d-%m-%Y %H:%M:%S"
    return f"{datetime.strptime(text, form) + timedelta(**delta):{form}}"  # noqa: DTZ007


async def test_writes_dates_in_the_cluster_s_zone() -> None:
    """The same instants by another clock; ISO copies have the offset."""
    async with Sandbox(unknown=0) as sandbox:
        sandbox.iso_fields = True
        for shape, sent, delivered, copy in (
            ("flat", "sentDate", "deliveredTime", "sentDateISO"),
            ("envelope", "sent_time", "delivered_time", "sent_timeISO"),
        ):
            sandbox.shape = shape  # type: ignore[assignment]
            sandbox.timezone = "UTC"
            utc = await delivered_sms(sandbox, delivered)
            sandbox.timezone = KOLKATA
            local = await delivered_sms(sandbox, delivered)
            assert utc["id"] == local["id"]
            assert utc[copy].endswith("+00:00")
            assert local[copy].endswith("+05:30")
            assert local[copy][11:19] == local[sent][11:19]
            assert utc[copy][11:19] == utc[sent][11:19]
            assert f"{delivered}ISO" in local
            assert local[sent] == _later(utc[sent], hours=5, minutes=30)


async def test_writes_delivered_time_as_z_or_with_the_offset() -> None:
    """By default an instant with Z, whatever the zone; where asked, the zone's offset."""
    async with Sandbox(unknown=0) as sandbox:
        written = {}
        for zone in ("UTC", KOLKATA):
            for offset in (False, True):
                sandbox.timezone, sandbox.delivered_offset = zone, offset
                one = await delivered_sms(sandbox, "deliveredTime")
                written[zone, offset] = one["deliveredTime"]
    assert written["UTC", False] == written[KOLKATA, False]
    assert written["UTC", False].endswith("Z")
    assert written["UTC", True].endswith("+00:00")
    assert written[KOLKATA, True].endswith("+05:30")


async def test_moves_surveys_and_check_ins_into_the_zone() -> None:
    """Their dates have no offset either, and the year of a check-in no zeros beside it."""
    async with Sandbox(shape="envelope", unknown=0, timezone=KOLKATA) as sandbox:
        bodies = [(await ask(sandbox.base_url, str(9_190_000 + n))).body for n in range(120)]
    written = b"".join(bodies)
    assert b'"sent_time":"2025-04-14 18:26:55","completion_time":"2025-04-15 18:53:05"' in written
    assert b'"time":"2025-3-1 17:03:23"' in written


@table("shape", ["flat", "envelope"])
async def test_lists_sms_as_phone_too(shape: Shape) -> None:
    """The very same messages, ids included; other customers get no `phone` from it."""
    async with Sandbox(unknown=0) as sandbox:
        sandbox.shape, sandbox.phone_mirrors_sms = shape, True
        answer = (await ask(sandbox.base_url, WHO)).json
        filtered = (await ask(sandbox.base_url, WHO, type="phone")).json
        assert messages(answer, "phone") == messages(answer) != []
        assert messages(filtered, "phone") == messages(answer)
        assert messages(sandbox.expected(WHO), "phone")


@table(
    ("customers", "shape", "unwrap"),
    [
        (None, "envelope", lambda response: response["customer"]),
        ("object", "envelope", lambda response: response["customers"]["customer"]),
        ("list", "envelope", lambda response: response["customers"]["customer"][0]),
        ("list", "envelope_old", lambda response: response["customers"]["customer"][0]),
    ],
)
async def test_puts_the_one_customer_where_asked(customers: Any, shape: Shape, unwrap: Any) -> None:
    """Found, not found and invalid alike."""
    async with Sandbox(shape=shape, customers=customers) as sandbox:
        for unknown in (0.0, 1.0):
            sandbox.unknown = unknown
            response = (await ask(sandbox.base_url, "9190")).json["response"]
            assert unwrap(response)["mobile"] == "9190"
            assert len(response) == 2
        invalid = (await get(sandbox.base_url, "/v1.1/customer/interaction?mobile=")).json
        assert str(unwrap(invalid["response"])["item_status"]["code"]) == "1104"


async def test_gives_warnings_where_they_are_published() -> None:
    """In the envelope at both levels, collapsed in the old one; in the flat shape in one list."""
    merged = {"code": 91009, "message": "Retrieved survivor account"}
    async with Sandbox(unknown=0, warnings=["1017"], item_warnings=[merged]) as sandbox:
        assert (await ask(sandbox.base_url, "9190")).json["warnings"] == ["1017", merged]
        sandbox.shape = "envelope"
        response = (await ask(sandbox.base_url, "9190")).json["response"]
        published = sample("envelope_customers_warnings")["response"]
        assert response["status"]["warnings"] == published["status"]["warnings"]
        assert response["customer"]["item_status"]["warnings"] == {"warning": [merged]}
        sandbox.shape = "envelope_old"
        response = (await ask(sandbox.base_url, "9190")).json["response"]
        assert response["status"]["warnings"] == {"warning": "1017"}
        item = response["customer"]["item_status"]
        assert item["warnings"] == {"warning": {**merged, "code": "91009"}}


@table("names", [(), ("X-Cap-Requestid",), ("X-CAP-REQUEST-ID",), None])
async def test_names_a_request_under_either_header(names: tuple[str, ...] | None) -> None:
    """One id for both; both by default, and one, the other or none where asked."""
    settings: dict[str, Any] = {} if names is None else {"request_id_headers": names}
    async with Sandbox(script=[None, "slow_body"], slow_body=0, **settings) as sandbox:
        for _ in range(2):
            headers = (await ask(sandbox.base_url, "9190")).headers
            sent = {name: value for name, value in headers.items() if name.startswith("X-")}
            assert tuple(sent) == (
                ("X-Cap-Requestid", "X-CAP-REQUEST-ID") if names is None else names
            )
            assert len(set(sent.values())) == min(len(sent), 1)


@table(
    ("mobile", "found"),
    [
        ("919738522695", True),
        ("91660499160", True),
        ("+919738522695", False),
        ("91 97385 22695", False),
        ("91-9738522695", False),
        ("00919738522695", False),
        ("\u0669\u0661", False),
        ("a@b.co", False),
    ],
)
async def test_finds_mobiles_that_are_digits(mobile: str, found: bool) -> None:
    """What is spelled otherwise is not found, silently, in either version."""
    async with Sandbox(unknown=0) as sandbox:
        for asking in (ask, ask_v2):
            reply = await asking(sandbox.base_url, mobile)
            assert reply.status == 200
            assert ("interaction" in reply.json) == found
        question = urlencode({"identifierName": "external_id", "identifierValue": mobile})
        assert "interaction" in (await get(sandbox.base_url, f"{V2}?{question}")).json


async def test_answers_for_the_id_it_is_asked_for() -> None:
    """`id=554` is about customer 554."""
    async with Sandbox(shape="envelope", unknown=0) as sandbox:
        target = "/v1.1/customer/interaction?format=json&id=554"
        assert (await get(sandbox.base_url, target)).json["response"]["customer"]["id"] == "554"
