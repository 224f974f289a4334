"""What each code means at each level that may say it, and that the most specific one wins."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from capillary_interactions._protocol.codes import ResultKind
from tests.json.bodies import ending, envelope, enveloped, flat, judged, reason
from tests.tables import table

Spelling = Callable[[int], dict[str, Any]]


def _status(success: object, name: str = "code", word: type = int) -> Spelling:
    return lambda code: {"response": {"status": {"success": success, name: word(code)}}}


REQUEST: dict[str, Spelling] = {
    "response.status": _status("false"),
    "boolean": _status(False),
    "response_code": _status("false", "response_code", str),
    "capitalised": _status("False", "code", str),
    "no success": lambda code: {"response": {"status": {"code": code}}},
    "top status": lambda code: {"status": {"success": "false", "code": code}},
    "top code": lambda code: {"status": False, "code": code, "message": "no"},
    "top status as a word": lambda code: {"status": "False", "code": code},
    "top success": lambda code: {"success": "false", "code": str(code)},
    "errorCode": lambda code: {"errorCode": str(code), "errorMessage": "no"},
    "in spite of success": lambda code: {
        "response": {"status": {"success": "true", "code": str(code)}, "customers": None}
    },
}
ERRORS: dict[str, Spelling] = {
    "errors": lambda code: {"errors": [{"status": False, "code": code}]},
    "one object": lambda code: {"errors": {"status": False, "code": code}},
    "no status": lambda code: {"errors": [{"code": str(code)}]},
    "second": lambda code: {"errors": [{"status": True}, {}, {"status": False, "code": code}]},
    "beside data": lambda code: {**flat(), "errors": [{"status": False, "code": code}]},
}
ITEM: dict[str, Spelling] = {
    "item_status": lambda code: _item({"success": "false", "code": code}),
    "boolean": lambda code: _item({"success": False, "response_code": str(code)}),
    "beside data": lambda code: envelope(item_status={"success": "false", "code": code}),
    "one of customers": lambda code: _among([_item_status(code)]),
    "not in a list": lambda code: _among(_item_status(code)),
    "in a failed request": lambda code: {
        "response": {**_status("false")(500)["response"], **_item({"code": code})["response"]}
    },
}
BODY = {**REQUEST, **ERRORS, **ITEM}


def _item_status(code: int) -> dict[str, Any]:
    return {"mobile": "919000000009", "item_status": {"success": "false", "code": str(code)}}


def _among(customers: object) -> dict[str, Any]:
    status = {"success": "false", "code": 500}
    return {"response": {"status": status, "customers": {"customer": customers}}}


def _item(status: object) -> dict[str, Any]:
    return {"response": {"customer": {"mobile": "919000000009", "item_status": status}}}


def _rows() -> Iterator[tuple[str, int, str]]:
    """The table of CAPILLARY_API.md section 3, for the levels that its second column names."""
    every: dict[int, str] = {
        **dict.fromkeys((400, 422, 1015, 1042, 1104, 1001, 1002, 1003), "rejected"),
        **dict.fromkeys((8001, 8003, 8011, 8012, 8016, 8045, 8091, 8127), "rejected"),
        **dict.fromkeys((8002, 8013, 8092, 8093, 1007, 1045), "rejected"),
        **dict.fromkeys((8100, 8101, 8102, 1060, 1061), "rejected"),
        **dict.fromkeys((8109, 8026, 8065, 8089, 8121, 8090), "not found"),
        **dict.fromkeys((8061, 8062, 8063, 8088, 8025, 1109, 4001), "again"),
        **dict.fromkeys((91001, 91002, 91003, 91004), "again"),
        **dict.fromkeys((401, 498), "denied"),
        **dict.fromkeys((403, 1044, 4000, 1064, 8126, 91020, 91021), "forbidden"),
        429: "throttled",
        **dict.fromkeys((461, 521, 407, 500, 502, 503, 504, 520, 522, 523, 524), "again"),
        408: "rejected",
    }
    named = {
        **dict.fromkeys((816, 1011, 1012, 8015, 1013, 1020), "not found"),
        618: "rejected",
        9999: "rejected",
        12345: "rejected",
        1: "rejected",
    }
    wrong_call = dict.fromkeys((402, 404, 405, 406, 415), "rejected")
    for level, codes in (("request", every | wrong_call), ("errors", every | named)):
        yield from ((level, code, expected) for code, expected in codes.items())
    yield from (("item", code, expected) for code, expected in (every | named).items())


LEVELS = {"request": REQUEST, "errors": ERRORS, "item": ITEM}


@table(("level", "code", "expected"), list(_rows()))
def test_in_a_body_with_200_mean(level: str, code: int, expected: str) -> None:
    """Each code that a body may say, in each spelling of each level, is never an answer."""
    for name, spelling in LEVELS[level].items():
        result = judged(spelling(code))
        assert ending(result) == expected, name
        assert result.code == code
        assert f"({code})" in result.reason


HTTP = {
    **dict.fromkeys((400, 402, 404, 405, 406, 415, 407, 409, 410, 413, 422, 451), "rejected"),
    **dict.fromkeys((401, 498), "denied"),
    403: "forbidden",
    429: "throttled",
    **dict.fromkeys((408, 461, 500, 502, 503, 504, 520, 521, 522, 523, 524), "again"),
    **dict.fromkeys((525, 527, 530, 599), "again"),
    **dict.fromkeys((301, 302, 303, 307, 308), "rejected"),
}


NOTHING_SAID = (
    *(b"", b"<html>sorry</html>", b"{}", b"[]", b'"text"', b"null"),
    *(b'{"message": "no"}', b'{"a": 1}', b'{"errors": [], "status": "failed"}'),
)


@table(("status", "expected"), HTTP.items())
def test_of_http_mean(status: int, expected: str) -> None:
    """A status speaks alone where the body does not."""
    for body in NOTHING_SAID:
        result = judged(body, status)
        assert ending(result) == expected, body
        assert f"HTTP {status}" in reason(result)


@table("status", HTTP)
@table("body", [flat(), envelope()])
def test_of_http_outweigh_an_answer(status: int, body: object) -> None:
    """What comes with a failed status is no answer, whatever it looks like."""
    assert ending(judged(body, status)) == HTTP[status]


@table("status", [402, 404, 405, 406, 415])
def test_of_a_wrong_call_say_what_to_check(status: int) -> None:
    """In HTTP and at request level."""
    assert "check base_url and api" in reason(judged(b"", status))
    assert "check base_url and api" in reason(judged(REQUEST["response.status"](status)))


def test_of_a_redirect_say_what_to_check() -> None:
    """It is not followed, even where its body says something else."""
    result = judged(ITEM["item_status"](1012), 302)
    assert ending(result) == "rejected"
    assert "redirects are not followed" in reason(result)


SPECIFIC = {
    1012: "not found",
    1013: "not found",
    618: "rejected",
    1104: "rejected",
    408: "rejected",
    401: "denied",
    1044: "forbidden",
    429: "throttled",
    461: "again",
    503: "again",
}


@table("status", [200, 400, 401, 403, 404, 500, 502, 503])
@table(("code", "expected"), SPECIFIC.items())
def test_of_the_item_win_over_the_request_and_http(status: int, code: int, expected: str) -> None:
    """The customer's own code decides, under every request code and every status."""
    for spelling, around in product(("item_status", "boolean"), (500, 400, 429, 1012, 200)):
        body = ITEM[spelling](code)
        body["response"]["status"] = {"success": "false", "code": around}
        assert ending(judged(body, status)) == expected, (spelling, around)


