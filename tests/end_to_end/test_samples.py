"""Every published answer, served by a real server and read by the client."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from capillary_interactions import (
    ApiVersion,
    Found,
    Message,
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


async def test_reads_the_documented_answer() -> None:
    """Eight messages, every documented field, and back to the same JSON."""
    served = sample("documented")
    outcome = await look_up(served)
    assert isinstance(outcome, Found)
    assert to_jsonable(outcome.customer) == served
    assert outcome.customer.name == "capillary"
    listed = [(item.name, item.count, item.network) for item in outcome.customer.interactions]
    assert listed == [("email", 8, "capillary")]
    assert outcome.customer.warnings == ()
    assert not outcome.customer.truncated
    assert outcome.attempts == 1
    assert outcome.request_id is not None
    messages = outcome.customer.interactions[0].messages
    assert len(messages) == 8
    address = served["interaction"][0]["messageList"][0]["receiver"]
    assert messages[0] == Message(
        id=1685581782856,
        receiver=address,
        subject="Rewards redeemed",
        campaign_id=469,
        status="SOFT_BOUNCED",
        sent_at=datetime(2023, 6, 9, 14, 5, 20, tzinfo=UTC),
        delivered_at=None,
        user_id=177269954,
    )
    assert messages[1].campaign_id is None
    assert messages[1].delivered_at == datetime(2023, 6, 2, 9, 24, 40, tzinfo=UTC)
    assert messages[2].user_id is None


@pytest.mark.parametrize("api", ApiVersion)
async def test_reads_every_channel_of_a_flat_answer(api: ApiVersion) -> None:
    """Either version may answer in this shape, and `to_jsonable` returns it as sent."""
    served = sample("flat_channels")
    outcome = await look_up(served, api)
    assert isinstance(outcome, Found)
    assert to_jsonable(outcome.customer) == served
    counts = {item.name: item.count for item in outcome.customer.interactions}
    assert counts == {"survey": 0, "viber": 1, "email": 0, "missed_call": 0, "sms": 2}


@pytest.mark.parametrize("api", ApiVersion)
@pytest.mark.parametrize("name", ["envelope", "envelope_old"])
async def test_reads_an_envelope(name: str, api: ApiVersion) -> None:
    """Either version may answer in this shape; it becomes the same model."""
    served = sample(name)["response"]["customer"]
    outcome = await look_up(sample(name), api)
    assert isinstance(outcome, Found)
    known = outcome.customer.customer
    assert known is not None
    assert known.mobile == served["mobile"]
    networks = served["interactions"]["network"]
    networks = networks if isinstance(networks, list) else [networks]
    names = {network["name"] for network in networks}
    assert {item.network for item in outcome.customer.interactions} <= names
    assert list(outcome.customer.messages())
    for _, message in outcome.customer.messages():
        assert isinstance(message.id, int)


@pytest.mark.parametrize(
    ("name", "code"), [("error_flat_not_found", 8015), ("error_envelope_not_found", 1012)]
)
@pytest.mark.parametrize("status", [200, 400, 404, 500])
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


def test_reads_every_sample() -> None:
    """A new sample needs a test here."""
    assert sorted(path.stem for path in SAMPLES.iterdir()) == [
        "documented",
        "envelope",
        "envelope_old",
        "error_envelope_failed",
        "error_envelope_not_found",
        "error_flat_not_found",
        "flat_channels",
        "token",
    ]
