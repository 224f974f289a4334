"""Values made without their class's own `__init__` are the same values."""

import copy
import pickle
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import CustomerInteractions, Found, Identifier, IdentifierName, Query
from capillary_interactions._model.query import query_of
from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
from capillary_interactions._protocol.messages import Response
from tests.examples import IDENTIFIER
from tests.tables import table

_CUSTOMER = CustomerInteractions(name="capillary")
_QUERY = Query(IDENTIFIER)


_RETRYABLE = {"status": 503, "retry_after": 2.5, "from_api": False}


@table(
    "model, fields",
    [
        (AttemptResult, {"kind": ResultKind.RETRYABLE, "reason": "HTTP 503", **_RETRYABLE}),
        (AttemptResult, {"kind": ResultKind.ANSWER, "customer": _CUSTOMER}),
        (Identifier, {"name": IdentifierName.MOBILE, "value": "919738522695"}),
        (Query, {"identifier": IDENTIFIER}),
        (Response, {"status": 200, "headers": {"a": "b"}, "body": b"{}"}),
        (Found, {"query": _QUERY, "item": {"row": 7}, "attempts": 2, "customer": _CUSTOMER}),
    ],
)
def test_makes_what_the_class_makes(model: type[Any], fields: Mapping[str, Any]) -> None:
    """Equal, of the same size, hash and repr, copied and pickled alike, and as frozen."""
    quick, made = make_quick_init(model)(**fields), model(**fields)
    assert type(quick) is model
    described = [[getattr(value, name) for name in _names(model)] for value in (quick, made)]
    assert described[0] == described[1]
    assert (quick, repr(quick)) == (made, repr(made))
    assert quick.__sizeof__() == made.__sizeof__()
    assert pickle.loads(pickle.dumps(quick)) == copy.deepcopy(quick) == made  # noqa: S301 - our own
    for name in _names(model):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(quick, name, None)


def _names(model: type[Any]) -> list[str]:
    return [field.name for field in attrs.fields(model)]


@given(value=st.text(st.sampled_from("0123456789+-. ٣²"), max_size=15))
def test_a_mobile_is_what_the_constructor_makes(value: str) -> None:
    """Or refused with the same words, where it is more than digits."""
    assert _made(lambda: Identifier.mobile(value)) == _made(lambda: Identifier("mobile", value))


def _made(make: Callable[[], Identifier]) -> Any:
    try:
        made = make()
    except ValueError as error:
        return str(error)
    return made, Query(made), hash(made)


def test_an_identifier_is_a_query_of_its_own() -> None:
    """The one that the constructor makes."""
    quick, made = query_of(IDENTIFIER), Query(IDENTIFIER)
    assert (quick, hash(quick), repr(quick)) == (made, hash(made), repr(made))
    assert weakref.ref(quick)() is quick


def test_asks_for_what_the_class_would_make() -> None:
    """A default that a factory makes is not shared by all values."""
    with pytest.raises(TypeError, match="item"):
        make_quick_init(Found)(query=_QUERY, customer=_CUSTOMER)