@table("status", [200, 400, 403, 404, 500, 502, 503])
@table(("code", "expected"), SPECIFIC.items())
def test_of_the_errors_win_over_the_request_and_http(status: int, code: int, expected: str) -> None:
    """So does the code of an entry of `errors`."""
    body = ERRORS["errors"](code) | REQUEST["response.status"](500)
    assert ending(judged(body, status)) == expected


@table("status", [200, 400, 404, 500, 502])
@table("code", [401, 403, 429, 408, 1044, 404])
def test_of_the_request_win_over_http(status: int, code: int) -> None:
    """What the request's status says is closer to the matter than HTTP's."""
    expected = ending(judged(REQUEST["response.status"](code)))
    for spelling in REQUEST.values():
        assert ending(judged(spelling(code), status)) == expected


@table("status", [200, 400, 404, 500])
@table("spelling", [*ERRORS, *ITEM])
def test_that_are_not_listed_are_a_named_failure(status: int, spelling: str) -> None:
    """A code with `success: false` is rejected with code and message, under a bare 500 too."""
    result = judged((ERRORS | ITEM)[spelling](9876), status)
    assert (ending(result), result.code, result.status) == ("rejected", 9876, status)


@table(
    ("status", "expected"), [(401, "denied"), (403, "forbidden"), (502, "again"), (503, "again")]
)
def test_that_are_not_listed_lose_to_a_telling_status(status: int, expected: str) -> None:
    """Refused credentials and a gateway's failure are known; an unlisted code is not."""
    assert ending(judged(ERRORS["errors"](9876), status)) == expected


