"""Look up every customer of a table, and return a table."""

import time
from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Any

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Query
from capillary_interactions._model.vocabulary import (
    IdentifierName,
    InteractionType,
    Network,
    parse_enum,
)
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.tables._arrow_input import to_table
from capillary_interactions.tables._customers import TableCustomers
from capillary_interactions.tables._result import ResultTable

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped] # noqa: ICN001 - an extra


async def lookup_table(
    client: InteractionsClient,
    table: object,
    *,
    identifier: IdentifierName | str,
    column: str | int | None = None,
    network: Network | str | None = None,
    type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    in_flight: int | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - of each lookup, not of this
    share: float | None = None,
    mask_codes: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> "pyarrow.Table":
    """Look up the customers of a table, and return one with the rows in the same order.

    It has the columns of a job's export: the number of the row, those of the table, how the lookup
    ended, and one row for each message; a customer without any has a row, too. A customer in
    several rows is looked up once, and a row whose cell is no identifier is rejected with the
    reason. All of it is in memory, and lost with an error or a cancellation: a `Job` is for long
    lists.

    Args:
        client: Sends the requests, within its quota.
        table: A table with the Arrow interface: of Polars, pandas 2.2, DuckDB or pyarrow.
        identifier: The type of identifier that it holds ("mobile", "email", ...).
        column: The column that holds it, by name or by number counted from 1; None for the one
            named like the identifier, else the only one.
        network: Only interactions of this network.
        type: Only interactions of this type.
        in_flight: Lookups in progress at once; see `InteractionsClient.stream`.
        timeout: Seconds each lookup may take; see there.
        share: The part of the rate that is used at most; see there.
        mask_codes: Whether what may be one-time codes in subjects is masked.
        progress: Called as each customer ends, with how many have, and how many there are.

    Raises:
        TypeError: It is no table.
        ValueError: The identifier, the network or the type is none.
        ListError: There is no such column, or pyarrow (the extra `arrow`) is not installed.
        AuthenticationError: The credentials are refused.
        ConfigurationError: The API refuses a setting for one customer after another.
    """
    arrow, read = to_table(table)
    template = table_template(client.config, identifier, network, type)
    customers = TableCustomers(arrow, read, template, column)
    results = ResultTable(arrow, client.config.timezone, codes_masked=mask_codes)
    ended = 0

    def take(index: int, outcome: Outcome) -> None:
        nonlocal ended
        ended += 1
        results.add_outcome(index + 1, customers.values[index], outcome, time.time())
        if progress is not None:
            progress(ended, len(customers))

    await look_up(
        client, customers, template, take, in_flight=in_flight, timeout=timeout, share=share
    )
    return results.joined(read, customers)


def table_template(
    config: ClientConfig,
    identifier: IdentifierName | str,
    network: Network | str | None,
    type_: InteractionType | str | None,
) -> QueryTemplate:
    """The query of each row of a table; a `ValueError` if no customer can be queried so."""
    return QueryTemplate(
        name=parse_enum(IdentifierName, identifier, "identifier"),
        api=config.api,
        network=None if network is None else parse_enum(Network, network, "network"),
        type=None if type_ is None else parse_enum(InteractionType, type_, "type"),
        phone_region=config.phone_region,
    )


async def look_up(
    client: InteractionsClient,
    customers: TableCustomers,
    template: QueryTemplate,
    take: Callable[[int, Outcome], None],
    *,
    ended: Container[int] = (),
    **options: Any,
) -> None:
    """Look up customers, but those that have `ended`, by the indexes of their first rows.

    `take` is called with such an index and its outcome; `options` are those of a stream.
    """

    def queries() -> Iterator[tuple[int, Query]]:
        for index, customer in customers:
            if index not in ended:
                yield index, template.sent_query(customer)

    async with client.stream(queries(), key=lambda item: item[1], **options) as outcomes:
        async for outcome in outcomes:
            take(outcome.item[0], outcome)
