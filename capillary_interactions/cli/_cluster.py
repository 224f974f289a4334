"""The command `cluster`: a list, looked up by the workers of an engine into a folder."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from capillary_interactions._config.shared_quota import FILE
from capillary_interactions._model.vocabulary import InteractionType, Network
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import CannotStartError, usage_errors
from capillary_interactions.cli._list_options import (
    cluster_stop_options,
    customers_of,
    identifier_option,
    list_options,
)
from capillary_interactions.cli._network_options import network_options
from capillary_interactions.cli._options import (
    COUNT,
    Word,
    console_options,
    custom_identifier_option,
    filter_options,
    identifier_name,
)
from capillary_interactions.cli._prompt import config_of
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand, section
from capillary_interactions.engines import ENGINES

if TYPE_CHECKING:
    from capillary_interactions.cli._bulk_options import StopOptions
    from capillary_interactions.cli._settings import ClientOptions

_PIPE: Final = "-"


@click.command(cls=SectionedCommand)
@click.argument("list_", metavar="LIST")
@identifier_option
@custom_identifier_option
@list_options
@section(
    "Results",
    click.option(
        "--out",
        metavar="DIR",
        required=True,
        help="A new folder, or that of an earlier run: on a cluster, on a file system that all of "
        "its machines share, at the same path.",
    ),
)
@section(
    "Workers",
    click.option(
        "--engine",
        type=Word(ENGINES),
        default="processes",
        show_default=True,
        help="What runs the workers: processes of this machine, ray (extra ray) or spark (extra "
        "spark, and Java 17).",
    ),
    click.option(
        "--address",
        metavar="A",
        help="Of a running cluster, such as auto or ray://head:10001, spark://head:7077 or yarn "
        "(default: this machine alone).",
    ),
    click.option(
        "--workers",
        type=COUNT,
        default=2,
        show_default=True,
        help="How many workers look customers up at once; each has its part of the quota, or as "
        "much as the others leave with --shared.",
    ),
)
@section(
    "Going on",
    click.option(
        "--restart", is_flag=True, help="Forget what DIR holds of an earlier run, and begin anew."
    ),
    click.option(
        "--retry",
        is_flag=True,
        help="Ask again for customers who were unavailable in an earlier run.",
    ),
)
@filter_options
@cluster_stop_options
@network_options
@console_options
def cluster(
    *,
    list_: str,
    identifier: str | None,
    custom_identifier: str | None,
    reading: dict[str, Any],
    out: str,
    engine: str,
    address: str | None,
    workers: int,
    restart: bool,
    retry: bool,
    type: InteractionType | None,  # noqa: A002 - the option's name
    network: str | None,
    mask_codes: bool,
    stopping: "StopOptions",
    settings: "ClientOptions",
    console: Console,
) -> int:
    """Look up every customer of LIST by several workers, into a folder of Parquet files.

    LIST is what it is for `bulk`; - is standard input. DIR/part-00000.parquet and so on hold its
    rows in its order, with the columns that `bulk` writes, and DIR/_SUCCESS is there when all are.
    One process is enough for 1,500 requests a second: `bulk` is simpler.

    DIR/_run, which only you can read, holds what has ended, as it ends: the same command goes on
    after whatever has stopped it, with any engine and any number of workers, and asks for no one
    twice; what a lost worker had begun is done by another one. A customer in several rows is asked
    for once, unless two workers do so at the same moment. When LIST has changed, DIR holds the
    results of the new one.

    The credentials go to the workers from this process, by the engine's own channels.

    Ctrl-C (or SIGTERM) asks for nothing more, waits up to 30 seconds for what is under way and
    ends; a second one ends at once.

    \b
    Exit codes:
      0    every row is found or not_found
      1    some rows ended otherwise
      2    an argument or a setting is wrong, LIST holds nothing, the engine is not installed, or
           the settings are not those that DIR began with
      3    stopped early: credentials refused, no answers any more, disk full, workers lost again
           and again
      130  interrupted (SIGINT or SIGTERM)

    \b
    Examples:
      capillary-interactions cluster customers.csv --identifier mobile --out results
      capillary-interactions cluster customers.csv --identifier mobile --out /shared/results
          --engine ray --address auto --workers 8
    """  # noqa: D301 - click's own mark
    from capillary_interactions.cli._cluster_run import ClusterOptions, run_cluster  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._progress import has_bar  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._settings import resolved_config  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.engines import (  # noqa: PLC0415 - help and completion need none of it
        ClusterFolder,
        ClusterRequest,
        MissingEngineError,
        engine_of,
    )

    if address is not None and engine == "processes":
        raise click.UsageError("--address needs --engine ray or spark")
    if address is not None and settings.sandbox:
        raise click.UsageError("--sandbox is on this machine alone, and --address on others")
    try:
        start = engine_of(engine, workers, address)
    except MissingEngineError as error:
        raise CannotStartError(str(error)) from None
    name = identifier_name(identifier, custom_identifier)
    config = config_of(settings, may_ask=list_ != _PIPE)
    if address is not None and config is not None and (config.shared or "").startswith(FILE):
        raise CannotStartError(
            "--shared (CAPILLARY_SHARED) with a file is for the processes of one machine, and "
            "--address has workers on others: give redis://, or leave it out"
        )
    with usage_errors(ValueError):
        request = ClusterRequest(
            customers=customers_of(list_, name, reading),
            folder=ClusterFolder(Path(out).absolute()),
            workers=workers,
            network=None if network is None else Network(network),
            type=type,
            timeout=settings.timeout,
            codes_masked=mask_codes,
            stops=stopping.rules(),
            restart=restart,
            retry=retry,
        )
    options = ClusterOptions(
        request=request,
        start=start,
        engine=engine,
        out=out,
        config=partial(resolved_config, settings, config),
        bar=has_bar(data_on_stdout=False),
    )
    return run_async(run_cluster(options, console))