@table("body", [*BODY.values(), lambda _: flat()])
def test_of_a_quota_are_felt_whatever_the_body_says(body: Spelling) -> None:
    """HTTP's 429 quiets everybody, even where one customer is known to be missing."""
    result = judged(body(1012), 429, {"retry-after": "2"})
    assert (ending(result), result.retry_after, result.status) == ("throttled", 2.0, 429)


def test_of_a_refused_token_outweigh_all_requests_have_failed() -> None:
    """A 401 or 498 with the usual request-level 500 is about the credentials."""
    for status in (401, 498):
        assert ending(judged(REQUEST["response.status"](500), status)) == "denied"


@table(
    ("body", "status"),
    [
        (
            {"response": {"status": {"code": 503, "message": "Authorization status unavailable"}}},
            200,
        ),
        ({"errors": [{"code": 503, "message": "authorization status unavailable."}]}, 200),
        ({"errors": [{"code": 1, "message": "Authorization Status Unavailable"}]}, 503),
        ({"errors": [{"code": 403, "message": "authorization status is unavailable"}]}, 403),
        ({"status": {"success": "false", "code": 4001}}, 401),
        ({"errorCode": 4001, "errorMessage": "Authorization status unavailable!"}, 200),
        ({"errorCode": 4001, "errorMessage": "Authorization status unavailable!"}, 503),
        ({"errorMessage": "Authorization status is unavailable"}, 200),
        ({"message": "Authorization status unavailable"}, 401),
        (b"Authorization status unavailable", 503),
        (b"<html>authorization status unavailable</html>", 403),
    ],
)
def test_of_an_unavailable_authorisation_pass(body: object, status: int) -> None:
    """The vendor says: "try again after some time"; what to check is known once that is over."""
    result = judged(body, status)
    assert ending(result) == "again"
    assert "access group" not in result.reason
    assert "access group" in result.final_reason


def test_of_an_unavailable_authorisation_do_not_outweigh_the_quota() -> None:
    """HTTP's 429 quiets every caller."""
    assert ending(judged(b"authorization status unavailable", 429)) == "throttled"


def test_of_access_become_a_rejection_where_the_credentials_are_good() -> None:
    """`as_rejected` keeps reason and status."""
    refusal = judged(b"", 403)
    rejected = refusal.as_rejected()
    assert rejected.kind is ResultKind.REJECTED
    assert (rejected.reason, rejected.status) == (refusal.reason, 403)


@table("success", ["true", "TRUE", True, None])
@table("code", [200, "200", 1000, "1000", 201])
def test_of_success_let_the_answer_through(success: object, code: object) -> None:
    """At every level, as a word and as a boolean, or by the code alone."""
    status = {"success": success, "code": code}
    body = envelope({"type": "sms", "count": 3}, item_status=status)
    body["response"]["status"] = status
    assert ending(judged(body)) == "found"
    assert ending(judged({**flat(), "status": status})) == "found"


@table("status", [0, 1, 200, 500, "ok", "active", None, [], {}])
def test_of_nothing_known_are_no_failure(status: object) -> None:
    """A `status` beside an answer that says neither true nor false is an unknown field."""
    assert ending(judged({**flat(), "status": status})) == "found"


