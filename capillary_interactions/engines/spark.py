"""PySpark: a data frame of customers in, a data frame of results out. Needs the extra `spark`."""

from typing import TYPE_CHECKING, Unpack

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.engines._enrich import EnrichArguments, Enricher, result_schema
from capillary_interactions.engines._rate import divided

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def enrich_dataframe(
    dataframe: "DataFrame",
    config: ClientConfig,
    *,
    workers: int,
    **options: Unpack[EnrichArguments],
) -> "DataFrame":
    """Look up the customers of a data frame by `mapInArrow`, with a client in each Python worker.

    Nothing is sent before the result is used, and Spark computes it anew for each use, unless it is
    written, or `done` is given. Spark repeats the partition of a lost worker, four times (with
    `local[N, 4]` on one machine); with `done` only what had not ended of it is looked up again.
    Rows stay in their partition, and in order there.

    Args:
        dataframe: The customers.
        config: The client's; the workers divide its rate.
        workers: How many partitions Spark computes at once: the cores of all executors.
        options: As for `enrich_batches`: identifier, column, row, network, type, done (a folder
            that all machines share), retry, in_flight, timeout, share, mask_codes and stops.
            Without `row` the rows of each partition count from 1.

    Raises:
        ValueError: The identifier, the network or the type is none.
        ListError: There is no such column.
        ConfigurationError: There are more workers than requests in `rate`.
    """
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema  # noqa: PLC0415

    enricher = Enricher(config=divided(config, workers), **options)
    schema = result_schema(
        to_arrow_schema(dataframe.schema),
        identifier=enricher.identifier,
        column=enricher.column,
        row=enricher.row,
    )
    return dataframe.mapInArrow(enricher, from_arrow_schema(schema))
