"""A phone number, an address or a secret in the wrong place is refused, and repeated nowhere."""

import pickle
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest

from capillary_interactions import (
    BasicAuth,
    ClientConfig,
    Cluster,
    Identifier,
    InteractionsClient,
    InteractionType,
    OAuth,
    Query,
    RateLimit,
    RetryPolicy,
    Timeouts,
)
from capillary_interactions.testing import FakeTransport
from tests.examples import AUTH, IDENTIFIER, URL, config
from tests.tables import table

_PHONE: Final = "+6591234567"
_EMAIL: Final = "a.person@example.com"
_SECRET: Final = "S3cr3t-hunter2"
_TELLTALES: Final = (_PHONE, "6591234567", _EMAIL, _SECRET, "swordfish", "482913")
_NUMBER: Final = -6591234567
_ENOUGH: Final = {
    "CAPILLARY_BASE_URL": "eu",
    "CAPILLARY_USERNAME": "till",
    "CAPILLARY_PASSWORD": "pw",
}
_CLIENT: Final = InteractionsClient(config(), transport=FakeTransport())


def _pairs(value: Any) -> list[dict[Any, Any]]:
    return [{value: 1}, {1: value}, {value: "a\n"}, {"a": f"{value}\n"}, {f"{value}\n": "a"}]


Make = Callable[[Any], object]


def _by_name(make: Callable[..., object], name: str, format_: str | None = None) -> Make:
    """Pass a value by that name, in a longer text where there is a format."""
    return lambda value: make(**{name: value if format_ is None else format_.format(value)})


def _settings() -> Iterator[tuple[str, Make]]:
    """A name, and a function that passes a value in that place."""
    query = partial(Query, IDENTIFIER)
    for name in ("network", "type", "limit", "offset", "extra"):
        yield f"Query {name}", _by_name(query, name)
    for name in ("source", "account_id"):
        yield f"Query {name}", _by_name(query, name, "{}\n")
        yield f"config {name}", _by_name(config, name, "{}\n")
    yield "query", Query
    yield "Identifier name", lambda value: Identifier(value, "1")
    yield "Identifier value", lambda value: Identifier.mobile(f"{value}\n")
    yield "custom type", lambda value: InteractionType.custom(f"{value}\n")
    for name in (
        *("base_url", "auth", "api", "headers", "rate", "in_flight", "retry", "timeouts"),
        *("page_size", "max_pages", "timezone", "single_flight", "cache_ttl", "max_body"),
        "allow_http",
    ):
        yield f"config {name}", _by_name(config, name)
    for before in ("https://[", "https://h:", "https://h\u2100", "https://u:", "ftp://"):
        yield f"base_url {before}", _by_name(config, "base_url", f"{before}{{}}@x")
    types: tuple[type[Any], ...] = (RateLimit, RetryPolicy, Timeouts)
    for type_ in types:
        for name in type_.__annotations__:
            yield f"{type_.__name__} {name}", _by_name(type_, name)
    yield "rate", RateLimit.parse
    yield "BasicAuth", lambda value: BasicAuth(f"{value}:", value)
    yield "password", lambda value: BasicAuth("till", f"{value}\n")
    yield "digest", lambda value: BasicAuth.from_md5("till", value)
    yield "OAuth", lambda value: OAuth(f"{value}\n", "s")
    yield "OAuth secret", lambda value: OAuth("k", f"{value}\n")
    yield "attribution", lambda value: OAuth("k", "s", attribution=value)
    for name in ("in_flight", "timeout", "give_up_after", "share"):
        yield f"stream {name}", _by_name(partial(_CLIENT.stream, []), name)


def _refusal(make: Make, value: object) -> BaseException | None:
    """What is raised for a value, or None where it is taken."""
    try:
        make(value)
    except (ValueError, TypeError, AttributeError) as error:
        return error
    return None


def _short(number: float) -> str:
    return "long" if number > 10**100 else str(number)


each_setting: Final = table(("name", "make"), _settings())


_VARIABLES: Final = (
    *("BASE_URL", "API", "TIMEZONE", "RATE", "IN_FLIGHT", "PAGE_SIZE", "MAX_PAGES", "MAX_BODY"),
    *("CACHE_TTL", "SINGLE_FLIGHT", "ALLOW_HTTP", "TIMEOUT", "ATTEMPTS", "PASSWORD_MD5"),
    "OAUTH_KEY",
)


