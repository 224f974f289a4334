"""From bytes to values, without a client: what reading an answer costs beside parsing its JSON."""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import Identifier, Query
from capillary_interactions.testing import Response

_SAMPLES: Final = Path(__file__).parents[2] / "tests" / "samples"
# Where these private names are, in this checkout and in one as old as 59aa743 (`--against`).
_READER: Final = ("_json.reader", "_reading")
_CLASSIFY: Final = ("_protocol.classify", "_wire")

Work = Callable[[], object]


def _body(sample: str) -> bytes:
    """As servers send it: without white space."""
    return orjson.dumps(orjson.loads((_SAMPLES / f"{sample}.json").read_bytes()))


def _private(name: str, modules: tuple[str, ...]) -> Any:
    for module in modules:
        try:
            return getattr(importlib.import_module(f"capillary_interactions.{module}"), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"{name} is in none of {modules}")


def _reader() -> Any:
    return _private("Reader", _READER)(UTC)


@asynccontextmanager
async def loads(sample: str) -> AsyncIterator[Work]:
    """`orjson.loads` alone."""
    body = _body(sample)
    yield lambda: orjson.loads(body)


@asynccontextmanager
async def loads_and_read(sample: str) -> AsyncIterator[Work]:
    """From bytes to `CustomerInteractions`."""
    body, reader = _body(sample), _reader()
    yield lambda: reader.read(orjson.loads(body))


@asynccontextmanager
async def classify(sample: str) -> AsyncIterator[Work]:
    """All that a lookup does with a response."""
    function, reader = _private("classify", _CLASSIFY), _reader()
    headers = {"content-type": "application/json;charset=utf-8"}
    response = Response(status=200, headers=headers, body=_body(sample))
    query, now = Query(Identifier.mobile("919000000001")), datetime(2025, 1, 1, tzinfo=UTC)
    yield lambda: function(response, query, reader, now)
