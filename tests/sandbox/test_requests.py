"""What is a question, in each version, and why is a request refused?"""

from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._requests import InvalidRequest, ParsedRequest, parse_request
from tests.tables import table

from .asking import V1_1, V2, get

PAGE_EXAMPLE = (
    "format=json&source=INSTORE&accountId=1234&identifierName=mobile"
    "&mobile=91660499160&type=whatsapp"
)


@table(
    ("path", "query", "expected"),
    [
        (V1_1, PAGE_EXAMPLE, {"name": "mobile", "identifier": "91660499160", "type": "whatsapp"}),
        (V1_1, "email=a%40b.co", {"name": "email", "identifier": "a@b.co"}),
        (V1_1, "mobile=%2B91+1", {"name": "mobile", "identifier": "+91 1"}),
        (V1_1, "card_number=1", {"name": "card_number", "identifier": "1"}),
        (V1_1, "card_external_id=1", {"name": "card_external_id", "identifier": "1"}),
        (V1_1, "id=7", {"name": "id", "identifier": "7"}),
        (V1_1, "identifierName=wechat&wechat=7", {"name": "wechat", "identifier": "7"}),
        (V1_1, "mobile=1&user_id=true", {"name": "mobile", "identifier": "1"}),
        (V2, "identifierName=id&identifierValue=7", {"name": "id", "identifier": "7"}),
        (V1_1, "identifierName=email&mobile=1&email=2", {"name": "email", "identifier": "2"}),
        (
            V1_1,
            "mobile=1&network=twitter&type=tweet&limit=5&offset=10",
            {
                "name": "mobile",
                "identifier": "1",
                "network": "twitter",
                "type": "tweet",
                "limit": 5,
                "offset": 10,
            },
        ),
        (
            V2,
            "identifierName=mobile&identifierValue=917385022695",
            {"name": "mobile", "identifier": "917385022695"},
        ),
        (
            V2,
            "identifierName=external_id&identifierValue=a%3Bb&limit=x&offset=y&network=facebook",
            {"name": "external_id", "identifier": "a;b", "network": "facebook"},
        ),
    ],
)
def test_reads(path: str, query: str, expected: dict[str, Any]) -> None:
    """Both published spellings, and the page's own example."""
    assert parse_request(path, query) == ParsedRequest(**expected)


@table(
    ("path", "query", "code", "word", "identifier"),
    [
        (V1_1, "", 1104, "an identifier is mandatory", None),
        (V1_1, "format=json", 1104, "an identifier is mandatory", None),
        (V1_1, "identifierName=mobile", 1104, "mobile is mandatory", None),
        (V1_1, "identifierName=mobile&identifierValue=1", 1104, "mobile is mandatory", None),
        (V1_1, "identifierName=mobile&email=1", 1104, "mobile is mandatory", None),
        (V1_1, "mobile=+%09", 1104, "mobile is mandatory", None),
        (V1_1, "identifierName=phone&phone=1", 400, "identifierName must be one of mobile", None),
        (V1_1, "mobile=1&network=orkut", 400, "network must be one of facebook", "1"),
        (V1_1, "mobile=1&type=fax", 400, "type must be one of email", "1"),
        (V1_1, "mobile=1,2", 400, "one customer", "1,2"),
        (V1_1, "mobile=1&format=xml", 400, "format=json", "1"),
        (V1_1, "mobile=1&limit=0", 400, "limit must be a whole number of 1", "1"),
        (V1_1, "mobile=1&limit=ten", 400, "limit must be", "1"),
        (V1_1, "mobile=1&limit=", 400, "limit must be", "1"),
        (V1_1, "mobile=1&limit=%D9%A3", 400, "limit must be", "1"),
        (V1_1, f"mobile=1&limit={'9' * 5_000}", 400, "limit must be", "1"),
        (V1_1, "mobile=1&offset=-1", 400, "offset must be a whole number of 0", "1"),
        (V1_1, "user_id=7", 1104, "an identifier is mandatory", None),
        (V1_1, "identifierName=&mobile=1", 1104, "an identifier is mandatory", None),
        (V1_1, "mobile=&email=2", 1104, "mobile is mandatory", None),
        (V1_1, "email=2&mobile=1,2", 400, "one customer", "1,2"),
        (V1_1, "mobile=1&user_id=7", 400, "user_id must be true or false", "1"),
        *((V1_1, f"id={bad}", 1104, "id is mandatory", None) for bad in ("x", "0", "-1", 2**63)),
        (V2, "identifierName=mobile&identifierValue=1,2", 400, "one customer", "1,2"),
        (V2, "", 1104, "an identifier is mandatory", None),
        (V2, "mobile=1", 1104, "an identifier is mandatory", None),
        (V2, "identifierName=mobile&mobile=1", 1104, "identifierValue is mandatory", None),
        (V2, "identifierName=mobile&identifierValue=", 1104, "identifierValue is mandatory", None),
        (V2, "identifierName=card_number&identifierValue=1", 400, "mobile, email", None),
        (V2, "identifierName=mobile&identifierValue=1&type=fax", 400, "type must be", "1"),
        (V2, "identifierName=mobile&identifierValue=1&network=x", 400, "network must be", "1"),
    ],
)
def test_refuses(path: str, query: str, code: int, word: str, identifier: str | None) -> None:
    """Each refusal has Capillary's code and says what is wrong."""
    refusal = parse_request(path, query)
    assert isinstance(refusal, InvalidRequest)
    assert (refusal.code, refusal.identifier) == (code, identifier)
    assert word in refusal.message


