"""Record batches of customers in, record batches of results out: what an engine's worker runs.

Everything is an argument that can be pickled. The client is made where the batches are.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Required, TypedDict

from attrs import evolve, field, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.interactions import CustomerInteractions
from capillary_interactions._model.vocabulary import (
    IdentifierName,
    InteractionType,
    Network,
    parse_enum,
)
from capillary_interactions.engines._done_store import DoneStore, process_store, question_of
from capillary_interactions.engines._lookups import LookupOptions
from capillary_interactions.engines._worker import look_up_once
from capillary_interactions.jobs._lists.customer_list import identifier_to_text
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._run.stop_rules import StopRules
from capillary_interactions.jobs._store.job_settings import endpoint_identity
from capillary_interactions.jobs._store.records import ResultRow
from capillary_interactions.tables._arrow_input import to_table
from capillary_interactions.tables._customers import TableCustomers
from capillary_interactions.tables._lookup_table import table_template
from capillary_interactions.tables._result import ResultTable

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped] # noqa: ICN001 - an extra

_MAX_ROWS: Final = 10_000


class EnrichArguments(TypedDict, total=False):
    """The arguments of `enrich_batches` by which customers are looked up."""

    identifier: Required[IdentifierName | str]
    column: str | int | None
    row: str | None
    network: Network | str | None
    type: InteractionType | str | None
    done: str | Path | None
    retry: bool
    in_flight: int | None
    timeout: float | None
    share: float | None
    mask_codes: bool
    stops: StopRules | None


def _to_folder(path: str | Path | None) -> Path | None:
    # A worker has a working directory of its own.
    return None if path is None else Path(path).absolute()


def _to_rules(stops: StopRules | None) -> StopRules:
    return stops or StopRules()


@frozen(kw_only=True)
class Enricher:
    """A function from record batches to record batches, which can be pickled."""

    config: ClientConfig
    identifier: IdentifierName | str
    column: str | int | None = None
    row: str | None = None
    network: Network | str | None = None
    type: InteractionType | str | None = None
    done: Path | None = field(default=None, converter=_to_folder)
    retry: bool = False
    in_flight: int | None = None
    timeout: float | None = None
    share: float | None = None
    mask_codes: bool = False
    stops: StopRules = field(default=None, converter=_to_rules)
    since: float = field(init=False)
    """The time before which customers who were unavailable count as open; of all workers."""

    @since.default
    def _now_if_retried(self) -> float:
        return time.time() if self.retry else 0.0

    def __attrs_post_init__(self) -> None:
        """Check the query, before anything is sent anywhere."""
        self.template()

    def template(self) -> QueryTemplate:
        """The query of each row; a `ValueError` if no customer can be queried so."""
        return table_template(self.config, self.identifier, self.network, self.type)

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """What `enrich_batches` yields."""
        offset = 0
        for batch in batches:
            arrow, table = to_table(batch)
            result = _numbered(arrow, self._enriched(arrow, table), table, offset, self.row)
            # One at least, which has the columns.
            yield from result.to_batches(_MAX_ROWS) or [_empty_batch(arrow, result.schema)]
            offset += table.num_rows

    def _enriched(self, arrow: Any, table: Any) -> Any:
        template = self.template()
        customers = TableCustomers(arrow, table, template, self.column)
        results = ResultTable(arrow, self.config.timezone, codes_masked=self.mask_codes)

        def take(index: int, result: ResultRow, answer: CustomerInteractions | None) -> None:
            results.add(evolve(result, row=index + 1, value=customers.values[index]), answer)

        options = LookupOptions(
            config=self.config,
            template=template,
            in_flight=self.in_flight,
            timeout=self.timeout,
            share=self.share,
            stops=self.stops,
        )
        look_up_once(dict(customers), options, self._store(template), take, since=self.since)
        return results.joined(_without(table, self.row), customers)

    def _store(self, template: QueryTemplate) -> DoneStore | None:
        if self.done is None:
            return None
        return process_store(self.done, question_of(question_settings(self.config, template)))


def question_settings(config: ClientConfig, template: QueryTemplate) -> dict[str, Any]:
    """What decides the answer for a customer, without secrets."""
    return {
        "base_url": endpoint_identity(config.base_url),
        "api": config.api.value,
        "identifier": identifier_to_text(template.name),
        "network": None if template.network is None else template.network.value,
        "type": None if template.type is None else template.type.value,
        "source": config.source,
        "account_id": config.account_id,
        "page_size": config.page_size,
        "max_pages": config.max_pages,
    }


def enrich_batches(
    batches: "Iterable[pyarrow.RecordBatch]",
    config: ClientConfig,
    *,
    identifier: IdentifierName | str,
    column: str | int | None = None,
    row: str | None = None,
    network: Network | str | None = None,
    type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    done: str | Path | None = None,
    retry: bool = False,
    in_flight: int | None = None,
    timeout: float | None = None,
    share: float | None = None,
    mask_codes: bool = False,
    stops: StopRules | None = None,
) -> "Iterator[pyarrow.RecordBatch]":
    """Look up the customers of record batches, and yield batches of results in the same order.

    For the workers of an engine: it blocks, needs no event loop, and is not disturbed by a running
    one. All calls in a process with an equal configuration have one client, and so one pace and
    one set of connections, until the process ends. The batches have the columns and types of
    `tables.lookup_table`. A customer in several rows of a batch is looked up once; one in several
    batches, too, if `done` is given and the first has ended.

    Args:
        batches: With the same columns each; record batches of pyarrow, or tables.
        config: The client's. Its rate is that of this process: see `divided` for several.
        identifier: The type of identifier that the table holds ("mobile", "email", ...).
        column: The column that holds it, by name or by number counted from 1; None for the one
            named like the identifier, else the only one.
        row: The column of numbers that become the results' `row`; None to count the rows of these
            batches from 1.
        network: Only interactions of this network.
        type: Only interactions of this type.
        done: A folder where outcomes are kept as they end, by this and all other processes and
            machines: a customer who has ended is not looked up again. Without one, all of a batch
            that an engine repeats is looked up again.
        retry: Whether customers who were unavailable before this call are looked up again.
        in_flight: Lookups in progress at once; see `InteractionsClient.stream`.
        timeout: Seconds each lookup may take; see there.
        share: The part of the rate that is used at most; see there.
        mask_codes: Whether what may be one-time codes in subjects is masked.
        stops: When to pause and to give up, as in `Job.run`, but for `silence` and
            `rejected_share`, which need more than a batch.

    Raises:
        ValueError: The identifier, the network or the type is none.
        ListError: There is no such column, or pyarrow (the extra `arrow`) is not installed.
        JobStoreError: The folder `done` cannot be read or written.
        AuthenticationError: The credentials are refused.
        ConfigurationError: The API refuses a setting for one customer after another.
        EndpointDownError: Nothing answers, for as long as `stops` allows.
    """
    enricher = Enricher(
        config=config,
        identifier=identifier,
        column=column,
        row=row,
        network=network,
        type=type,
        done=done,
        retry=retry,
        in_flight=in_flight,
        timeout=timeout,
        share=share,
        mask_codes=mask_codes,
        stops=stops,
    )
    return enricher(batches)


def result_schema(
    schema: "pyarrow.Schema",
    *,
    identifier: IdentifierName | str,
    column: str | int | None = None,
    row: str | None = None,
) -> "pyarrow.Schema":
    """The schema of what `enrich_batches` yields for batches of a schema.

    Raises:
        ValueError: The identifier is none.
        ListError: There is no such column, or pyarrow (the extra `arrow`) is not installed.
    """
    arrow, table = to_table(schema.empty_table())
    template = QueryTemplate(name=parse_enum(IdentifierName, identifier, "identifier"))
    customers = TableCustomers(arrow, table, template, column)
    return ResultTable(arrow, UTC).joined(_without(table, row), customers).schema


def _empty_batch(arrow: Any, schema: Any) -> Any:
    return arrow.RecordBatch.from_pylist([], schema=schema)


def _without(table: Any, column: str | None) -> Any:
    return table if column is None else table.drop_columns([column])


def _numbered(arrow: Any, result: Any, table: Any, offset: int, row: str | None) -> Any:
    """A result whose rows are counted from 1, with the numbers that they have in all batches."""
    counted = result.column("row")
    if row is None:
        numbers = arrow.compute.add(counted, offset)
    else:
        given = table.column(row).cast(arrow.int64())
        numbers = given.take(arrow.compute.subtract(counted, 1))
    return result.set_column(0, "row", numbers)
