"""An Asian cluster's answers are the same instants as Europe's: in lookups, jobs and exports."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import compress
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from capillary_interactions import (
    Found,
    Identifier,
    InteractionsClient,
    Message,
    RateLimit,
    to_jsonable,
)
from capillary_interactions._json.reader import Reader
from capillary_interactions.jobs import CustomerList, Job
from capillary_interactions.sandbox import SandboxProcess

from .jobs_under_test import mobile, mobiles

_INDIA: Final = ZoneInfo("Asia/Kolkata")
_BERLIN: Final = ZoneInfo("Europe/Berlin")
# Among them some with SMS, and some with surveys and check-ins.
_NUMBERS: Final = (0, 12, 14, 24, 26, 51, 53, 58)
_WHO: Final = [mobile(number) for number in _NUMBERS]
_EUROPE: Final[dict[str, Any]] = {
    "timezone": "UTC", "iso_fields": False, "delivered_offset": False, "phone_mirrors_sms": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A server in a process of its own."""
    with SandboxProcess(unknown=0, rate=RateLimit(100_000, 1.0)) as running:
        yield running


def _client(sandbox: SandboxProcess, zone: tzinfo | None) -> InteractionsClient:
    rate = RateLimit(1_000_000, 1.0)
    return InteractionsClient(sandbox.client_config(rate=rate, timezone=zone))


def _dates(message: Message) -> tuple[Any, ...]:
    moments = (message.sent_at, message.delivered_at)
    return (message.id, *(None if each is None else each.astimezone(UTC) for each in moments))


async def _instants(sandbox: SandboxProcess, zone: tzinfo | None) -> list[Any]:
    """Every message's dates, and those of surveys and check-ins; written and read, too."""
    found = []
    async with _client(sandbox, zone) as client:
        for outcome in await client.lookup_all([Identifier.mobile(who) for who in _WHO]):
            assert isinstance(outcome, Found)
            again = Reader(client.config.timezone).read(to_jsonable(outcome.customer))
            for answer in (outcome.customer, again):
                others = [
                    moment.astimezone(UTC)
                    for one in answer.interactions
                    for moment in (
                        *(survey.sent_at for survey in one.surveys),
                        *(location.time for location in one.locations),
                    )
                    if moment is not None
                ]
                found.append(([_dates(message) for _, message in answer.messages()], others))
    return found


@pytest.mark.parametrize("shape", ["flat", "envelope", "envelope_old"])
async def test_are_the_instants_of_europe(sandbox: SandboxProcess, shape: str) -> None:
    """In each shape: bare in the configured zone; with copies, or offsets, in any zone."""
    sandbox.change(shape=shape, **_EUROPE)
    europe = await _instants(sandbox, None)
    assert any(messages for messages, _ in europe)
    assert any(others for _, others in europe) is (shape != "flat")

    sandbox.change(iso_fields=True)
    # An old envelope's odd dates have copies that can be read.
    with_copies = await _instants(sandbox, None)
    for settings, zone, expected in (
        ({"timezone": "Asia/Kolkata"}, _INDIA, europe),
        ({"timezone": "Asia/Kolkata", "phone_mirrors_sms": True}, _INDIA, europe),
        ({"timezone": "Asia/Kolkata", "delivered_offset": True}, _INDIA, europe),
        ({"timezone": "Asia/Kolkata", "iso_fields": True}, _INDIA, with_copies),
        ({"timezone": "Europe/Berlin", "iso_fields": True}, _BERLIN, with_copies),
    ):
        sandbox.change(**{**_EUROPE, **settings})
        assert await _instants(sandbox, zone) == expected, settings


async def test_are_the_instants_of_europe_where_no_zone_is_configured(
    sandbox: SandboxProcess,
) -> None:
    """Of each answer that has copies of dates, or shows the offset of a delivery."""
    sandbox.change(shape="flat", **_EUROPE)
    europe = await _instants(sandbox, None)
    shows = [any(dates[2] for dates in messages) for messages, _ in europe]
    assert any(shows)

    sandbox.change(timezone="Asia/Kolkata", iso_fields=True)
    assert await _instants(sandbox, None) == europe
    sandbox.change(iso_fields=False, delivered_offset=True)
    asia = await _instants(sandbox, None)
    assert list(compress(asia, shows)) == list(compress(europe, shows))


async def test_are_the_instants_of_europe_on_every_page(sandbox: SandboxProcess) -> None:
    """A page without a delivery is of the same answer as those that show the offset."""
    tables = []
    for settings in ({}, {"timezone": "Asia/Kolkata", "delivered_offset": True}):
        sandbox.change(**{**_EUROPE, "shape": "flat", "messages": 12, "page_size": 1, **settings})
        config = sandbox.client_config(rate=RateLimit(1_000_000, 1.0), page_size=1)
        async with InteractionsClient(config) as client:
            customer = (await client.lookup(Identifier.mobile(_WHO[1]))).unwrap()
        again = Reader(UTC).read(to_jsonable(customer))
        assert again == customer
        tables.append([_dates(message) for _, message in customer.messages()])
    sandbox.change(messages=None, page_size=50)

    assert tables[0] == tables[1]
    assert {delivered is None for _, _, delivered in tables[0]} == {True, False}


@pytest.mark.parametrize("shape", ["flat", "envelope"])
async def test_are_the_instants_of_europe_in_exported_tables(
    sandbox: SandboxProcess, tmp_path: Path, shape: str
) -> None:
    """The job remembers its zone; an SMS that is listed twice has one row."""
    path = mobiles(tmp_path / "l.csv", _NUMBERS)
    tables = []
    for number, (settings, zone) in enumerate(
        (
            ({}, None),
            ({"timezone": "Asia/Kolkata", "phone_mirrors_sms": True}, _INDIA),
            ({"timezone": "Asia/Kolkata", "iso_fields": True}, None),
        )
    ):
        sandbox.change(**{**_EUROPE, "shape": shape, **settings})
        out = tmp_path / f"{number}.csv"
        async with (
            _client(sandbox, zone) as client,
            Job.open(tmp_path / f"{number}.job", CustomerList(path, identifier="mobile")) as job,
        ):
            assert (await job.run(client)).complete
            await job.export(out)
        with out.open(newline="") as file:
            names = ("row", "interaction", "message_id", "sent_at", "delivered_at")
            tables.append([[row[name] for name in names] for row in csv.DictReader(file)])

    assert tables[1] == tables[2] == tables[0]
    assert any(row[1] == "sms" for row in tables[0])
    assert datetime.fromisoformat(tables[0][0][3]).utcoffset() is not None
