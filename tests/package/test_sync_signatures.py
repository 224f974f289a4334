"""The client without async has what the asynchronous one has: no more, no less, no otherwise."""

import inspect
import re
from collections.abc import AsyncIterable, Iterable
from typing import Any, Final

from capillary_interactions import InteractionsClient, jobs, sync, tables
from capillary_interactions._client.stream import OutcomeStream
from capillary_interactions.jobs import Job
from tests.tables import table

# Where the two differ.
_NAMES: Final = {"aclose": "close"}
_TYPES: Final = {
    # A session of aiohttp belongs to an event loop, which these callers do not have.
    "Transport | ClientSession | None": "Transport | None",
    # They read the source themselves.
    Iterable[Any] | AsyncIterable[Any]: Iterable[Any],
    InteractionsClient: sync.InteractionsClient,
    OutcomeStream[Any]: sync.OutcomeStream[Any],
}
_PAIRS: Final = [
    (InteractionsClient, sync.InteractionsClient),
    (Job, sync.Job),
    (tables.lookup_table, sync.lookup_table),
    (jobs.plan_job, sync.plan_job),
]


def _calls(owner: Any) -> dict[str, Any]:
    """What a caller may use, by its name, as functions."""
    if inspect.isfunction(owner):
        return {owner.__name__: owner}
    public = {name for name in dir(owner) if name[0] != "_"}
    # A job is made by `open`.
    public |= {"__init__"} if "stream" in public else set()
    members = {name: inspect.getattr_static(owner, name) for name in public}
    return {
        name: inspect.unwrap(getattr(member, "fget", None) or getattr(owner, name))
        for name, member in members.items()
    }


def _signature(function: Any) -> list[tuple[Any, ...]]:
    signature = inspect.signature(function)
    parts = [(part.name, part.kind, part.default) for part in signature.parameters.values()]
    types = [part.annotation for part in signature.parameters.values()]
    types.append(signature.return_annotation)
    return [*parts, tuple(_TYPES.get(type_, type_) for type_ in types)]


def _described(function: Any) -> set[str]:
    """The arguments that a docstring describes."""
    _, _, part = (inspect.getdoc(function) or "").partition("Args:\n")
    return set(re.findall(r"^    (\w+): ", part.partition("\n\n")[0], re.MULTILINE))


@table("asynchronous, synchronous", _PAIRS)
def test_has_the_same_calls(asynchronous: Any, synchronous: Any) -> None:
    """Each public name, with the same parameters and results, and the same of them described.

    A new call of the asynchronous client or job needs one in `capillary_interactions.sync`.
    """
    expected = {_NAMES.get(name, name): call for name, call in _calls(asynchronous).items()}
    actual = _calls(synchronous)
    assert actual.keys() == expected.keys()
    for name, function in expected.items():
        assert _signature(actual[name]) == _signature(function), name
        assert _described(actual[name]) == _described(function), name
        assert not inspect.iscoroutinefunction(actual[name]), name
