"""Reasons are bounded, and never hold whom the lookup was about."""

from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from capillary_interactions import Identifier, Query
from tests.json.bodies import ending, judged, reason
from tests.tables import table

LONGEST = 400
MOBILES = st.from_regex(r"\+?[1-9][0-9]{9,13}", fullmatch=True)
EMAILS = st.from_regex(r"[a-z0-9._+-]{3,20}@[a-z0-9-]{3,20}\.(com|co\.in)", fullmatch=True)
EXTERNAL = st.from_regex(r"[A-Z]{2}-[A-Z0-9/#]{6,20}", fullmatch=True)
IDENTIFIERS = (
    MOBILES.map(Identifier.mobile)
    | EMAILS.map(Identifier.email)
    | EXTERNAL.map(Identifier.external_id)
)
AROUND = st.text(max_size=30) | st.sampled_from(
    ["Customer ", "/customer?mobile=", "'", '"', "(", " "]
)


def _bodies(message: str) -> list[object]:
    """Every place in which the server may say something."""
    failed = {"success": "false", "code": 1012, "message": message}
    return [
        {"response": {"status": failed}},
        {"response": {"customer": {"item_status": failed}}},
        {"errors": [{"status": False, "code": 9999, "message": message}]},
        {"errors": [{"status": False, "code": 429, "message": message}]},
        {"errors": [{"status": False, "message": message}]},
        {"status": False, "code": 403, "message": message},
        {"message": message},
        {"interaction": message},
        {"interaction": [{"name": "email", "count": 1, "usedStatus": message}]},
        {"response": {"customer": {"interactions": message}}},
        message.encode("utf-8", "replace"),
    ]


@settings(max_examples=25, deadline=None)
@given(identifier=IDENTIFIERS, before=AROUND, after=AROUND, status=st.sampled_from([200, 404, 500]))
@example(Identifier.external_id("AB-\\1\\g<0>"), "", "", 200)
@example(Identifier.external_id("AB-" + "X" * 3000), "y" * 300, "", 200)
@example(Identifier.mobile("919738522695"), "y" * 1995, "", 500)
def test_never_hold_the_identifier(
    identifier: Identifier, before: str, after: str, status: int
) -> None:
    """As it was asked for, percent-encoded, and in another case."""
    value = identifier.value
    for said in (value, quote(value, safe=""), value.upper(), value.lower()):
        for body in _bodies(f"{before}{said}{after}"):
            result = judged(body, status, query=Query(identifier))
            assert result.customer is None
            assert value.lower() not in repr(result).lower()
            assert quote(value, safe="").lower() not in result.reason.lower()
            assert value.lower() not in result.reason.lower()


@table(
    "personal",
    [
        "447000000002",
        "+44 7000 000 002",
        "4470-0000-0002",
        "b.person@example.com",
        "B.Person+tag@mail.example.co.in",
    ],
)
@table("status", [200, 404, 500])
def test_never_hold_anybody_elses_number_or_address(personal: str, status: int) -> None:
    """A server may repeat what it found instead of what was asked."""
    for body in _bodies(f"Merged with <{personal}>, see there"):
        said = reason(judged(body, status))
        assert personal not in said
        assert personal.replace(" ", "") not in said


def test_never_hold_a_query_string() -> None:
    """A URL is cut at its question mark."""
    said = reason(judged({"message": "no route for /v1.1/customer?mobile=1&name=x&till=t1"}, 404))
    assert "till" not in said
    assert "/v1.1/customer?***" in said


@settings(max_examples=25, deadline=None)
@given(message=st.text(max_size=300))
def test_are_one_short_line(message: str) -> None:
    """Whatever the server's text holds."""
    for body in _bodies(message):
        for status in (200, 404, 503):
            said = reason(judged(body, status))
            assert 0 < len(said) <= LONGEST
            assert said.isprintable()


@table("message", ["x" * 10**6, "a@" * 40_000, "1 " * 40_000, "?" * 40_000])
def test_are_one_short_line_of_a_long_text(message: str) -> None:
    """However long the server's text is."""
    for body in _bodies(message):
        assert 0 < len(reason(judged(body, 404))) <= LONGEST


def test_repeat_what_the_server_says_otherwise() -> None:
    """A message without anything personal stays readable."""
    body = {"errors": [{"status": False, "code": 4321, "message": "Till TS-7 is closed\n today"}]}
    assert reason(judged(body)) == "refused by the server (4321): Till TS-7 is closed today"
    assert reason(judged({"message": "No such page"}, 404)) == (
        "HTTP 404: wrong version, path or method; check base_url and api: No such page"
    )


@table(
    "message",
    ["Too many requests", "TOO MANY REQUESTS.", ""],
)
def test_do_not_repeat_a_message_that_means_nothing_more(message: str) -> None:
    """At every level of the body."""
    listed = {"errors": [{"status": False, "code": 429, "message": message}]}
    for body in (listed, {"message": message}, {"status": False, "code": 429, "message": message}):
        assert reason(judged(body, 429)) == "HTTP 429: too many requests"
    assert reason(judged(listed, 200)) == "too many requests (429)"


def test_repeat_a_message_that_ends_the_reason_only_by_chance() -> None:
    """A message of one digit is not part of a status."""
    body = {"errors": [{"status": False, "code": 4321, "message": "1"}]}
    assert reason(judged(body, 451)) == "HTTP 451 (4321): 1"


def test_repeat_a_message_that_names_the_quota() -> None:
    """It may be the only way to know whose quota is exceeded."""
    body = {"message": "Daily quota of till TS-7 exceeded"}
    assert reason(judged(body, 429)) == (
        "HTTP 429: too many requests: Daily quota of till TS-7 exceeded"
    )


@table("count", ["100000000000000000000000", "-99999999999999999999999", "1e300"])
def test_call_a_number_that_is_too_large_so(count: str) -> None:
    """What JSON's reader makes of a long integer has no fraction."""
    body = f'{{"interaction": [{{"name": "email", "count": {count}}}]}}'.encode()
    assert reason(judged(body)) == (
        "interaction[0].count: expected an integer, found a number beyond 64 bits"
    )


@table("message", [5, None, ["919738522695"], {"mobile": "919738522695"}, ""])
def test_leave_out_a_message_that_is_no_text(message: object) -> None:
    """Nothing is spelled out that might be anything."""
    result = judged({"errors": [{"status": False, "code": 1012, "message": message}]})
    assert ending(result) == "not found"
    assert reason(result) == "customer not found (1012)"