def test_of_the_item_may_succeed_in_a_failed_request() -> None:
    """The customer's own success says more than the request's failure."""
    body = envelope({"type": "sms", "count": 3}, item_status={"success": "true", "code": 1000})
    body["response"]["status"] = {"success": "false", "code": 500}
    assert ending(judged(body)) == "found"


@table(
    ("body", "expected"),
    [
        ({"response": {"status": {"success": "false"}}}, "again"),
        ({"response": {"status": {"success": False, "code": "none"}}}, "again"),
        ({"response": {"status": {"success": "false", "code": 599}}}, "again"),
        ({"response": {"status": {"success": "false", "code": 497}}}, "rejected"),
        ({"success": False, "message": "no", **flat()}, "again"),
        ({"status": "false", "message": "no", **flat()}, "again"),
        ({"errors": [{"status": False, "message": "no"}]}, "rejected"),
        (enveloped({}, item_status={"success": "false"}), "rejected"),
    ],
)
def test_that_are_missing_leave_a_failure(body: object, expected: str) -> None:
    """Failure without a (known) code is failure; of the request as a whole it may pass."""
    assert ending(judged(body)) == expected


@table("code", [True, 1012.0, "1012.0", "²", "1012 ", -1012, 10**6, "1234567", [1012], {}])
def test_are_integers_or_their_decimal_spelling(code: object) -> None:
    """What is no code is not shown as one: it may be a phone number."""
    result = judged({"errors": [{"status": False, "code": code, "message": "no"}]})
    assert ending(result) == "rejected"
    assert (result.code, result.reason) == (None, "refused by the server: no")


def test_that_say_only_that_it_failed_lose_to_another_one() -> None:
    """The text "unable to fetch" counts alone."""
    body = {"errors": [{"code": 8061}, {"status": False, "code": 8015}]}
    result = judged(body)
    assert (ending(result), result.code) == ("not found", 8015)


@table("code", [401, "498", 1012, 4000, 8001])
@table("customers", [{}, {"customers": None}, {"customer": None}])
def test_of_failures_outweigh_success_where_no_customer_comes(
    code: object, customers: dict[str, Any]
) -> None:
    """Published for OAuth; an answer with a customer is one all the same."""
    status = {"success": "true", "code": code}
    assert ending(judged({"response": {"status": status, **customers}})) != "unreadable"
    answer = envelope({"type": "sms", "count": 3})
    answer["response"]["status"] = status
    assert ending(judged(answer)) == "found"
    nothing = enveloped({})
    nothing["response"]["status"] = status
    assert ending(judged(nothing)) not in {"found", "unreadable"}


@table("nothing", [None, "null", ""])
def test_of_the_customer_beside_an_empty_place_are_read(nothing: object) -> None:
    """The envelope's marks for nothing, where the customer of other answers is."""
    body = _among([_item_status(1012)])
    body["response"]["customer"] = nothing
    assert (ending(judged(body)), judged(body).code) == ("not found", 1012)


def test_of_several_customers_are_not_read() -> None:
    """Which of them was asked for, the answer does not say."""
    status = {"success": "true", "code": 200}
    several = [_item_status(1012), _item_status(8109)]
    body = {"response": {"status": status, "customers": {"customer": several}}}
    assert ending(judged(body)) == "unreadable"


@table("body", [{"errorCode": 0}, {"errorCode": None, "errorMessage": ""}])
def test_of_no_error_are_none(body: dict[str, Any]) -> None:
    """Names of errors beside an answer, without any."""
    assert ending(judged({**flat(), **body})) == "found"


def test_of_an_error_beside_an_answer_outweigh_it() -> None:
    """An error body is never an empty answer."""
    assert ending(judged({**flat(), "errorCode": 4000})) == "forbidden"


def test_of_a_nameless_item_are_those_of_the_request() -> None:
    """Where the item fails without a code, the next level's code is the most specific one."""
    body = _item({"success": "false", "message": "no"})
    body["response"]["status"] = {"success": "false", "code": 1012}
    result = judged(body)
    assert (ending(result), result.code) == ("not found", 1012)
