"""Looks up the customers of one batch: each ends in one outcome, an outage or not.

Outcomes that may be about none of the customers are kept until the next answer shows what they
mean; where none comes, their customers are looked up again after a pause.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from attrs import frozen

from capillary_interactions._client.refusal_evidence import is_page
from capillary_interactions._client.refused_settings import is_refused_setting
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._errors import EndpointDownError, SettingsReason
from capillary_interactions._model.outcome import Outcome
from capillary_interactions._model.query import Query
from capillary_interactions.engines._worker_client import WorkerClient
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._run.stop_rules import StopRules, is_unanswered


@frozen(kw_only=True)
class LookupOptions:
    """How a batch is looked up; see `InteractionsClient.stream` and `StopRules`.

    Attributes:
        config: The client's.
        template: The query of each customer.
    """

    config: ClientConfig
    template: QueryTemplate
    in_flight: int | None = None
    timeout: float | None = None
    share: float | None = None
    stops: StopRules

    def stream_options(self) -> dict[str, Any]:
        return {
            "in_flight": self.in_flight,
            "timeout": self.timeout,
            "share": self.share,
            "give_up_after": self.stops.unanswered,
        }


class BatchLookup:
    """The lookups of one batch.

    Args:
        worker: The client, of whose event loop `run` is a coroutine.
        options: How.
        take: Called with the key of a customer and the outcome, once for each.
    """

    def __init__(
        self,
        worker: WorkerClient,
        options: LookupOptions,
        take: Callable[[int, Outcome], None],
    ) -> None:
        self._worker = worker
        self._client = worker.client
        self._template = options.template
        self._options = options
        self._take = take
        self._open: dict[int, str] = {}
        self._held: list[Outcome] = []
        self._stopping = False

    def stop(self) -> None:
        """Look up no more customers; may be called in any thread."""
        self._stopping = True

    async def run(self, customers: Mapping[int, str]) -> bool:
        """Look up customers as they are sent, by their keys; False if it was stopped.

        Raises:
            AuthenticationError: The credentials are refused.
            ConfigurationError: The API refuses a setting for one customer after another.
            EndpointDownError: Nothing answers, for as long as the rules allow.
        """
        self._open = dict(customers)
        while self._open and not self._stopping:
            try:
                await self._stream()
            except EndpointDownError as error:
                self._held.clear()
                settings = isinstance(error.reason, SettingsReason)
                if settings and not self._worker.first_answer.answered:
                    raise
                await self._wait_for_answer(error)
        return not self._open

    async def _stream(self) -> None:
        options = self._options.stream_options()
        async with self._client.stream(
            self._queries(), key=lambda item: item[1], **options
        ) as outcomes:
            outcomes.stops_for_settings = self._options.stops.refused_settings
            async for outcome in outcomes:
                self._sort(outcome)
        self._check_end()
        self._flush(lambda _: False)

    def _check_end(self) -> None:
        """Raise what the stream would have raised if there were more customers."""
        if not self._held:
            return
        last, stops = self._held[-1], self._options.stops
        if stops.unanswered is not None and self._worker.unanswered >= stops.unanswered:
            raise EndpointDownError(self._worker.unanswered, _reason(last), {})
        refused = self._client._pool.refused_settings  # noqa: SLF001 - no contract of the client's
        error = refused.error_at_end(last) if stops.refused_settings else None
        if error is not None:
            raise error

    def _queries(self) -> Iterator[tuple[int, Query]]:
        for key, customer in tuple(self._open.items()):
            if self._stopping:
                return
            yield key, self._template.sent_query(customer)

    def _sort(self, outcome: Outcome) -> None:
        first = self._worker.first_answer
        if first.is_wrong(outcome):
            raise EndpointDownError(first.in_a_row, _reason(outcome), {})
        self._held.append(outcome)
        if is_unanswered(outcome):
            self._worker.unanswered += 1
        elif _is_answered(outcome):
            self._worker.unanswered = 0
            self._flush(self._is_doubtful)

    def _is_doubtful(self, outcome: Outcome) -> bool:
        """Whether it may still turn out to be no outcome of its customer."""
        if is_page(outcome):
            pages = self._client._pool.pages  # noqa: SLF001 - no contract of the client's
            return pages.may_be_everywhere(outcome.query.identifier)
        if not self._options.stops.refused_settings or not is_refused_setting(outcome):
            return False
        return self._client._pool.refused_settings.doubts(outcome)  # noqa: SLF001 - as above

    def _flush(self, is_doubtful: Callable[[Outcome], bool]) -> None:
        held, self._held = self._held, []
        for outcome in held:
            if is_doubtful(outcome):
                self._held.append(outcome)
            else:
                self._end(outcome.item[0], outcome)

    def _end(self, key: int, outcome: Outcome) -> None:
        del self._open[key]
        self._take(key, outcome)

    async def _wait_for_answer(self, error: EndpointDownError) -> None:
        """Look one customer up now and then, until there is an answer or it is time to give up."""
        loop, stops = asyncio.get_running_loop(), self._options.stops
        give_up_at = loop.time() + stops.give_up_after
        key, customer = next(iter(self._open.items()))
        for probes in count():
            remaining = give_up_at - loop.time()
            if remaining <= 0:
                raise error
            await asyncio.sleep(min(stops.probe_delay(probes), remaining))
            if self._stopping:
                return
            outcome = await self._client.lookup(self._template.sent_query(customer))
            if _is_answered(outcome):
                self._worker.unanswered = 0
                self._end(key, outcome)
                return


def _is_answered(outcome: Outcome) -> bool:
    return not (is_unanswered(outcome) or is_page(outcome))


def _reason(outcome: Outcome) -> str:
    return str(getattr(outcome, "reason", ""))
