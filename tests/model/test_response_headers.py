"""The headers that an outcome keeps."""

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

from capillary_interactions._model.response_headers import ResponseHeaders
from tests.examples import carried
from tests.tables import table

_MANY = CIMultiDict([("Set-Cookie", "a=1"), ("X-A", "b"), ("set-cookie", "b=2")])


@table(
    ("content", "kept"),
    [
        ({}, {}),
        ({"X-RateLimit-Left": "7"}, {"x-ratelimit-left": "7"}),
        (CIMultiDictProxy(_MANY), {"set-cookie": "a=1, b=2", "x-a": "b"}),
        ({"X-A": "\udcff\udcfe", "X-B": "ü"}, {"x-a": "??", "x-b": "ü"}),
        ({"x-a": "b" * 4096, "x-b": "b" * 4097}, {"x-a": "b" * 4096}),
        (CIMultiDict([("x-a", "b" * 3000)] * 2), {}),
        ({f"x-{n}": "" for n in range(500)}, {f"x-{n}": "" for n in range(100)}),
    ],
)
def test_keeps_a_bounded_number_of_bounded_length(
    content: Mapping[str, str], kept: dict[str, str]
) -> None:
    """By lower-case name; what would be cut is left out; it stays the same when it travels."""
    headers = ResponseHeaders(content)
    assert headers == kept
    assert (carried(headers), type(carried(headers))) == (headers, ResponseHeaders)


def test_finds_names_in_any_case_and_shows_no_value() -> None:
    """As a server may write them."""
    headers = ResponseHeaders({"Set-Cookie": "secret"})
    assert headers["SET-COOKIE"] == headers.get("set-cookie") == "secret"
    assert ("Set-Cookie" in headers, headers.get("x"), "x" in headers) == (True, None, False)
    assert repr(headers) == str(headers) == "{'set-cookie': ...}"
