"""Values made without their class's own `__init__` are the same values."""

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from capillary_interactions import CustomerInteractions, Found, Query
from capillary_interactions._model.quick_init import make_quick_init
from capillary_interactions._protocol.attempt_result import AttemptResult
from capillary_interactions._protocol.codes import ResultKind
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


def test_asks_for_what_the_class_would_make() -> None:
    """A default that a factory makes is not shared by all values."""
    with pytest.raises(TypeError, match="item"):
        make_quick_init(Found)(query=_QUERY, customer=_CUSTOMER)
