"""The OpenAPI description: valid, true to what is published, and true to the sandbox."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from capillary_interactions.sandbox import FAULTS, Sandbox, SandboxProcess
from capillary_interactions.sandbox._customers import Population
from capillary_interactions.sandbox._faults import RESPONSE_FAULTS
from capillary_interactions.sandbox._openapi import description
from capillary_interactions.sandbox._requests import FLAGS, NAMES_V1_1
from capillary_interactions.sandbox._responses import Answer, AnswerFormat, look_up
from capillary_interactions.sandbox._shapes import SHAPES
from capillary_interactions.sandbox._spelling import Spelling
from tests.described import body_violations, request_violations
from tests.tables import table

from .asking import SAMPLES, TOKEN, V1_1, V2, basic, get, post

PAGE_EXAMPLE: Final = (
    f"{V1_1}?format=json&source=INSTORE&accountId=1234&identifierName=mobile"
    "&mobile=91660499160&type=whatsapp"
)
TILL: Final = {name.lower(): text for name, text in basic().items()}
HTTP_STATUS: Final = {"error_no_access": 403, "error_authorization_unavailable": 503}


async def test_is_served_and_valid() -> None:
    """OpenAPI 3.1, to anyone, and no request to the API."""
    async with Sandbox() as sandbox:
        reply = await get(sandbox.base_url, "/openapi.json", headers={})
        assert (await post(sandbox.base_url, "/openapi.json", {})).headers["Allow"] == "GET"
        assert (sandbox.counts.received, sandbox.counts.answered) == (1, 1)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json == orjson.loads(orjson.dumps(description()))
    assert reply.json["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(reply.json).validate()


@table("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_has_one_method_a_path(method: str) -> None:
    """405, with the method that is right."""
    async with Sandbox() as sandbox:
        for path in (V1_1, V2):
            reply = await get(sandbox.base_url, f"{path}?mobile=1", method=method)
            assert (reply.status, reply.headers["Allow"]) == (405, "GET")
        assert (await get(sandbox.base_url, TOKEN)).headers["Allow"] == "POST"
        assert sandbox.received_for("1") == 0


@table("path", sorted(SAMPLES.glob("*.json")))
def test_describes_each_published_body(path: Path) -> None:
    """Those of the token endpoint, and those of both calls."""
    body, status = path.read_bytes(), HTTP_STATUS.get(path.stem, 200)
    if "token" in path.stem and b'"data"' in body:
        assert body_violations(TOKEN, "post", status, body) == []
        return
    for call in (V1_1, V2):
        assert body_violations(call, "get", status, body) == []


def spellings() -> Iterator[AnswerFormat]:
    """Every setting that changes a body, alone and together."""
    for shape in SHAPES:
        yield AnswerFormat(shape=shape)
        for customers in ("object", "list"):
            spelling = Spelling(
                zone=ZoneInfo("Asia/Kolkata"),
                iso_fields=True,
                delivered_offset=True,
                customers=customers,
                warnings=["1017", 8069],
                item_warnings=[{"code": 91009, "message": "merged"}],
            )
            yield AnswerFormat(shape=shape, phone_mirrors_sms=True, spelling=spelling)


@table("unknown", [0.0, 1.0])
def test_describes_each_body_of_the_sandbox(unknown: float) -> None:
    """Found, not found and invalid, in each shape, of customers enough to meet every oddity."""
    population = Population(seed=0, unknown=unknown, messages=None)
    for form in spellings():
        for number in range(9_190_000, 9_190_060):
            answer = look_up(population, form, V1_1, f"mobile={number}")
            assert body_violations(V1_1, "get", answer.status, answer.body) == []
        for query in ("mobile=", "mobile=1&type=fax"):
            answer = look_up(population, form, V1_1, query)
            assert answer.status == 400
            assert body_violations(V1_1, "get", answer.status, answer.body) == []


def test_describes_each_failure_of_the_sandbox() -> None:
    """Each fault that is JSON, at the endpoint where it belongs."""
    undescribed = {"html_502", "html_200", "malformed_json", "empty_200", "wrong_types"}
    answer = Answer(orjson.dumps({"name": "capillary", "interaction": []}), identifier="1")
    for name, write in RESPONSE_FAULTS.items():
        if name not in undescribed and not name.startswith("text_"):
            fault = write(answer)
            path, method = (TOKEN, "post") if "3200" in name else (V1_1, "get")
            assert body_violations(path, method, fault.status, fault.body) == [], FAULTS[name]
    assert body_violations(V1_1, "get", 200, RESPONSE_FAULTS["wrong_types"](answer).body)


@table(
    "body",
    [
        {},
        {"name": "capillary"},
        {"name": "capillary", "interaction": {}},
        {"name": "capillary", "interaction": [{"name": "sms", "count": "1"}]},
        {"response": {"status": {"success": "true"}}, "x": 1},
        {"errors": []},
        {"errorCode": 4001},
    ],
)
def test_describes_no_other_body(body: dict[str, Any]) -> None:
    """What is no answer and no failure, is neither here."""
    if body.get("response"):
        # A success without a customer is how tokens are refused.
        assert body_violations(V1_1, "get", 200, orjson.dumps(body)) == []
    else:
        assert body_violations(V1_1, "get", 200, orjson.dumps(body))


@table(
    "target",
    [
        PAGE_EXAMPLE,
        f"{V1_1}?email=a%40b.co",
        f"{V1_1}?format=json&id=554",
        f"{V1_1}?identifierName=card_number&card_number=X1&limit=100&offset=0&user_id=true",
        f"{V2}?identifierName=mobile&identifierValue=917385022695",
        f"{V2}?identifierName=wechat&identifierValue=x&network=twitter&type=tweet&source=A",
    ],
)
def test_describes_each_published_request(target: str) -> None:
    """The page's own example, and those of the other pages."""
    assert request_violations("GET", target, TILL) == []
    assert request_violations("GET", target, {"x-cap-api-oauth-token": "t"}) == []
    assert request_violations("GET", f"/gate{target}", TILL, prefix="/gate") == []


