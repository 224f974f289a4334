"""The command `bulk`: many customers, from a list to a file of results."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from capillary_interactions._model.vocabulary import (
    ApiVersion,
    IdentifierName,
    InteractionType,
    Network,
)
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    INTERRUPTED,
    STOPPED_EARLY,
    usage_errors,
)
from capillary_interactions.cli._list_options import (
    customers_of,
    identifier_option,
    list_options,
    plan_options,
    stop_options,
)
from capillary_interactions.cli._network_options import network_options
from capillary_interactions.cli._options import (
    console_options,
    custom_identifier_option,
    filter_options,
    identifier_name,
    spreadsheet_option,
)
from capillary_interactions.cli._prompt import config_of
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand, section
from capillary_interactions.cli._standard_streams import data_out, is_terminal

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions.cli._bulk_options import PlanningOptions, StopOptions
    from capillary_interactions.cli._bulk_stream import RunResult
    from capillary_interactions.cli._settings import ClientOptions
    from capillary_interactions.jobs import QueryTemplate

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
        metavar="FILE",
        help="Where the results go, in the format of its ending: .jsonl, .csv, .parquet or "
        ".sqlite, the first two also with .gz or .zst; - for JSON lines on standard output.",
    ),
    click.option(
        "--overwrite",
        is_flag=True,
        help="Replace FILE if it holds something that FILE.job has not written.",
    ),
    spreadsheet_option,
)
@filter_options
@section(
    "Going on",
    click.option("--restart", is_flag=True, help="Forget what FILE.job holds, and begin anew."),
)
@stop_options
@plan_options
@network_options
@console_options
def bulk(
    *,
    list_: str,
    identifier: str | None,
    custom_identifier: str | None,
    reading: dict[str, Any],
    out: str | None,
    overwrite: bool,
    for_spreadsheets: bool,
    restart: bool,
    planning: "PlanningOptions",
    type: InteractionType | None,  # noqa: A002 - the option's name
    network: str | None,
    mask_codes: bool,
    stopping: "StopOptions",
    settings: "ClientOptions",
    console: Console,
) -> int:
    """Look up every customer of LIST; - is standard input.

    LIST is a CSV (commas, semicolons, tabs or bars), JSON objects line by line, one customer a
    line, a Parquet or an Arrow file; text is UTF-8, or UTF-16 or -32 with a mark, maybe packed by
    gzip or Zstandard. `row` counts its rows from 1, `outcome` is found, not_found, rejected,
    unreadable or unavailable. Blank lines are skipped; a customer in several rows is asked for
    once.

    The run is a job in FILE.job, a file that only you can read: the same command goes on with it
    after whatever has stopped it, or when LIST has more rows at its end, and asks for no one
    twice. FILE is written when all is done, in one step; see `capillary-interactions jobs` for
    what can be done with the job before and after. With --out - there is no job: each row gives
    its line as soon as it has ended. --dry-run says beforehand what all that would take.

    Credentials come from the environment, CAPILLARY_USERNAME and CAPILLARY_PASSWORD (or
    CAPILLARY_PASSWORD_MD5), or CAPILLARY_OAUTH_KEY and CAPILLARY_OAUTH_SECRET, or from a profile;
    on a terminal, what is missing is asked for.

    Ctrl-C (or SIGTERM) asks for nothing more, waits up to 30 seconds for what is under way and
    ends; a second one ends at once.

    \b
    Exit codes:
      0    every row that was asked for is found or not_found
      1    some rows ended otherwise, or there was no newer answer (--refresh)
      2    an argument or a setting is wrong, LIST holds nothing, or LIST or the settings are not
           those that FILE.job began with
      3    stopped early: credentials refused, no answers any more, disk full, LIST unreadable
      130  interrupted (SIGINT or SIGTERM)

    \b
    Examples:
      capillary-interactions bulk customers.csv --identifier mobile --dry-run
      capillary-interactions bulk customers.csv --identifier mobile --out answers.parquet
      zcat ids.gz | capillary-interactions bulk - --identifier external_id --out - > answers.jsonl
    """  # noqa: D301 - click's own mark
    from capillary_interactions.cli._bulk_job import JobOptions, job_of, run_job  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._bulk_stream import StreamOptions, run  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._descriptors import within_limits  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._output import (  # noqa: PLC0415
        check_out,
        is_streamed,
        open_out,
    )
    from capillary_interactions.cli._progress import has_bar  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.cli._settings import resolved_config  # noqa: PLC0415 - help and completion need none of it

    name = identifier_name(identifier, custom_identifier)
    if planning.dry_run:
        from capillary_interactions.cli._bulk_plan import PlanOptions, plan_run  # noqa: PLC0415 - help and completion need none of it

        plan = PlanOptions(
            customers=customers_of(list_, name, reading),
            out=out,
            network=network,
            type=type,
            settings=settings,
            stops=stopping.rules(),
            limit=stopping.limit,
            refresh=stopping.refresh,
            latency=planning.latency,
            as_json=planning.as_json,
            overwrite=overwrite,
            for_spreadsheets=for_spreadsheets,
        )
        return plan_run(plan, console)
    if out is None:
        raise click.UsageError("Missing option '--out' (or '--dry-run').")
    config = config_of(settings, may_ask=list_ != _PIPE)
    template = _template(name, settings, config, network, type)
    customers = customers_of(list_, name, reading)

    def resolved() -> "AbstractAsyncContextManager[ClientConfig]":
        entered = resolved_config(settings, config)
        return within_limits(entered, console, sandbox=settings.sandbox)

    if not is_streamed(out):
        check_out(out, overwrite=overwrite, source=list_, for_spreadsheets=for_spreadsheets)
        # A job that was started from a pipe can be resumed without typing the list.
        known = list_ == _PIPE and is_terminal(sys.stdin) and job_of(Path(out)).exists()
        job = JobOptions(
            customers=None if known else customers,
            out=Path(out),
            network=network,
            type=type,
            config=resolved,
            stops=stopping.rules(),
            timeout=settings.timeout,
            limit=stopping.limit,
            refresh=stopping.refresh,
            restart=restart,
            codes_masked=mask_codes,
            for_spreadsheets=for_spreadsheets,
            bar=has_bar(data_on_stdout=False),
        )
        return run_async(run_job(job, console))
    if for_spreadsheets:
        raise click.UsageError("--for-spreadsheets needs --out with a file that ends in .csv")
    if stopping.refresh is not None:
        raise click.UsageError("--refresh needs --out with a file: without a job nothing is kept")
    stream = StreamOptions(
        customers=customers,
        template=template,
        open_out=data_out if out == _PIPE else partial(open_out, out),
        out="standard output" if out == _PIPE else out,
        config=resolved,
        timeout=settings.timeout,
        limit=stopping.limit,
        give_up_after=stopping.unanswered,
        codes_masked=mask_codes,
        bar=has_bar(data_on_stdout=out == _PIPE),
    )
    return print_result(run_async(run(stream, console)), stream.out, console)


def print_result(result: "RunResult", out: str, console: Console) -> int:
    """Print how a run ended; its exit code."""
    from capillary_interactions.cli._summaries import stream_summary  # noqa: PLC0415 - help and completion need none of it

    if result.code == STOPPED_EARLY and not result.problem:
        return result.code  # the reader of the output has gone
    if result.problem:
        console.error(f"error: {result.problem}")
    for line in stream_summary(result.summary, out):
        console.info(line)
    if result.code in {STOPPED_EARLY, INTERRUPTED}:
        console.info(f"stopped early: rows that have no line in {out} are still to be asked")
    return result.code


def _template(
    name: IdentifierName,
    settings: "ClientOptions",
    config: "ClientConfig | None",
    network: str | None,
    type_: InteractionType | None,
) -> "QueryTemplate":
    from capillary_interactions._config.client_config import to_phone_region  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.jobs import QueryTemplate  # noqa: PLC0415 - help and completion need none of it

    source = settings if config is None else config
    with usage_errors(ValueError):
        return QueryTemplate(
            name=name,
            api=ApiVersion(source.api or ApiVersion.V1_1),
            network=None if network is None else Network(network),
            type=type_,
            phone_region=to_phone_region(source.phone_region or None),
        )
