"""Tables in memory, for code without an event loop."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from capillary_interactions._model.vocabulary import IdentifierName, InteractionType, Network
from capillary_interactions.sync._client import InteractionsClient
from capillary_interactions.sync._progress import run_with_progress
from capillary_interactions.tables import lookup_table as lookup_table_async

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped] # noqa: ICN001 - an extra


def lookup_table(
    client: InteractionsClient,
    table: object,
    *,
    identifier: IdentifierName | str,
    column: str | int | None = None,
    network: Network | str | None = None,
    type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    in_flight: int | None = None,
    timeout: float | None = None,
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
        progress: Called as customers end, in this thread, with how many have, and how many there
            are.

    Raises:
        TypeError: It is no table.
        ValueError: The identifier, the network or the type is none.
        ListError: There is no such column, or pyarrow (the extra `arrow`) is not installed.
        AuthenticationError: The credentials are refused.
        ConfigurationError: The API refuses a setting for one customer after another.
    """
    options: dict[str, Any] = {
        "identifier": identifier,
        "column": column,
        "network": network,
        "type": type,
        "in_flight": in_flight,
        "timeout": timeout,
        "share": share,
        "mask_codes": mask_codes,
    }
    return run_with_progress(client, lookup_table_async, table, progress=progress, **options)