@table(
    ("method", "target", "headers"),
    [
        ("POST", PAGE_EXAMPLE, TILL),
        ("GET", PAGE_EXAMPLE.replace("customer", "customers"), TILL),
        ("GET", PAGE_EXAMPLE, {}),
        ("GET", PAGE_EXAMPLE, {"authorization": "Bearer x"}),
        ("GET", PAGE_EXAMPLE, {"authorization": "Basic !"}),
        ("GET", PAGE_EXAMPLE, {"authorization": "Basic dGlsbDpwYXNzd29yZA=="}),
        ("GET", PAGE_EXAMPLE, {**TILL, "x-cap-api-oauth-token": "t"}),
        ("GET", PAGE_EXAMPLE, {**TILL, "x-cap-api-attribution-entity-type": "SHOP"}),
        ("GET", f"{PAGE_EXAMPLE}&mobile=1", TILL),
        ("GET", f"{PAGE_EXAMPLE}&further=1", TILL),
        ("GET", f"{PAGE_EXAMPLE}&limit=0", TILL),
        ("GET", f"{PAGE_EXAMPLE}&offset=ten", TILL),
        ("GET", f"{PAGE_EXAMPLE}&card_details=1", TILL),
        ("GET", f"{PAGE_EXAMPLE}&network=orkut", TILL),
        ("GET", PAGE_EXAMPLE.replace("format=json", "format=xml"), TILL),
        ("GET", PAGE_EXAMPLE.replace("mobile=91660499160", "email=a%40b.co"), TILL),
        ("GET", PAGE_EXAMPLE.replace("91660499160", "1%2C2"), TILL),
        ("GET", f"{V1_1}?id=x", TILL),
        ("GET", f"{V1_1}?format=json", TILL),
        ("GET", f"{V2}?identifierName=mobile", TILL),
        ("GET", f"{V2}?identifierName=card_number&identifierValue=1", TILL),
    ],
)
def test_describes_no_other_request(method: str, target: str, headers: dict[str, str]) -> None:
    """Each has one thing that is wrong."""
    assert len(request_violations(method, target, headers)) == 1


# OpenAPI cannot say that v1.1 needs one of several parameters.
_CONFIG: Final = f"""\
[[operations]]
include-path = "{V1_1}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403]
phases.coverage.enabled = """


