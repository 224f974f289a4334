"""How a query is spelled in the URL, in both versions of the call."""

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import (
    ApiVersion,
    Identifier,
    IdentifierName,
    InteractionType,
    Network,
    Query,
)
from capillary_interactions._protocol.request_url import (
    PATHS,
    check_supported,
    encode_query,
    sent_query,
)
from tests.examples import IDENTIFIER, MOBILE, one_value, sendable
from tests.tables import table

_V1_1, _V2 = ApiVersion.V1_1, ApiVersion.V2
_ONLY_V1_1 = [
    IdentifierName.CARD_NUMBER,
    IdentifierName.CARD_EXTERNAL_ID,
    IdentifierName.CUSTOMER_ID,
]
_EVERYTHING: dict[str, Any] = {
    "network": "capillary",
    "type": "whatsapp",
    "source": "INSTORE",
    "account_id": "1234",
    "extra": {"user_id": "true", "fetch_type": ""},
}


def _encoded(query: Query, version: ApiVersion, **client: str | None) -> str:
    return encode_query(sent_query(query, version), version, **client)


def test_produces_the_documented_request_character_by_character() -> None:
    """The page's own example."""
    query = Query(
        Identifier.mobile("91660499160"), type=InteractionType.WHATSAPP, source="INSTORE",
        account_id="1234",
    )  # fmt: skip

    assert f"{PATHS[_V1_1]}?{_encoded(query, _V1_1)}" == (
        "/v1.1/customer/interaction?format=json&source=INSTORE&accountId=1234"
        "&identifierName=mobile&mobile=91660499160&type=whatsapp"
    )


def test_produces_the_published_request_of_v2() -> None:
    """The example of the other version."""
    query = Query(Identifier.mobile("917385022695"))

    assert f"{PATHS[_V2]}?{_encoded(query, _V2)}" == (
        "/v2/customers/interaction?identifierName=mobile&identifierValue=917385022695"
    )


def test_keeps_the_order_of_v1_1() -> None:
    """Every parameter, in the documented order, and extra ones last in their own."""
    query = Query(Identifier.email("a@b.co"), limit=7, offset=0, **_EVERYTHING)

    assert _encoded(query, _V1_1) == (
        "format=json&source=INSTORE&accountId=1234&identifierName=email&email=a%40b.co"
        "&network=capillary&type=whatsapp&limit=7&offset=0&user_id=true&fetch_type="
    )


def test_keeps_the_order_of_v2() -> None:
    """Every parameter that this version has, in its order."""
    query = Query(Identifier.email("a@b.co"), **_EVERYTHING)

    assert _encoded(query, _V2) == (
        "identifierName=email&identifierValue=a%40b.co&network=capillary&type=whatsapp"
        "&source=INSTORE&accountId=1234&user_id=true&fetch_type="
    )


@table("name", IdentifierName)
def test_names_the_identifier_twice_in_v1_1(name: IdentifierName) -> None:
    """The kind is both a value and a parameter's name."""
    spelled = _encoded(Query(Identifier(name, "554")), _V1_1)
    parameter = "id" if name is IdentifierName.CUSTOMER_ID else name.value

    assert f"format=json&identifierName={parameter}&{parameter}=554" == spelled


@table("version", ApiVersion)
@table("own", [None, "OWN"])
@table("client", [None, "CLIENT"])
def test_prefers_its_own_source_and_account(
    version: ApiVersion, own: str | None, client: str | None
) -> None:
    """What the query says counts before what the client says; without either nothing is sent."""
    spelled = _encoded(
        Query(IDENTIFIER, source=own, account_id=own), version, source=client, account_id=client
    )
    sent = dict(parse_qsl(spelled))

    assert [own or client] * 2 == [sent.get("source"), sent.get("accountId")]


@table("version", ApiVersion)
def test_sends_a_custom_type_as_it_is(version: ApiVersion) -> None:
    """The way out for types that this library does not know."""
    query = Query(IDENTIFIER, type=InteractionType.custom("missed_call & more"))

    assert _encoded(query, version).endswith("&type=missed_call%20%26%20more")


