"""Where an envelope may have its customer and its warnings, and SMS that are listed twice."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import to_jsonable
from capillary_interactions._protocol.codes import ResultKind
from tests.tables import table

from .bodies import enveloped, flat, judged, mismatch, read, sample
from .strategies import LETTERS

SMS = {"type": "sms", "count": 1, "messages": {"message": {"id": "71", "subject": "Hello"}}}
NETWORK = {"network": {"name": "capillary", "interaction": SMS}}
CUSTOMER = {"id": "554", "mobile": "919000000003", "interactions": NETWORK}


def response(**fields: Any) -> dict[str, Any]:
    """An envelope with a success."""
    return {"response": {"status": {"success": "true", "code": "200"}, **fields}}


@table(
    "fields",
    [
        {"customer": CUSTOMER},
        {"customers": {"customer": CUSTOMER}},
        {"customers": {"customer": [CUSTOMER]}},
        {"customer": CUSTOMER, "customers": None},
        {"customer": None, "customers": {"customer": [CUSTOMER]}},
        {"customer": "null", "customers": {"customer": [CUSTOMER]}},
        {"customer": "", "customers": {"customer": CUSTOMER}},
    ],
)
def test_reads_the_one_customer_wherever_it_is(fields: dict[str, Any]) -> None:
    """Alone, or in the place of several, as in the calls for many."""
    assert read(response(**fields)) == read(response(customer=CUSTOMER))


def test_keeps_what_is_beside_the_customer() -> None:
    """At the place of several as at any other."""
    answer = read(response(customers={"customer": CUSTOMER, "count": 1}))
    assert answer.extra == {"customers": {"count": 1}}
    beside = read(response(customer=CUSTOMER, customers={"customer": [], "x": "y"}))
    assert beside.extra == {"customers": {"customer": [], "x": "y"}}


@table(
    ("fields", "path", "expected", "found"),
    [
        ({"customers": {"customer": [CUSTOMER, CUSTOMER]}}, "customers.customer", "one customer",
         "a list of 2"),
        ({"customers": {"customer": []}}, "customers.customer", "one customer", "a list of 0"),
        ({"customers": {"customer": ["x"]}}, "customers.customer[0]", "an object", "a string"),
        ({"customers": {"customer": "x"}}, "customers.customer", "an object", "a string"),
        ({"customers": {}}, "customers.customer", "an object", "nothing"),
        ({"customers": {"customer": [{"id": 1}]}}, "customers.customer[0].interactions",
         "an object", "nothing"),
        ({"customers": {"customer": {"id": 1.5, "interactions": {}}}}, "customers.customer.id",
         "an integer", "a number with a fraction or exponent"),
        ({"customers": None}, "customer", "an object", "nothing"),
        ({}, "customer", "an object", "nothing"),
    ],
)  # fmt: skip
def test_says_what_is_no_single_customer(
    fields: dict[str, Any], path: str, expected: str, found: str
) -> None:
    """More than one is never taken for the one that was asked for."""
    result = mismatch(response(**fields))
    assert result.path == f"response.{path}"
    assert result.reason.endswith(f"expected {expected}, found {found}")


@table(
    ("sent", "expected"),
    [
        ({"warning": ["1017", 91009]}, ("1017", 91009)),
        ({"warning": "only one"}, ("only one",)),
        ({"warning": 91009}, (91009,)),
        ({"warning": {"code": 91009, "message": "x"}}, ({"code": 91009, "message": "x"},)),
        (["1017"], ("1017",)),
        ("1017", ("1017",)),
        ({"other": 1}, ({"other": 1},)),
        (None, ()),
        ("", ()),
        ("null", ()),
        ([], ()),
        ({}, ()),
        ({"warning": None}, ()),
        ({"warning": ["", None, "null"]}, ()),
    ],
)  # fmt: skip
def test_reads_warnings_of_every_place(sent: object, expected: tuple[Any, ...]) -> None:
    """Of the answer, of the request and of the customer, in a list or alone; none is dropped."""
    status = {"success": "true", "code": 200, "warnings": sent}
    places = (
        {"response": {"status": status, "customer": CUSTOMER}},
        response(customer={**CUSTOMER, "item_status": {**status, "code": 1000}}),
        response(customer=CUSTOMER, warnings=sent),
    )
    for body in places:
        answer = read(body)
        assert answer.warnings == expected
        assert to_jsonable(answer)["warnings"] == list(expected)
        assert read(to_jsonable(answer)).warnings == expected


def test_reads_the_published_answer_with_both() -> None:
    """A customer in a list of one, and a warning at two levels."""
    answer = read(sample("envelope_customers_warnings"))
    merged = {"code": 91009, "message": "Retrieved survivor account for the requested merge victim"}

    assert answer.warnings == ("1017", merged)
    assert answer.customer is not None
    assert answer.customer.id == 554
    assert [(one.name, message.id) for one, message in answer.messages()] == [("sms", 71)]
    ((_, message),) = answer.messages()
    assert f"{message.sent_at} {message.delivered_at}" == (
        "2024-03-05 04:30:00+00:00 2024-03-05 04:30:04+00:00"
    )


@given(warning=st.recursive(LETTERS | st.integers(), st.lists, max_leaves=4))
def test_no_warning_costs_an_answer(warning: object) -> None:
    """Whatever it is, at any level."""
    status = {"success": "true", "code": 200, "warnings": warning}
    body = enveloped(NETWORK, item_status=status)
    # Not with orjson, which writes no integer of more than 64 bits.
    assert judged(json.dumps(body).encode()).kind is ResultKind.ANSWER


def test_gives_an_sms_that_is_listed_twice_once() -> None:
    """As an SMS; the interactions stay as they were sent."""
    answer = read(sample("flat_phone_mirrors_sms"))

    assert [(one.name, len(one.messages)) for one in answer.interactions] == [
        ("phone", 3),
        ("sms", 3),
    ]
    assert [(one.name, message.subject) for one, message in answer.messages()] == [
        ("sms", "Your code is A7K9Q2"),
        ("sms", "OTP: 12-34-56"),
        ("sms", "Sale"),
    ]


def _listed(name: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "count": len(messages), "messageList": list(messages), **more}


ONE = {"id": 1, "subject": "a", "sentDate": "05-03-2024 10:00:00"}


@table(
    ("phone", "sms", "kept"),
    [
        (_listed("phone", ONE), _listed("sms", ONE), 1),
        (_listed("phone", {**ONE, "status": "SENT"}), _listed("sms", ONE), 1),
        (_listed("phone", ONE), _listed("sms"), 1),
        (_listed("phone", ONE), _listed("sms", {**ONE, "id": 2}), 2),
        (_listed("phone", ONE), _listed("sms", {**ONE, "subject": "b"}), 2),
        (_listed("phone", ONE), _listed("sms", {**ONE, "sentDate": "06-03-2024 10:00:00"}), 2),
        (_listed("phone", ONE), _listed("sms", ONE, network="facebook"), 2),
        (_listed("phone", ONE), _listed("whatsapp", ONE), 2),
        (_listed("email", ONE), _listed("sms", ONE), 2),
        (_listed("phone", {"subject": "a"}), _listed("sms", {"subject": "a"}), 2),
    ],
)
def test_leaves_out_what_is_surely_the_same(
    phone: dict[str, Any], sms: dict[str, Any], kept: int
) -> None:
    """The same id, date and subject in the same network, as `phone` and as `sms`: no other."""
    for listed in ((phone, sms), (sms, phone)):
        assert len(list(read(flat(*listed)).messages())) == kept
