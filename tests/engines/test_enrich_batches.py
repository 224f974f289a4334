"""Record batches of customers go in, and record batches of results come out."""

import asyncio
import pickle
from typing import Any, Final

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from attrs import evolve

from capillary_interactions import (
    AuthenticationError,
    BasicAuth,
    ClientConfig,
    ConfigurationError,
    EndpointDownError,
    OAuth,
    RateLimit,
    Tls,
)
from capillary_interactions.engines import divided, enrich_batches, result_schema
from capillary_interactions.engines._enrich import Enricher
from capillary_interactions.jobs import JobStoreError, ListError, StopRules
from capillary_interactions.sandbox import Sandbox
from capillary_interactions.tables import lookup_table
from tests.arrow.tables_under_test import MOBILES, TABLE, client_of, untimed
from tests.tables import table

from .batches import config_of, enriched, mobiles

_SECRETS: Final = ("a-user", "correct horse", "a-secret", "a-key")


@table("size", [1, 7, 1000])
async def test_is_what_a_table_of_all_rows_gives(sandbox: Sandbox, size: int) -> None:
    """The same columns, types, rows and order, whatever the batches are."""
    async with client_of(sandbox) as client:
        expected = await lookup_table(client, TABLE, identifier="mobile")

    result = await enriched(TABLE.to_batches(max_chunksize=size), config_of(sandbox))

    assert untimed(result).equals(untimed(expected))
    assert result_schema(TABLE.schema, identifier="mobile") == result.schema


async def test_numbers_rows_by_a_column_of_theirs(sandbox: Sandbox) -> None:
    """As an engine gives each batch to another worker; the column is not there twice."""
    numbers = [100 + number for number in range(len(MOBILES))]
    numbered = pa.table({"mobile": MOBILES, "n": numbers})

    result = await enriched(numbered.to_batches(max_chunksize=9), config_of(sandbox), row="n")

    assert sorted(set(result["row"].to_pylist())) == numbers
    assert "n" not in result.column_names
    assert result.schema == result_schema(numbered.schema, identifier="mobile", row="n")


async def test_asks_a_customer_of_several_rows_once(sandbox: Sandbox) -> None:
    """However it is spelled."""
    await enriched([TABLE], config_of(sandbox))

    assert sandbox.counts.received == 30


async def test_takes_batches_of_other_libraries_and_empty_ones(sandbox: Sandbox) -> None:
    """An empty batch gives an empty one with all columns."""
    customers = pl.DataFrame({"mobile": ["919000000001"]})

    result = await enriched([customers, customers.clear()], config_of(sandbox))
    empty = await enriched([customers.clear()], config_of(sandbox))

    assert set(result["sent_identifier"].to_pylist()) == {"919000000001"}
    assert (empty.num_rows, empty.schema) == (0, result.schema)


async def test_has_one_client_for_all_batches_of_a_process(sandbox: Sandbox) -> None:
    """So that they keep one quota together, and connections last."""
    config = config_of(sandbox, in_flight=1)

    for _ in range(3):
        await enriched([mobiles(0, 5)], config)

    assert (sandbox.counts.received, sandbox.counts.connections) == (15, 1)


async def test_is_not_disturbed_by_a_running_event_loop(sandbox: Sandbox) -> None:
    """As in a notebook, or an actor with methods that are coroutines."""
    config = config_of(sandbox)

    async def blocking() -> int:
        return sum(batch.num_rows for batch in enrich_batches([mobiles(0, 3)], config,
                                                              identifier="mobile"))  # fmt: skip

    assert await asyncio.to_thread(lambda: asyncio.run(blocking())) >= 3