@table(
    ("value", "spelled"),
    [
        ("a b", "a%20b"),
        ("+91", "%2B91"),
        ("a&b=c", "a%26b%3Dc"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("ü€😀", "%C3%BC%E2%82%AC%F0%9F%98%80"),
        ("a;b", "a%3Bb"),
        ("A-z_0.9~", "A-z_0.9~"),
        ("a\"'<>", "a%22%27%3C%3E"),
        ("\u2028", "%E2%80%A8"),
    ],
)
@table("version", ApiVersion)
def test_percent_encodes(version: ApiVersion, value: str, spelled: str) -> None:
    """Everything but the unreserved characters of RFC 3986, as UTF-8."""
    if value.strip():
        identified = _encoded(Query(Identifier.external_id(value)), version)
        assert f"={spelled}" == identified[-len(spelled) - 1 :]
    extra = _encoded(Query(IDENTIFIER, extra={f"x{value}": value}), version)

    assert extra.endswith(f"&x{spelled}={spelled}")


_DIGITS = st.text("0123456789", min_size=1, max_size=20)


@st.composite
def _asked(draw: st.DrawFn, version: ApiVersion) -> tuple[Query, list[tuple[str, str]]]:
    """A query, and the pairs that it should be spelled as."""
    names = [name for name in IdentifierName if version is _V1_1 or name not in _ONLY_V1_1]
    customs = ("mobile", "wechat", "cardNumber", "a b&=\u00fc")
    kind_of_id = draw(st.sampled_from([*names, *map(IdentifierName.custom, customs)]))
    name = kind_of_id.parameter
    value = draw(_DIGITS if kind_of_id is IdentifierName.MOBILE else one_value)
    texts: dict[str, Any] = {key: draw(st.none() | sendable) for key in ("source", "account_id")}
    network = draw(st.none() | st.just(Network.CAPILLARY))
    kind = draw(st.none() | sendable)
    numbers: dict[str, Any] = (
        {key: draw(st.none() | st.integers(1, 10**9)) for key in ("limit", "offset")}
        if version is _V1_1
        else {}
    )
    extra = draw(st.dictionaries(sendable.map("x{}".format), sendable | st.just(""), max_size=3))
    query = Query(
        Identifier(kind_of_id, value),
        network=network,
        type=None if kind is None else InteractionType.custom(kind),
        extra=extra,
        **texts,
        **numbers,
    )
    outer = [("source", texts["source"]), ("accountId", texts["account_id"])]
    inner = [("network", network), ("type", kind)]
    pairs = (
        [("format", "json"), *outer, ("identifierName", name), (name, value), *inner,
         *numbers.items()]
        if version is _V1_1
        else [("identifierName", name), ("identifierValue", value), *inner, *outer]
    )  # fmt: skip
    return query, [(k, str(v)) for k, v in [*pairs, *extra.items()] if v is not None]


@given(asked=_asked(_V1_1))
def test_parses_back_to_what_was_asked_of_v1_1(asked: tuple[Query, list[tuple[str, str]]]) -> None:
    """Whatever is asked, a server reads exactly that, in the order of the documentation."""
    _check_spelled(_encoded(asked[0], _V1_1), asked[1])


@given(asked=_asked(_V2))
def test_parses_back_to_what_was_asked_of_v2(asked: tuple[Query, list[tuple[str, str]]]) -> None:
    """The same for the other version."""
    _check_spelled(_encoded(asked[0], _V2), asked[1])


def _check_spelled(spelled: str, pairs: list[tuple[str, str]]) -> None:
    assert pairs == parse_qsl(spelled, keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == spelled.count("=")
    assert len(pairs) - 1 == spelled.count("&")
    assert re.fullmatch("(?:[A-Za-z0-9_.~=&-]|%[0-9A-F]{2})*", spelled)


@table("name", _ONLY_V1_1)
def test_refuses_what_v2_lacks_and_names_what_it_has(name: IdentifierName) -> None:
    """A version without cards and ids says so, and what it accepts; any name can be sent."""
    assert _encoded(Query(Identifier.custom(name.value, MOBILE)), _V2) == (
        f"identifierName={name.value}&identifierValue={MOBILE}"
    )
    query = Query(Identifier(name, MOBILE))
    with pytest.raises(ValueError, match=f"^API v2 has no {name.value}; it accepts") as refused:
        _encoded(query, _V2)

    assert "mobile, email, external_id (or use v1.1)" in str(refused.value)
    assert MOBILE not in str(refused.value)
    check_supported(query, _V1_1)


@table("paging", [{"limit": 5}, {"offset": 0}])
def test_refuses_paging_in_v2(paging: dict[str, int]) -> None:
    """What would silently do nothing is an error."""
    query = Query(IDENTIFIER, limit=paging.get("limit"), offset=paging.get("offset"))
    with pytest.raises(ValueError, match=r"^API v2 documents no paging"):
        check_supported(query, _V2)

    check_supported(query, _V1_1)


@table("name", [*IdentifierName, IdentifierName.custom("wechat")])
@table("version", ApiVersion)
def test_refuses_a_comma(name: IdentifierName, version: ApiVersion) -> None:
    """Siblings read it as several customers, so it is never sent; nor is it shown."""
    query = Query(Identifier(name, f"{MOBILE},91660499160"))
    with pytest.raises(ValueError, match=f"^a customer's {name.value} must not hold a comma") as no:
        _encoded(query, version)

    assert MOBILE not in str(no.value)


@table("version", ApiVersion)
def test_refuses_a_comma_in_a_name(version: ApiVersion) -> None:
    """A page of v2 reads it as several identifiers."""
    with pytest.raises(ValueError, match="must not hold a comma"):
        _encoded(Query(Identifier.custom("mobile,email", "a@b.co")), version)


@table(
    ("identifier", "v1_1", "v2"),
    [
        (Identifier.customer_id("554"), "identifierName=id&id=554", None),
        (
            Identifier.custom("wechat", "o6_bmj x"),
            "identifierName=wechat&wechat=o6_bmj%20x",
            "identifierName=wechat&identifierValue=o6_bmj%20x",
        ),
        (
            Identifier.custom("mobile", "+91 97385"),
            "identifierName=mobile&mobile=%2B91%2097385",
            "identifierName=mobile&identifierValue=%2B91%2097385",
        ),
        (
            Identifier.mobile("+91 (97385) 22-695"),
            "identifierName=mobile&mobile=919738522695",
            "identifierName=mobile&identifierValue=919738522695",
        ),
        (
            Identifier.custom("we chat", "1"),
            "identifierName=we%20chat&we%20chat=1",
            "identifierName=we%20chat&identifierValue=1",
        ),
    ],
)
def test_spells_each_new_identifier(identifier: Identifier, v1_1: str, v2: str | None) -> None:
    """A customer's id is `id`, a custom one is as it is given, a mobile is its digits."""
    assert _encoded(Query(identifier), _V1_1) == f"format=json&{v1_1}"
    if v2 is None:
        with pytest.raises(ValueError, match="API v2 has no customer_id"):
            _encoded(Query(identifier), _V2)
    else:
        assert _encoded(Query(identifier), _V2) == v2
