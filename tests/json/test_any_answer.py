"""Whatever comes, there is a verdict, and no customer without proof."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capillary_interactions import to_jsonable
from capillary_interactions._protocol.attempt_result import AttemptResult

from .bodies import judged, reason
from .generations import as_envelope, as_old_envelope
from .strategies import FLAT_ANSWERS, JSON, SCALARS, STORIES

laws = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

STATUSES = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503]) | st.integers(
    100, 599
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "retry-after", "x-cap-requestid"]),
    st.text(max_size=20)
    | st.sampled_from(["application/json; charset=utf-16", "text/html; charset=²", "5", "-1"]),
)
ANSWERS = (
    FLAT_ANSWERS | STORIES.map(as_envelope) | STORIES.map(lambda s: as_old_envelope(s, "null"))
)
_GONE = object()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value with every key of it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@st.composite
def nearly_answers(draw: st.DrawFn) -> Any:
    """An answer in which a few things are missing or are something else."""
    body = copy.deepcopy(draw(ANSWERS))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(body))
        if not places:
            break
        around, key = draw(st.sampled_from(places))
        put = draw(st.just(_GONE) | SCALARS | JSON)
        if put is _GONE:
            del around[key]
        else:
            around[key] = put
    return body


def _is_integer(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.removeprefix("-").isdecimal()
    return isinstance(value, int) and not isinstance(value, bool)


def _proves(body: Any) -> bool:
    """Whether the fields that prove a shape are there, written apart from the package's check."""
    if not isinstance(body, dict):
        return False
    if "interaction" in body:
        listed = body["interaction"]
        return isinstance(listed, list) and all(
            isinstance(each, dict)
            and isinstance(each.get("name"), str)
            and _is_integer(each.get("count"))
            for each in listed
        )
    try:
        return isinstance(body["response"]["customer"]["interactions"], dict)
    except (KeyError, TypeError):
        return False


def _check(verdict: AttemptResult, body: Any, status: int) -> None:
    if verdict.customer is not None:
        assert 200 <= status < 300
        assert _proves(body)
        assert orjson.dumps(to_jsonable(verdict.customer))
    else:
        assert reason(verdict).isprintable()


@laws
@given(body=JSON, status=STATUSES, headers=HEADERS)
@example(body={"response": {"customer": {"interactions": {}}}}, status=200, headers={})
@example(body={"interaction": []}, status=299, headers={})
@example(body={"interaction": []}, status=199, headers={})
def test_of_json_has_a_verdict(body: Any, status: int, headers: dict[str, str]) -> None:
    """Never an error, and never an answer where nothing proves it."""
    _check(judged(body, status, headers), body, status)


@laws
@given(body=nearly_answers(), cut=st.integers(1, 500), status=STATUSES)
def test_that_is_nearly_one_has_a_verdict(body: Any, cut: int, status: int) -> None:
    """With a 200, what is wrong must be found in the body; its end is a part of the proof."""
    content = orjson.dumps(body)
    _check(judged(content), body, 200)
    _check(judged(content, status), body, status)
    if isinstance(body, dict | list):
        assert judged(content[: -min(cut, len(content))]).customer is None


@laws
@given(body=st.binary(max_size=60), status=STATUSES, headers=HEADERS)
def test_of_bytes_has_a_verdict(body: bytes, status: int, headers: dict[str, str]) -> None:
    """Whatever the charset that is named."""
    verdict = judged(body, status, headers)
    assert verdict.customer is None
    assert reason(verdict)


def _with_error(answer: Any, where: str, code: int) -> Any:
    failed = {"success": "false", "status": False, "code": code}
    body = copy.deepcopy(answer)
    if where == "errors":
        body["errors"] = [failed]
    elif where == "request":
        body.setdefault("response", {})["status"] = failed
    else:
        body.setdefault("response", {}).setdefault("customer", {})["item_status"] = failed
    return body


@laws
@given(answer=ANSWERS, code=st.sampled_from([1012, 400, 401, 429, 500, 9999]))
def test_that_is_one_is_read_and_is_no_customer_beside_an_error(answer: Any, code: int) -> None:
    """The strategies above are about answers; an error overrides everything that proves one."""
    assert judged(answer).customer is not None
    for where in ("item", "errors", "request"):
        assert judged(_with_error(answer, where, code)).customer is None
