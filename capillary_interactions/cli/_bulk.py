"""The command `bulk`: many customers, from a list to a file of JSON lines."""

from collections.abc import Callable
from functools import partial
from typing import IO, Final

import click

from capillary_interactions._names import ApiVersion, IdentifierName, InteractionType, Network
from capillary_interactions.cli._exits import (
    INTERRUPTED,
    STOPPED_EARLY,
    CannotStartError,
)
from capillary_interactions.cli._lines import Template
from capillary_interactions.cli._loop import run_async
from capillary_interactions.cli._options import (
    NAME,
    filter_options,
    network_options,
    voice_options,
)
from capillary_interactions.cli._progress import has_bar
from capillary_interactions.cli._report import summary
from capillary_interactions.cli._rows import FORMATS, Format, form_of, read_rows
from capillary_interactions.cli._run import Bulk, Ended, run
from capillary_interactions.cli._settings import Settings, config_of, reachable
from capillary_interactions.cli._sink import check_out, open_out
from capillary_interactions.cli._standard import close, unbuffered
from capillary_interactions.cli._voice import Voice

_PIPE: Final = "-"


@click.command(short_help="Look up every customer of a list.")
@click.argument("list_", metavar="LIST")
@click.option(
    "--identifier",
    type=NAME,
    metavar="NAME",
    required=True,
    help=f"Kind of identifier that the list holds: {', '.join(IdentifierName)}.",
)
@click.option(
    "--column",
    metavar="C",
    help="Column of a CSV, or key of JSON objects, that holds it (default: the one named like "
    "the identifier, else the only one).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="How LIST is written (default: by its suffix, else by its first line).",
)
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    help="Where the JSON lines go; - for standard output.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it holds something.")
@filter_options
@click.option(
    "--give-up-after",
    type=click.IntRange(min=0),
    metavar="N",
    default=50,
    show_default=True,
    help="Stop when so many customers in a row had no answer; 0 for never.",
)
@network_options
@voice_options
def bulk(
    *,
    list_: str,
    identifier: str,
    column: str | None,
    form: Format | None,
    out: str,
    overwrite: bool,
    type: str | None,  # noqa: A002 - the option's name
    network: str | None,
    mask_codes: bool,
    give_up_after: int,
    settings: Settings,
    voice: Voice,
) -> int:
    """Look up every customer of LIST; - is standard input.

    LIST is a CSV with a header (commas, semicolons or tabs), JSON objects line by line, or one
    customer a line, in UTF-8. Each row gives one JSON object on a line of FILE as soon as it has
    ended, in no particular order: `row` counts the rows of LIST from 1, `outcome` is found,
    not_found, rejected, unreadable or unavailable. Blank lines are skipped.

    Credentials come from the environment, CAPILLARY_USERNAME and CAPILLARY_PASSWORD (or
    CAPILLARY_PASSWORD_MD5), or CAPILLARY_OAUTH_KEY and CAPILLARY_OAUTH_SECRET; on a terminal,
    what is missing is asked for.

    Ctrl-C (or SIGTERM) reads no further, waits up to 30 seconds for what is under way and ends;
    a second one ends at once.

    \b
    Exit codes:
      0    every row is found or not_found
      1    some rows ended otherwise
      2    an argument or a setting is wrong, or LIST holds nothing
      3    stopped early: credentials refused, no answers any more, disk full, LIST unreadable
      130  interrupted (SIGINT or SIGTERM)

    \b
    Examples:
      capillary-interactions bulk customers.csv --identifier mobile --out answers.jsonl
      zcat ids.gz | capillary-interactions bulk - --identifier external_id --out - > answers.jsonl
    """  # noqa: D301 - click's own mark
    template = _template(identifier, settings, network, type)
    if form == "lines" and column:
        raise click.UsageError("--column is of no use with --format lines: these have no columns")
    name = "standard input" if list_ == _PIPE else list_
    config = config_of(settings, may_ask=list_ != _PIPE)
    file = _open_list(list_)
    form = form or form_of(list_)
    job = Bulk(
        file=file,
        name=name,
        rows=lambda lines: read_rows(lines, form, identifier, column),
        header=int(form == "csv"),
        template=template,
        open_out=_opener(out, overwrite=overwrite),
        out="standard output" if out == _PIPE else out,
        reachable=lambda: reachable(settings, config),
        timeout=settings.timeout,
        give_up_after=give_up_after or None,
        codes_masked=mask_codes,
        bar=has_bar(data_on_stdout=out == _PIPE),
    )
    try:
        if out != _PIPE:
            check_out(out, overwrite=overwrite, source=file)
        return tell(run_async(_run(job, voice)), job.out, voice)
    finally:
        close(file)


async def _run(job: Bulk, voice: Voice) -> Ended:
    return await run(job, voice)


def tell(ended: Ended, out: str, voice: Voice) -> int:
    """Say how a run ended; its exit code."""
    if ended.code == STOPPED_EARLY and not ended.problem:
        return ended.code  # whoever read the output has gone
    if ended.problem:
        voice.complain(f"error: {ended.problem}")
    for line in summary(ended.report, out):
        voice.say(line)
    if ended.code in {STOPPED_EARLY, INTERRUPTED}:
        voice.say(f"stopped early: rows that have no line in {out} are still to be asked")
    return ended.code


def _template(
    identifier: str, settings: Settings, network: str | None, kind: str | None
) -> Template:
    try:
        return Template(
            name=IdentifierName(identifier),
            api=ApiVersion(settings.api or ApiVersion.V1_1),
            network=None if network is None else Network(network),
            type=None if kind is None else InteractionType(kind),
        )
    except ValueError as refused:
        raise CannotStartError(str(refused)) from None


def _open_list(name: str) -> IO[bytes]:
    try:
        if name != _PIPE:
            return open(name, "rb", buffering=0)  # noqa: PTH123 - the run closes it
        return unbuffered("stdin")
    except OSError as failed:
        raise CannotStartError(f"{name}: {failed.strerror}") from None


def _opener(name: str, *, overwrite: bool) -> Callable[[], IO[bytes]]:
    if name == _PIPE:
        return partial(unbuffered, "stdout")
    return partial(open_out, name, overwrite=overwrite)