def run_schemathesis(sandbox: SandboxProcess, folder: Path) -> tuple[str, list[Any]]:
    """Its report, which must be one of success, and all requests with their answers."""
    thorough = settings().max_examples > 1_000
    config, har = folder / "schemathesis.toml", folder / "requests.har"
    # Each parameter with each kind of mistake: the law below shows the same of v1.1 in less time.
    config.write_text(f"{_CONFIG}{str(thorough).lower()}\n", encoding="utf-8")
    digest = hashlib.md5(b"sandbox", usedforsecurity=False).hexdigest()
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    command += ["run", f"{sandbox.base_url}/openapi.json", "--auth", f"sandbox:{digest}"]
    command += ["--max-examples", "1000" if thorough else "20", "--mode", "all"]
    command += ["--no-color", "--warnings", "off", "--output-sanitize", "false"]
    command += ["--report", "har", "--report-har-path", str(har)]
    fixed = bool(os.environ.get("CI"))
    command += ["--generation-deterministic"] if fixed else ["--generation-database", "none"]
    # No shell, and nothing of its arguments from outside.
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stdout.decode()
    return ran.stdout.decode(), orjson.loads(har.read_bytes())["log"]["entries"]


def test_answers_schemathesis_as_described(tmp_path: Path) -> None:
    """Positive and negative data, other methods, missing credentials: no failure, no 5xx.

    Schemathesis lets a wrong query pass where any of its parameters is right, so that each request
    is judged here once more.
    """
    with SandboxProcess() as sandbox:
        report, entries = run_schemathesis(sandbox, tmp_path)
        counts = sandbox.counts()
    cases = re.search(r"(\d+) generated, (\d+) passed", report)
    assert cases is not None, report
    assert cases[1] == cases[2]
    assert int(cases[1]) > 150
    assert counts.tokens_issued > 0
    judged = Counter(_judge(**entry) for entry in entries if "/v3/" not in entry["request"]["url"])
    assert min(judged[False], judged[True]) > 25


def _judge(request: Any, response: Any, **_: Any) -> bool:
    """Whether a request is wrong by the description, and so was refused."""
    parts = urlsplit(request["url"])
    headers = {one["name"].lower(): one["value"] for one in request["headers"]}
    target = f"{parts.path}?{parts.query}"
    # Beside the right password, a token is not looked at.
    headers.pop("x-cap-api-oauth-token", None)
    found = request_violations(request["method"], target, headers, lenient=True)
    wrong = bool(found) or headers.get("authorization") != TILL["authorization"]
    assert wrong == (response["status"] >= 400), (target, found, response["status"])
    return wrong


# For each parameter something right, and for all of them something that is wrong for most.
_RIGHT: Final = {
    **{name: ["1", "a@b.co", "é x"] for name in NAMES_V1_1},
    "id": ["1", str(2**63 - 1)],
    "identifierName": ["mobile", "email", "id", "external_id", "wechat"],
    "identifierValue": ["1", "a@b.co"],
    "network": ["facebook", "capillary"],
    "type": ["sms", "tweet"],
    "format": ["json"],
    "limit": ["1", "999999999"],
    "offset": ["0", "7"],
    **{name: ["true", "false"] for name in FLAGS},
    "source": ["", "INSTORE"],
}
_WRONG: Final = ["", " ", "0", "-1", "1.5", "01", "true", "json", "x", "1,2", str(2**63), "\u0661"]

_FILTERS: Final = ["network", "type", "format", "limit", "offset", "source", *FLAGS]


@st.composite
def queries(draw: st.DrawFn) -> str:
    """An identifier and some parameters, one of them perhaps wrong."""
    filters = draw(st.sets(st.sampled_from(_FILTERS), max_size=4))
    named = draw(st.sampled_from(["mobile", "email", "id", "identifierValue"]))
    names = [*draw(st.sampled_from([[], ["identifierName"]])), named, *filters]
    values = {name: draw(st.sampled_from(_RIGHT[name])) for name in names}
    if draw(st.booleans()):
        values[draw(st.sampled_from(names))] = draw(st.sampled_from(_WRONG))
    return urlencode(values)


@settings(max_examples=300)
@given(path=st.sampled_from([V1_1, V2]), query=queries())
def test_refuses_what_is_not_described_and_nothing_else(path: str, query: str) -> None:
    """The sandbox and its description draw the same line, in either version."""
    answer = look_up(Population(seed=0, unknown=0.0, messages=0), AnswerFormat(), path, query)
    wrong = request_violations("GET", f"{path}?{query}", TILL, lenient=True)
    assert (answer.status == 400) == bool(wrong), wrong
