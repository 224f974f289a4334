"""`bulk --dry-run`: what a run would take, without a request and without credentials."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._text.wording import format_duration, pluralise
from capillary_interactions.cli._bulk_job import job_of
from capillary_interactions.cli._console import Console
from capillary_interactions.cli._exit_codes import OK, usage_errors
from capillary_interactions.cli._output import check_out, is_streamed
from capillary_interactions.cli._runtime import run_async
from capillary_interactions.cli._settings import ClientOptions, planned_config
from capillary_interactions.cli._signals import unless_interrupted
from capillary_interactions.cli._standard_streams import write_json
from capillary_interactions.jobs import (
    CustomerList,
    Job,
    JobError,
    JobStatus,
    NoJobError,
    Plan,
    Rejection,
    StopRules,
    plan_job,
)

_PER_MINUTE: Final = 60.0


@frozen(kw_only=True)
class PlanOptions:
    """A run that is to be planned; `out` is None where the result's place is not known."""

    customers: CustomerList
    out: str | None
    network: str | None
    type: str | None
    settings: ClientOptions
    stops: StopRules
    limit: int | None
    refresh: timedelta | None
    latency: float
    as_json: bool
    overwrite: bool
    for_spreadsheets: bool


def plan_run(options: PlanOptions, console: Console) -> int:
    """Print what a run would take; the exit code.

    Raises:
        CannotStartError: A run could not begin either.
    """
    out, config = options.out, planned_config(options.settings, os.environ)
    streamed = out is not None and is_streamed(out)
    if out is not None and not streamed:
        check_out(
            out,
            overwrite=options.overwrite,
            source=str(options.customers.path or ""),
            for_spreadsheets=options.for_spreadsheets,
        )
    with usage_errors(JobError, ValueError):
        plan = run_async(unless_interrupted(_plan(options, config)))
        job = None if out is None or streamed else run_async(_job(job_of(Path(out))))
    if streamed:
        plan = evolve(plan, stops=False, job_bytes=0)
    if options.as_json:
        data = {**_to_dict(plan, job), "limit": options.limit}
        write_json(orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE))
    else:
        lines = plan_lines(plan, config, streamed=streamed)
        resumed = _resumed(job, refresh=options.refresh is not None)
        for line in (*lines, *resumed, *_limited(options.limit, plan)):
            console.error(line)
    return OK


async def _plan(options: PlanOptions, config: ClientConfig) -> Plan:
    return await plan_job(
        options.customers,
        config,
        network=options.network,
        type=options.type,
        latency=options.latency,
        stops=options.stops,
    )


async def _job(path: Path) -> JobStatus | None:
    try:
        async with Job.open(path) as job:
            return await job.status()
    except NoJobError:
        return None


def plan_lines(plan: Plan, config: ClientConfig, *, streamed: bool = False) -> tuple[str, ...]:
    """A plan, line by line."""
    blank = f", {pluralise(plan.blank, 'blank line')} skipped" if plan.blank else ""
    memory = f"memory: about {_bytes(plan.memory)}, however long the list is"
    return (
        f"{plan.customers_name}: {pluralise(plan.rows, 'row')}{blank}; nothing is sent",
        *_rows(plan),
        *_requests(plan, config, streamed=streamed),
        f"{memory}; about {_bytes(2 * plan.memory)} while Parquet is written",
        _disk(plan, streamed=streamed),
    )


def _rows(plan: Plan) -> list[str]:
    lines = [f"{pluralise(plan.customers, 'customer')} to ask for"]
    if plan.duplicates:
        lines[0] += f"; {pluralise(plan.duplicates, 'row')} with the customer of an earlier row"
    if plan.rejected:
        lines.append(f"{pluralise(plan.rejected, 'row')} rejected without a request:")
        lines.extend(map(_rejection, plan.rejections))
    if plan.stops:
        lines.append(
            "a run would stop: too many of the first rows are rejected; the list, the column or "
            "the kind of identifier looks wrong (--accept-rejected goes on all the same)"
        )
    return lines


