"""From bytes to values, without a client: what reading an answer costs beside parsing its JSON."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from capillary_interactions import Identifier, Query
from capillary_interactions.testing import Response

from ._private import private

_SAMPLES: Final = Path(__file__).parents[2] / "tests" / "samples"

Work = Callable[[], object]


def _body(sample: str) -> bytes:
    """As servers send it: without white space."""
    return orjson.dumps(orjson.loads((_SAMPLES / f"{sample}.json").read_bytes()))


def _reader() -> Any:
    return private("Reader", "_json.reader", "_reading")(UTC)


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
    function, reader = private("classify", "_protocol.classify", "_wire"), _reader()
    headers = {"content-type": "application/json;charset=utf-8"}
    response = Response(status=200, headers=headers, body=_body(sample))
    query, now = Query(Identifier.mobile("919000000001")), datetime(2025, 1, 1, tzinfo=UTC)
    yield lambda: function(response, query, reader, now)
