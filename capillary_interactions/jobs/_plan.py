"""How large is a job, before it is run? Its list is read, and nothing is sent.

Every figure is a lower bound or an estimate: faults, retries and further pages come on top.
"""

import math
from typing import Final

from attrs import field, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.validation import check_seconds
from capillary_interactions._model.vocabulary import InteractionType, Network, parse_enum
from capillary_interactions._pacing.bucket import bucket_parameters
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import Batch, ListReader
from capillary_interactions.jobs._lists.tally import ListTally
from capillary_interactions.jobs._run.stop_rules import StopRules
from capillary_interactions.jobs._run.thread_feed import ThreadFeed
from capillary_interactions.jobs._store.job_settings import job_settings, template_from_settings

# Measured with jobs of 20,000 to 1,000,000 rows, see the figures of `benchmarks.million`: the file
# is never larger than estimated, and at most a fifth smaller.
_ANSWER_BYTES: Final = 1900
_JOB_ROW: Final = 30
_JOB_CUSTOMER: Final = 35
_JOB_ANSWER: Final = 1.3
_RESULT_ROW: Final = 160
_MEMORY: Final = 100 * 2**20
_PER_PROCESS: Final = 1500.0


@frozen(kw_only=True)
class Rejection:
    """Rows that would be rejected without a request, all for the same reason.

    Attributes:
        reason: Why; as in a job, with nothing personal in it.
        rows: How many.
        first_rows: The numbers of the first few, counted from 1.
    """

    reason: str
    rows: int
    first_rows: tuple[int, ...]


@frozen(kw_only=True)
class Plan:
    """What running a list as a job would take.

    Attributes:
        customers_name: What a person calls the list.
        rows: Rows of the list, blank lines left out.
        blank: Blank lines.
        customers: Different customers that would be asked for.
        duplicates: Rows whose customer stands in an earlier row, too.
        rejections: Rows that would be rejected without a request, the most frequent reason first.
        stops: Whether so many of the first rows are rejected that a run would stop.
        requests: Requests at least: one for each customer. A customer with more messages than fit
            on a page (50, or `ClientConfig.page_size`) takes one for each further page.
        rate: Requests a second at most: the pace that keeps the quota in every window, of all
            credentials together.
        seconds: How long these requests take at that rate.
        latency: Seconds in which the API is expected to answer.
        in_flight: Requests in flight at once that reach the rate with that latency, of all
            credentials together.
        max_latency: Seconds of latency up to which `ClientConfig.in_flight` reaches the rate.
        processes: Processes that reach the rate; one sends some 1,500 requests a second.
        memory: Bytes of memory of the command line, with any list; a Parquet result takes as much
            again while it is written.
        answer_bytes: Bytes of one answer that the following two are estimated with: 8 messages.
        job_bytes: Bytes of the job's file.
        result_bytes: Bytes of the result, as JSON lines or CSV.
    """

    customers_name: str
    rows: int
    blank: int
    customers: int
    duplicates: int
    rejections: tuple[Rejection, ...] = ()
    stops: bool = False
    requests: int
    rate: float
    seconds: float
    latency: float
    in_flight: int
    max_latency: float
    processes: int
    memory: int = _MEMORY
    answer_bytes: int = _ANSWER_BYTES
    job_bytes: int
    result_bytes: int
    rejected: int = field(init=False)
    """Rows that would be rejected without a request."""

    @rejected.default
    def _sum_rejected(self) -> int:
        return sum(rejection.rows for rejection in self.rejections)


async def plan_job(
    customers: CustomerList,
    config: ClientConfig,
    *,
    network: Network | str | None = None,
    type: InteractionType | str | None = None,  # noqa: A002 - the API's word
    latency: float = 0.2,
    stops: StopRules | None = None,
) -> Plan:
    """Read a list as a job would, and say what running it would take; nothing is sent.

    Args:
        customers: The list; one that comes through a pipe is read up.
        config: The client's configuration; its credentials count, but are not used.
        network: See `Job.open`.
        type: See there.
        latency: Seconds in which the API is expected to answer.
        stops: The rules of the run; the defaults of `StopRules` by default.

    Raises:
        ValueError: The network, the type or the latency is invalid.
        ListError: The list cannot be read, or not to its end.
    """
    check_seconds("latency", latency)
    template = template_from_settings(
        job_settings(
            config,
            customers.parse_options(),
            None if network is None else parse_enum(Network, network, "network"),
            None if type is None else parse_enum(InteractionType, type, "type"),
        )
    )
    rules = stops or StopRules()
    tally = ListTally(rules.rejected_of)
    feed: ThreadFeed[Batch] = ThreadFeed(ListReader(customers, template).read)
    try:
        async for batch in feed:
            tally.add(batch)
    finally:
        feed.stop()
    return _plan(customers.name, tally, config, rules, latency)


def _plan(
    name: str, tally: ListTally, config: ClientConfig, rules: StopRules, latency: float
) -> Plan:
    bucket, count = bucket_parameters(config.rate), len(config.credentials)
    rate, requests = bucket.rate * count, tally.customers
    first_rows = min(tally.rows, rules.rejected_of)
    by_count = sorted(tally.rejected.items(), key=lambda item: -item[1].count)
    stored = tally.row_bytes + _JOB_ROW * tally.rows
    asked = tally.rows - tally.rejected_rows
    return Plan(
        customers_name=name,
        rows=tally.rows,
        blank=tally.blank,
        customers=requests,
        duplicates=tally.duplicates,
        rejections=tuple(
            Rejection(reason=reason, rows=rows.count, first_rows=tuple(rows.first_rows))
            for reason, rows in by_count
        ),
        stops=rules.is_wrong_list(first_rows, tally.rejected_of_first),
        requests=requests,
        rate=rate,
        # What the buckets hold is sent at once.
        seconds=max(0.0, requests - bucket.capacity * count) / rate,
        latency=latency,
        # Little's law.
        in_flight=max(1, math.ceil(rate * latency)),
        max_latency=config.in_flight * count / rate,
        processes=max(1, math.ceil(rate / _PER_PROCESS)),
        job_bytes=stored + int(requests * (_JOB_CUSTOMER + _JOB_ANSWER * _ANSWER_BYTES)),
        result_bytes=tally.rows * _RESULT_ROW + asked * _ANSWER_BYTES,
    )