def _texts(error: BaseException) -> str:
    """All that an exception and those behind it hold."""
    parts, seen = [""], set[int]()
    pending: list[BaseException | None] = [error]
    while pending:
        exc = pending.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        notes = getattr(exc, "__notes__", ())
        parts += [str(exc), repr(exc), repr(exc.args), repr(vars(exc)), *notes]
        pending += [exc.__cause__, exc.__context__]
    return "\n".join([*parts, *traceback.format_exception_only(error)])


@table("telltale", _TELLTALES)
@each_setting
def test_repeats_nothing_that_may_be_personal(name: str, make: Make, telltale: str) -> None:
    """Neither in the text, nor in the exceptions behind it, whatever the type of the argument."""
    values = [telltale, [telltale], (telltale, 1), f"{telltale}/60", f"60/{telltale}"]
    refused = [_refusal(make, value) for value in [*values, *_pairs(telltale)]]

    assert any(refused), name
    assert [error for error in refused if error and telltale in _texts(error)] == []


@table("number", [_NUMBER, -_NUMBER, float(_NUMBER), 10**5000], ids=_short)
@each_setting
def test_repeats_no_long_number(name: str, make: Make, number: float) -> None:
    """A phone number may be passed as a number, too."""
    refused = [_refusal(make, value) for value in (number, (number, 1.0), {number: number})]

    assert any(refused), name
    assert [error for error in refused if error and "6591234567" in _texts(error)] == []


@table("telltale", _TELLTALES)
@table("variable", _VARIABLES)
def test_repeats_no_variable(variable: str, telltale: str) -> None:
    """A secret under the name of a setting is refused by the name alone."""
    texts = [telltale, f"{telltale}/6/0", f"https://[{telltale}", f"https://h:{telltale}"]
    refused = [
        _refusal(ClientConfig.from_env, {**_ENOUGH, f"CAPILLARY_{variable}": text})
        for text in texts
    ]

    assert any(refused)
    assert [error for error in refused if error and telltale in _texts(error)] == []


@table(
    ("make", "description"),
    [
        (lambda: RateLimit.parse("1000:60"), "not '1000:60'"),
        (lambda: RateLimit.parse("a lot"), "not a string of 5 characters"),
        (lambda: config(api="v3"), "not 'v3'"),
        (lambda: config(in_flight=0), "not 0"),
        (lambda: config(cache_ttl=-1.5), "not -1.5"),
        (lambda: config(cache_ttl=float("nan")), "not nan"),
        (lambda: config(cache_ttl=float("-inf")), "not -inf"),
        (lambda: config(cache_ttl=-(10**9)), "not a number of seven digits or more"),
        (lambda: config(cache_ttl=None), "not None"),
        (lambda: config(cache_ttl=Cluster.US), "not a string of 34 characters"),
        (lambda: config(cache_ttl=[]), "not a list"),
        (lambda: Query(IDENTIFIER, limit=True), "not True"),
        (lambda: Query(IDENTIFIER, type="whatsap"), "not 'whatsap'"),
        (lambda: ClientConfig.from_env({**_ENOUGH, "CAPILLARY_IN_FLIGHT": "1.5"}), "not '1.5'"),
    ],
)
def test_shows_what_cannot_be_personal(make: Callable[[], object], description: str) -> None:
    """A short number and a misspelt name are repeated: they say what went wrong."""
    with pytest.raises(
        ValueError, match=description + ("\\b" if description[-1].isalnum() else "")
    ):
        make()


def test_masks_the_names_of_further_parameters() -> None:
    """A repr shows them, so that a number among them must not be readable."""
    query = Query(IDENTIFIER, extra={_PHONE: "1", "further": "2"})

    assert "6591234567" not in f"{query!r}{query.extra!r}"
    assert "'further': ..." in repr(query)


def test_keeps_its_words_in_a_pickle() -> None:
    """An error that travels says the same, and no more, in another process."""
    with pytest.raises(ValueError, match="api") as refused:
        ClientConfig(URL, AUTH, api=_SECRET)
    back = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - made in this line

    assert str(back) == str(refused.value)
    assert _SECRET not in _texts(back)