def _rejection(rejection: Rejection) -> str:
    named = ", ".join(f"{row:,}" for row in rejection.first_rows)
    more = ", ..." if rejection.rows > len(rejection.first_rows) else ""
    noun = "row" if rejection.rows == 1 else "rows"
    return f"  {pluralise(rejection.rows, 'row')} ({noun} {named}{more}): {rejection.reason}"


def _requests(plan: Plan, config: ClientConfig, *, streamed: bool) -> list[str]:
    requests = f"{pluralise(plan.requests, 'request')} at least"
    if streamed and plan.duplicates:
        most = f"{plan.customers + plan.duplicates:,}"
        requests += f" (up to {most}: without a job, duplicates are asked for again)"
    keeps = f"which keeps to {config.rate} (--rate) in every window"
    enough = f"{plan.in_flight:,} in flight reach that where an answer takes "
    reach = f"{config.in_flight:,} (--in-flight) up to {format_duration(plan.max_latency)}"
    return [
        f"{requests}, one more for each further page of a customer and for each retry",
        f"{format_duration(plan.seconds)} at {_rate(plan.rate)}, {keeps}",
        f"{enough}{format_duration(plan.latency)} (--latency), {reach}",
        f"processes needed: {plan.processes:,}",
    ]


def _disk(plan: Plan, *, streamed: bool) -> str:
    job = "" if streamed else f"{_bytes(plan.job_bytes)} for the job and "
    return (
        f"disk: about {job}{_bytes(plan.result_bytes)} for the result as JSON lines or CSV, where "
        f"an answer has 8 messages ({plan.answer_bytes:,} bytes)"
    )


def _rate(rate: float) -> str:
    return f"{rate:.1f} requests/s" if rate >= 1 else f"{_PER_MINUTE * rate:.1f} requests a minute"


def _bytes(count: int) -> str:
    """A number of bytes, in the unit that makes it short.

    >>> _bytes(812), _bytes(100 * 2**20), _bytes(5 * 2**29)
    ('1 KiB', '100 MiB', '2.5 GiB')
    """
    if count < 2**20:
        return f"{max(1, round(count / 2**10)):,} KiB"
    return f"{count / 2**20:,.0f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"


def _resumed(job: JobStatus | None, *, refresh: bool) -> list[str]:
    if job is None or not job.done:
        return []
    others = "the others, and for older answers (--refresh)" if refresh else "the others only"
    return [f"{job.path} has {pluralise(job.done, 'row')} done: a run asks for {others}"]


def _limited(limit: int | None, plan: Plan) -> list[str]:
    if limit is None or limit >= plan.customers:
        return []
    return [f"--limit: a run stops after {pluralise(limit, 'customer')} of these"]


def _to_dict(plan: Plan, job: JobStatus | None) -> dict[str, Any]:
    return {
        "customersName": plan.customers_name,
        "rows": plan.rows,
        "blank": plan.blank,
        "customers": plan.customers,
        "duplicates": plan.duplicates,
        "rejected": plan.rejected,
        "rejections": [
            {"reason": item.reason, "rows": item.rows, "firstRows": list(item.first_rows)}
            for item in plan.rejections
        ],
        "stops": plan.stops,
        "requests": plan.requests,
        "rate": round(plan.rate, 3),
        "seconds": round(plan.seconds, 1),
        "hours": round(plan.seconds / 3600, 2),
        "latency": plan.latency,
        "inFlight": plan.in_flight,
        "maxLatency": round(plan.max_latency, 3),
        "processes": plan.processes,
        "memoryBytes": plan.memory,
        "answerBytes": plan.answer_bytes,
        "jobBytes": plan.job_bytes,
        "resultBytes": plan.result_bytes,
        "done": 0 if job is None else job.done,
    }
