"""Ray Data: a dataset of customers in, a dataset of results out. Needs the extra `ray`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions.engines._enrich import EnrichArguments, Enricher
from capillary_interactions.engines._rate import divided

if TYPE_CHECKING:
    from ray.data import Dataset


def enrich_dataset(
    dataset: "Dataset",
    config: ClientConfig,
    *,
    workers: int,
    batch_size: int = 1000,
    **options: Unpack[EnrichArguments],
) -> "Dataset":
    """Look up the customers of a dataset by a pool of actors, each with a client of its own.

    Ray starts a lost actor anew and repeats its batch; with `done` only what had not ended of it is
    looked up again. The rows of a batch stay together and in order; the order of batches is Ray's.

    Args:
        dataset: The customers.
        config: The client's; the actors divide its rate.
        workers: How many actors there are; each takes one CPU of Ray's.
        batch_size: Rows of a batch.
        options: As for `enrich_batches`: identifier, column, row, network, type, done (a folder
            that all machines share), retry, in_flight, timeout, share, mask_codes and stops.
            Without `row` the rows of each batch count from 1.

    Raises:
        ValueError: The identifier, the network or the type is none.
        ConfigurationError: There are more workers than requests in `rate`.
    """
    from ray.data import ActorPoolStrategy  # noqa: PLC0415 - an extra

    enricher = Enricher(config=divided(config, workers), **options)
    return dataset.map_batches(
        _Actor,
        fn_constructor_args=(enricher,),
        batch_format="pyarrow",
        batch_size=batch_size,
        zero_copy_batch=True,
        compute=ActorPoolStrategy(size=workers),
    )


class _Actor:
    def __init__(self, enricher: Enricher) -> None:
        self._enricher = enricher

    def __call__(self, batch: Any) -> Iterator[Any]:
        import pyarrow  # type: ignore[import-untyped] # noqa: ICN001, PLC0415 - Ray Data needs it

        for result in self._enricher([batch]):
            yield pyarrow.Table.from_batches([result])