async def test_goes_to_workers_with_its_credentials_and_shows_none(sandbox: Sandbox) -> None:
    """Pickled, it looks up; printed, it has no secret."""
    auth = (BasicAuth("a-user", "correct horse"), OAuth("a-key", "a-secret"))
    proxy = "http://a-user:a-secret@proxy.example:3128"
    tls = Tls(client_cert="cert.pem", client_key_password="correct horse")
    config = ClientConfig("eu", auth, headers={"X-Key": "a-key"}, proxy=proxy, tls=tls)
    secretive = Enricher(config=config, identifier="mobile")
    sent = pickle.loads(pickle.dumps(secretive))  # noqa: S301 - our own
    enricher = pickle.loads(  # noqa: S301 - our own
        pickle.dumps(Enricher(config=config_of(sandbox), identifier="mobile"))
    )

    result = await asyncio.to_thread(lambda: pa.Table.from_batches(enricher([TABLE])))

    assert (sent, sent.config.credentials) == (secretive, auth)
    assert [secret for secret in _SECRETS if secret in f"{sent!r} {sent}"] == []
    assert set(result["outcome"].to_pylist()) == {"found", "not_found", "rejected"}


async def test_waits_for_an_endpoint_that_is_down(sandbox: Sandbox) -> None:
    """Those without an answer meanwhile are looked up again: an outage is not their outcome."""
    stops = StopRules(unanswered=3, probe_initial=0.001)
    sandbox.inject(*["error_500"] * 40)

    result = await enriched([mobiles(0, 20)], config_of(sandbox), stops=stops)

    assert set(result["outcome"].to_pylist()) == {"found", "not_found"}


async def test_raises_when_nothing_answers_for_long(sandbox: Sandbox) -> None:
    """An engine repeats the batch, or stops."""
    sandbox.inject(*["error_500"] * 1000)
    stops = StopRules(unanswered=3, give_up_after=0)

    with pytest.raises(EndpointDownError):
        await enriched([mobiles(0, 20)], config_of(sandbox), stops=stops)


async def test_keeps_what_is_unavailable_where_others_are_answered(sandbox: Sandbox) -> None:
    """One customer without an answer is no outage."""
    sandbox.inject("error_500", "error_500")

    result = await enriched([mobiles(0, 5)], config_of(sandbox, in_flight=1))

    assert result["outcome"].to_pylist()[0] == "unavailable"
    assert set(result["outcome"].to_pylist()[1:]) <= {"found", "not_found"}


@table(
    ("options", "error", "said"),
    [
        ({"identifier": "fax"}, ValueError, "identifier"),
        ({"network": "pager"}, ValueError, "network"),
        ({"column": "phone"}, ListError, "no column named"),
        ({"done": __file__}, JobStoreError, "cannot be used"),
    ],
)
async def test_refuses_what_cannot_be_looked_up(
    sandbox: Sandbox, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Before any request."""
    with pytest.raises(error, match=said):
        await enriched([mobiles(0, 5)], config_of(sandbox), **options)

    assert sandbox.counts.received == 0


async def test_raises_what_is_true_of_the_whole_program(sandbox: Sandbox) -> None:
    """Refused credentials are no outcome."""
    with pytest.raises(AuthenticationError):
        await enriched([mobiles(0, 5)], config_of(sandbox, auth=BasicAuth("x", "y")))


@table(
    ("rate", "workers", "part"),
    [
        (RateLimit(1000, 60.0), 1, RateLimit(1000, 60.0)),
        (RateLimit(1000, 60.0), 3, RateLimit(333, 60.0)),
        (RateLimit(1000, 60.0, 10), 4, RateLimit(250, 60.0, 2)),
        (RateLimit(4, 1.0, 2), 4, RateLimit(1, 1.0, 1)),
    ],
)
def test_divides_the_quota(rate: RateLimit, workers: int, part: RateLimit) -> None:
    """Together the workers never have more than all of it."""
    config = ClientConfig("eu", BasicAuth("x", "y"), rate=rate)

    shared = evolve(config, shared="file:/run/capillary.quota")

    assert divided(config, workers).rate == part
    assert divided(shared, workers) is shared
    assert part.requests * workers <= rate.requests


def test_divides_no_quota_among_too_many() -> None:
    """One of them would have none."""
    config = ClientConfig("eu", BasicAuth("x", "y"), rate=RateLimit(3, 1.0))

    with pytest.raises(ConfigurationError, match="at most the 3 requests"):
        divided(config, 4)
