"""Every published answer, served by a real server; `tests/json` checks each of their fields."""

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import (
    ApiVersion,
    Found,
    NotFound,
    Outcome,
    Unavailable,
    Unreadable,
    to_jsonable,
)
from capillary_interactions.sandbox import Sandbox

from .clients import CUSTOMER, MOBILE, client_for

SAMPLES: Final = Path(__file__).parents[1] / "samples"


def sample(name: str) -> Any:
    """Return a published answer."""
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


async def look_up(served: Any, api: ApiVersion = ApiVersion.V1_1) -> Outcome:
    """Look up at a server that answers with this."""
    async with Sandbox(answers={MOBILE: served}) as sandbox:
        config = sandbox.client_config()
        async with client_for(sandbox.base_url, auth=config.auth, api=api) as client:
            return await client.lookup(CUSTOMER)


@pytest.mark.parametrize("api", ApiVersion)
@pytest.mark.parametrize("name", ["documented", "flat_channels", "envelope", "envelope_old"])
async def test_reads_either_shape_of_either_version(name: str, api: ApiVersion) -> None:
    """`to_jsonable` returns a flat answer as sent; an envelope becomes the same model."""
    served = sample(name)
    outcome = await look_up(served, api)
    assert isinstance(outcome, Found)
    assert (outcome.attempts, outcome.customer.truncated) == (1, False)
    assert outcome.request_id is not None
    if "response" not in served:
        assert to_jsonable(outcome.customer) == served
        return
    assert outcome.customer.customer is not None
    assert outcome.customer.customer.mobile == served["response"]["customer"]["mobile"]
    assert all(isinstance(message.id, int) for _, message in outcome.customer.messages())


@pytest.mark.parametrize(
    ("name", "code"), [("error_flat_not_found", 8015), ("error_envelope_not_found", 1012)]
)
@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
async def test_recognises_an_unknown_customer(name: str, code: int, status: int) -> None:
    """The most specific code wins, whatever the request level and HTTP say."""
    outcome = await look_up((status, {}, sample(name)))
    assert isinstance(outcome, NotFound)
    assert outcome.code == code
    assert outcome.attempts == 1


async def test_retries_where_all_requests_have_failed() -> None:
    """A failure without an item's code may be transient."""
    outcome = await look_up(sample("error_envelope_failed"))
    assert isinstance(outcome, Unavailable)
    assert outcome.attempts == 3
    assert "All requests have failed" in outcome.reason


async def test_does_not_read_a_token_as_a_customer() -> None:
    """A body of another call has neither shape."""
    outcome = await look_up(sample("token"))
    assert isinstance(outcome, Unreadable)
    assert outcome.attempts == 1
