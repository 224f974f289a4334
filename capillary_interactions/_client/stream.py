"""Outcomes of many lookups, as they end: a fan-out over queries, with its stop rules."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Self

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from capillary_interactions._client.fan_out import FanOut, Source
from capillary_interactions._client.lifecycle import running_loop
from capillary_interactions._client.refusal_evidence import (
    MAX_REFUSED,
    ProxyPages,
    doubted,
    is_page,
)
from capillary_interactions._client.refused_settings import RefusedSettings
from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.validation import check_count, check_seconds
from capillary_interactions._errors import CapillaryError, EndpointDownError, SettingsReason
from capillary_interactions._model.outcome import (
    ItemT_co,
    Outcome,
    Rejected,
    Unavailable,
    with_all_endings,
)
from capillary_interactions._model.query import Identifier, InvalidMobileError, Query, query_of
from capillary_interactions._text.tracebacks import clear


class OutcomeStream(Generic[ItemT_co]):
    """Outcomes to enter, iterate over and leave; made by `InteractionsClient.stream`.

    Attributes:
        tolerated: See `RefusalEvidence.is_believed`; more for a reader that keeps rejections by
            pages.
        waits_out: Whether its reader waits until pages that are no refusals go away.
        stops_for_settings: Whether it ends where the API refuses a setting for one customer after
            another; False for a reader that keeps these outcomes, or wants them all.
    """

    def __init__(
        self,
        work: Callable[[Query | Rejected, Any], Awaitable[Outcome]],
        source: Source[Any],
        *,
        key: Callable[[Any], Query],
        concurrency: int,
        ordered: bool,
        give_up_after: int | None,
        pages: ProxyPages,
        refused_settings: RefusedSettings,
    ) -> None:
        self.tolerated = 1
        self.waits_out = False
        self.stops_for_settings = True
        self._refused_settings = refused_settings
        self._pages = pages
        self._work = work
        self._key = key
        self._fan_out: FanOut[Any, tuple[Any, Query | Rejected], Outcome] = FanOut(
            self._look_up_and_count,
            source,
            prepare=self._to_query,
            concurrency=concurrency,
            ordered=ordered,
        )
        self._breaker = CircuitBreaker(give_up_after)
        self._endings: Counter[str] = Counter()
        self._endpoint_down: EndpointDownError | None = None
        self._settings_refused: CapillaryError | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        running_loop()
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._entered = False
        await self._fan_out.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[ItemT_co]:
        if not self._entered:
            # Outside of its block, no code would cancel the lookups.
            raise RuntimeError(
                "a stream is read within its block: `async with client.stream(...) as outcomes`"
            )
        try:
            return await self._fan_out.__anext__()
        except StopAsyncIteration:
            if self._settings_refused is not None and self._refused_settings.is_certain:
                # All had been read by then.
                raise self._settings_refused from None
            raise
        except EndpointDownError as error:
            if error is not self._endpoint_down:
                raise  # of the source, perhaps another stream
            # What had been read when the rule fired has ended meanwhile as well.
            counts = with_all_endings(self._endings)
            raise EndpointDownError(error.consecutive, error.reason, counts) from None
        except Exception as error:
            # The frames of lookups and of the source hold items and queries.
            clear(error)
            raise

    def stop_reading(self, error: BaseException | None = None) -> None:
        """Take no more items from the source; what was taken still ends.

        Args:
            error: Raised after the last outcome, or None to end like an exhausted source.
        """
        self._fan_out.stop_reading(error)

    def untaken(self) -> list[Outcome[ItemT_co]]:
        """Outcomes that have not been iterated over; for when the stream is left."""
        return self._fan_out.untaken()

    def _to_query(self, item: Any) -> tuple[Any, Query | Rejected]:
        try:
            return item, self._key(item)
        except InvalidMobileError as error:
            # One customer's number, and no error of `key`: the others are looked up.
            return item, rejected_mobile(error, item)

    async def _look_up_and_count(self, prepared: tuple[Any, Query | Rejected]) -> Outcome:
        item, query = prepared
        outcome = await self._work(query, item)
        if isinstance(outcome, Rejected):
            self._check_rejected(outcome)
        self._endings[outcome.ending] += 1
        now = asyncio.get_running_loop().time()
        if not isinstance(outcome, Unavailable):
            self._breaker.record_answer(now)
            return outcome
        self._breaker.record_failure(now)
        if self._breaker.state is BreakerState.OPEN and self._endpoint_down is None:
            counts = with_all_endings(self._endings)
            self._endpoint_down = EndpointDownError(self._breaker.failures, outcome.reason, counts)
            self._fan_out.stop_reading(self._endpoint_down)
        return outcome

    def _check_rejected(self, rejected: Rejected) -> None:
        """Stop, instead of rejecting one customer after another, for what is about none of them.

        Raises:
            AuthenticationError: Pages refuse all of them.
            EndpointDownError: Other pages have come in place of answers.
        """
        if self._pages.are_everywhere():
            self._stop_for(rejected)
        if self.stops_for_settings:
            error = self._refused_settings.stop_error(rejected)
            if error is not None:
                # What has been read still ends, and comes before the error.
                self._settings_refused = error
                self._fan_out.stop_reading(error)

    def _stop_for(self, rejected: Rejected) -> None:
        if is_page(rejected):
            raise doubted(rejected, proven=True)
        if isinstance(rejected.reason, SettingsReason) and not self.waits_out:
            raise EndpointDownError(MAX_REFUSED, rejected.reason, with_all_endings(self._endings))


def to_query(asked: object) -> Query:
    """A query or an identifier as a query; anything else is a `ValueError`."""
    if isinstance(asked, Query):
        return asked
    if isinstance(asked, Identifier):
        return query_of(asked)
    raise ValueError(
        f"a Query or an Identifier can be looked up, not a {type(asked).__name__}; "
        "a stream's key= makes one from other items"
    )


def rejected_mobile(error: InvalidMobileError, item: Any) -> Rejected:
    """The outcome of an item whose mobile is none; the error again, if it names no customer."""
    if error.identifier is None:
        raise error
    return Rejected(query=Query(error.identifier), item=item, reason=str(error))


def parse_in_flight(in_flight: int | None, config: ClientConfig) -> int:
    """Lookups in progress at once: as given, or by default `config.in_flight` a credential.

    Raises:
        ConfigurationError: It is no whole number of 1 or more.
    """
    default = config.in_flight * len(config.credentials)
    return check_count("in_flight", default if in_flight is None else in_flight)


def parse_timeout(timeout: float) -> float | None:
    """Seconds, or None for no limit; a `ConfigurationError` if it is no duration."""
    return None if timeout == math.inf else check_seconds("timeout", timeout)
