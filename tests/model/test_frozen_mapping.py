"""Mappings in frozen values: as frozen as these, and otherwise like any other."""

import copy
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import Query, to_jsonable
from capillary_interactions._model.frozen_mapping import FrozenMapping
from capillary_interactions._protocol.request_url import encode_query
from tests.examples import IDENTIFIER, carried, config
from tests.tables import table

_QUERY = Query(IDENTIFIER, extra={"a": "1"})
_CONFIG = config(headers={"X-A": "hush"})
_MAPPINGS = (_QUERY.extra, _CONFIG.headers)


@table("held", _MAPPINGS)
def test_cannot_be_changed(held: Any) -> None:
    """No method of a dict that would change it is there, and no item can be put or taken."""
    before = dict(held)
    with pytest.raises(TypeError):
        held["b"] = "2"
    with pytest.raises(TypeError):
        del held[next(iter(held))]
    for method in ("update", "clear", "pop", "popitem", "setdefault", "__ior__"):
        assert not hasattr(held, method)
    assert held == before


@given(st.dictionaries(st.text(), st.text()))
def test_reads_like_the_dict_it_was_made_from(content: dict[str, str]) -> None:
    """Items in their order, and equal both ways."""
    held = FrozenMapping(content)

    assert held == content
    assert content == held
    assert list(held.items()) == list(content.items())
    assert (list(held), len(held), {**held}) == (list(content), len(content), content)
    assert held.get("?") == content.get("?")
    assert held != {**content, "?!": "1"}


@table("value", [_QUERY, _CONFIG])
def test_lets_its_owner_travel(value: Any) -> None:
    """Through pickles, copies and changes of another field."""
    for back in (carried(value), copy.copy(value), copy.deepcopy(value), attrs.evolve(value)):
        assert back == value
    assert carried(value.source) == value.source
    assert attrs.evolve(value, source="INSTORE") != value


@table("held", _MAPPINGS)
def test_travels_by_itself(held: Any) -> None:
    """As what it is."""
    for back in (carried(held), copy.copy(held), copy.deepcopy(held)):
        assert (back, type(back)) == (held, type(held))


def test_keeps_its_owner_a_key() -> None:
    """Equal queries are the same key, whatever mapping their further parameters came in."""
    same = Query(IDENTIFIER, extra=FrozenMapping({"a": "1"}))

    assert {_QUERY: 1}[same] == 1
    assert attrs.evolve(_QUERY, limit=3).extra == _QUERY.extra
    assert attrs.evolve(_QUERY, extra={"b": "2"}).extra == {"b": "2"}


def test_is_sent_and_written() -> None:
    """In the query string, and in JSON."""
    assert encode_query(_QUERY, _CONFIG.api).endswith("&a=1")
    assert to_jsonable(_QUERY)["a"] == "1"


def test_shows_its_keys_only() -> None:
    """A header may be a secret."""
    assert repr(_CONFIG.headers) == "{'X-A': ...}"