@settings(max_examples=50, deadline=None)
@given(
    path=st.sampled_from([V1_1, V2]),
    query=st.one_of(
        st.text(max_size=60),
        st.dictionaries(
            st.sampled_from(
                ["identifierName", "identifierValue", "mobile", "limit", "offset", "type", "format"]
            ),
            st.one_of(st.sampled_from(["mobile", "1", "email", "json", "-1"]), st.text(max_size=9)),
        ).map(urlencode),
    ),
)
def test_has_a_word_for_every_query_string(path: str, query: str) -> None:
    """Whatever comes in, a question or a refusal comes out, and a question is a sound one."""
    asked = parse_request(path, query)
    if isinstance(asked, ParsedRequest):
        assert asked.identifier.strip()
        assert asked.limit is None or asked.limit >= 1
        assert asked.offset >= 0
    else:
        assert asked.message


@table(
    ("shape", "query", "level", "code"),
    [
        ("flat", "mobile=", "errors", 1104),
        ("flat", "mobile=1&type=fax", "errors", 400),
        ("envelope", "mobile=", "item", 1104),
        ("envelope", "mobile=1&type=fax", "request", 400),
        ("envelope_old", "mobile=", "item", "1104"),
        ("envelope_old", "mobile=1&type=fax", "request", "400"),
    ],
)
async def test_refuses_on_the_wire(shape: Any, query: str, level: str, code: int | str) -> None:
    """400, and the code at the level where the vendor's pages show it in this shape."""
    async with Sandbox(shape=shape) as sandbox:
        reply = await get(sandbox.base_url, f"{V1_1}?{query}")
        assert sandbox.counts.answered == 1
    assert reply.status == 400
    if level == "errors":
        assert reply.json["errors"][0]["code"] == code
        return
    response = reply.json["response"]
    status = response["status"]
    said = {
        "request": status.get("code", status.get("response_code")),
        "item": response.get("customer", {}).get("item_status", {}).get("code"),
    }
    assert status["success"] == "false"
    assert said[level] == code


@table(
    "target", ["/", "/v1.1/customer/interactions", "/v2/customers", "/v1.1/customer/interaction/"]
)
async def test_knows_no_other_path(target: str) -> None:
    """404 in the published form, counted, and about no customer."""
    async with Sandbox() as sandbox:
        reply = await get(sandbox.base_url, f"{target}?mobile=1")
        assert (reply.status, reply.json["errors"][0]["code"]) == (404, 404)
        assert (sandbox.counts.received, sandbox.received_for("1")) == (1, 0)
