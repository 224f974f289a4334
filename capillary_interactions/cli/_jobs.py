"""The commands `jobs status`, `retry`, `forget`, `export` and `report`."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._text.wording import pluralise
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import (
    StoppedEarlyError,
    code_of,
    usage_errors,
    write_errors,
)
from capillary_interactions.cli._options import AGE, console_options, spreadsheet_option
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._sections import SectionedCommand, SectionedGroup
from capillary_interactions.cli._standard_streams import data_out, write_json
from capillary_interactions.jobs import ExportError, JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from capillary_interactions.jobs import Job, Report

_T = TypeVar("_T")
_PIPE: Final = "-"
_SUFFIX: Final = ".job"

_JOB: Final = click.argument("path", metavar="JOB", type=click.Path(path_type=Path))


@click.group(
    cls=SectionedGroup,
    sections={
        "Look at it": ("status", "report"),
        "Take its results": ("export",),
        "Change it, before the same `bulk` command goes on with it": ("retry", "forget"),
    },
)
def jobs() -> None:
    """Work with the job that `bulk LIST --out FILE` keeps in FILE.job."""


@jobs.command(cls=SectionedCommand, short_help="How far it is.")
@_JOB
@click.option("--json", "as_json", is_flag=True, help="As one JSON object on standard output.")
@console_options
def status(*, path: Path, as_json: bool, console: Console) -> int:
    """Tell how far JOB is, also while it is being run.

    The exit code is 0 if every row is found or not_found, and 1 if some are open or have ended
    otherwise.

    \b
    Example:
      capillary-interactions jobs status answers.jsonl.job
    """  # noqa: D301 - click's own mark
    import orjson  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions.cli._summaries import job_state, next_job_steps  # noqa: PLC0415 - help and completion need none of it

    report = _with_job(path, lambda job: job.report())
    if as_json:
        write_json(orjson.dumps(_to_dict(report), option=orjson.OPT_APPEND_NEWLINE))
    else:
        for line in (*job_state(report), *next_job_steps(report)):
            console.error(line)
    return code_of(report.status.endings) if report.complete else 1


def _to_dict(report: "Report") -> dict[str, Any]:
    from attrs import asdict  # noqa: PLC0415 - help and completion need none of it

    from capillary_interactions._json.unstructure import seconds  # noqa: PLC0415 - help and completion need none of it

    run = report.run
    return {
        **asdict(report.status),
        # A path may be bytes that are no text.
        "path": report.status.path.encode(errors="backslashreplace").decode(),
        "done": report.status.done,
        "open": report.status.open,
        "complete": report.complete,
        "lastRun": {
            name: seconds(value) if isinstance(value, float) else value
            for name, value in (
                *asdict(run).items(),
                ("rate", run.rate),
                ("quotaUsed", run.quota_used),
            )
        },
    }


@jobs.command(cls=SectionedCommand, short_help="Ask again for rows that had no answer.")
@_JOB
@click.option(
    "--ending",
    "endings",
    type=click.Choice(ENDINGS),
    multiple=True,
    help="Rows that have ended so; may be given several times (default: unavailable, and with "
    "--older-than all).",
)
@click.option(
    "--older-than",
    type=AGE,
    help="Only rows whose outcome is older than AGE (30m, 12h, 7d, 2w); they keep it until there "
    "is a newer one.",
)
@click.option("--damaged", is_flag=True, help="Instead, rows whose outcome cannot be read.")
@console_options
def retry(
    *,
    path: Path,
    endings: tuple[str, ...],
    older_than: timedelta | None,
    damaged: bool,
    console: Console,
) -> int:
    """Open rows of JOB again, so that the next `bulk` asks for them once more.

    \b
    Example:
      capillary-interactions jobs retry answers.jsonl.job --ending unavailable --ending unreadable
    """  # noqa: D301 - click's own mark
    if damaged and older_than is not None:
        raise click.UsageError("--damaged and --older-than contradict each other")
    opened = _with_job(
        path,
        lambda job: (
            job.retry_damaged() if damaged else job.retry(endings or None, older_than=older_than)
        ),
    )
    verb = "is" if opened == 1 else "are"
    older = "older, and kept until there are newer answers"
    state = f"{pluralise(opened, 'row')} {verb} {'open again' if older_than is None else older}"
    console.info(f"{state}; the same `bulk` command asks for them")
    return 0


@jobs.command(cls=SectionedCommand, short_help="Delete one customer for good.")
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="VALUE")
@_JOB
@console_options
def forget(*, name: str, value: str, path: Path, console: Console) -> int:
    """Delete all that JOB holds of one customer: their answer, and their rows with all cells.

    NAME is the kind of identifier that the list holds, VALUE the customer's in any spelling. JOB
    is written anew, so that nothing of them is left in its bytes; that needs as much room again.
    Later runs do not ask for them, in whichever row of the list they are: a keyed hash of VALUE is
    kept for that, and nothing else. Results written before, the list, copies and backups are
    yours to clean.

    \b
    Example:
      capillary-interactions jobs forget mobile 919738522695 answers.jsonl.job
    """  # noqa: D301 - click's own mark
    from capillary_interactions.cli._summaries import forgotten_lines  # noqa: PLC0415 - help and completion need none of it

    with usage_errors(ValueError):
        forgotten = _with_job(path, lambda job: job.forget(name, value))
    for line in forgotten_lines(forgotten, name, value):
        console.info(line)
    return 0


@jobs.command(cls=SectionedCommand, short_help="Write what there is of the results.")
@_JOB
@click.option(
    "--out",
    metavar="FILE",
    help="Where the results go, in the format of its ending: .jsonl, .csv, .parquet or .sqlite, "
    "the first two also with .gz or .zst; - for JSON lines on standard output "
    "(default: JOB without .job).",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace FILE if it holds something that JOB has not written."
)
@click.option(
    "--mask-codes",
    is_flag=True,
    help="Mask what may be one-time codes in subjects: see `lookup --help`.",
)
@spreadsheet_option
@console_options
def export(
    *,
    path: Path,
    out: str | None,
    overwrite: bool,
    mask_codes: bool,
    for_spreadsheets: bool,
    console: Console,
) -> int:
    """Write the outcomes that JOB has so far, in any number of formats one after the other.

    JSON lines have one object for each row of the list; the tables have one row for each message,
    with the list's own columns, and one for each customer without messages. FILE is replaced in
    one step; Ctrl-C leaves it as it was.

    \b
    Example:
      capillary-interactions jobs export answers.jsonl.job --out answers.parquet
    """  # noqa: D301 - click's own mark
    if out == _PIPE and for_spreadsheets:
        raise click.UsageError("--for-spreadsheets needs --out with a file that ends in .csv")
    if out == _PIPE:
        _stream(path, mask_codes=mask_codes)
        return 0
    if out is None and path.suffix != _SUFFIX:
        raise click.UsageError("--out is needed: JOB does not end in .job")
    target = path.with_suffix("") if out is None else Path(out)
    _check_target(path, target, overwrite=overwrite, for_spreadsheets=for_spreadsheets)
    rows = _with_job(
        path,
        lambda job: job.export(target, mask_codes=mask_codes, for_spreadsheets=for_spreadsheets),
    )
    console.info(f"{pluralise(rows, 'row')} of the list written to {target}")
    return 0


@jobs.command(cls=SectionedCommand, short_help="Draw a page of it to look at.")
@_JOB
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where the page goes (default: JOB with .html instead of .job).",
)
@console_options
def report(*, path: Path, out: Path | None, console: Console) -> int:
    """Write one HTML page about JOB, also while it is being run.

    It shows how the rows ended, pace and quota over time, the slowest minutes, messages by
    channel, status and month, and the first failures. It needs no network, and customers are
    masked. FILE is replaced in one step.

    \b
    Example:
      capillary-interactions jobs report answers.jsonl.job --out report.html
    """  # noqa: D301 - click's own mark
    from capillary_interactions.jobs import check_report  # noqa: PLC0415 - help and completion need none of it

    target = out or path.with_name(f"{path.name.removesuffix(_SUFFIX)}.html")
    with usage_errors(ExportError):
        check_report(target)
    _with_job(path, lambda job: job.write_report(target))
    console.info(f"written to {target}; open it with a browser")
    return 0


def _check_target(path: Path, target: Path, *, overwrite: bool, for_spreadsheets: bool) -> None:
    from capillary_interactions.cli._output import check_overwrite  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.jobs import check_export, refuse_job_or_list  # noqa: PLC0415

    with usage_errors(JobError), usage_errors(ExportError, prefix="--out "):
        refuse_job_or_list(path, target)
        check_export(target, for_spreadsheets=for_spreadsheets)
    check_overwrite(target, path, overwrite=overwrite)


def _stream(path: Path, *, mask_codes: bool) -> None:
    import shutil  # noqa: PLC0415 - help and completion need none of it
    import tempfile  # noqa: PLC0415 - help and completion need none of it

    # A pipe's reader may be slow, and the job's snapshot should not be held for that long.
    with tempfile.TemporaryDirectory(prefix="capillary-", ignore_cleanup_errors=True) as folder:
        results = Path(folder, "results.jsonl")
        _with_job(path, lambda job: job.export(results, mask_codes=mask_codes))
        file = results.open("rb")
    # It has no name any more: if this program is killed while it waits, no file is left behind.
    try:
        with file, write_errors("standard output"):
            shutil.copyfileobj(file, data_out())
    finally:
        # Not every system removes the name of an open file.
        shutil.rmtree(folder, ignore_errors=True)


def _with_job(path: Path, call: "Callable[[Job], Coroutine[Any, Any, _T]]") -> _T:
    from capillary_interactions.cli._signals import unless_interrupted  # noqa: PLC0415 - help and completion need none of it
    from capillary_interactions.jobs import Job  # noqa: PLC0415

    async def called() -> _T:
        async with Job.open(path) as job:
            return await call(job)

    with usage_errors(JobError):
        try:
            return run_async(unless_interrupted(called()))
        except ExportError as error:
            raise StoppedEarlyError(str(error)) from None
