"""How is a stream made of a client's lookups? With its arguments checked."""

from collections.abc import Awaitable, Callable
from typing import Any

from capillary_interactions._client.credential_pool import CredentialPool
from capillary_interactions._client.fan_out import Source
from capillary_interactions._client.lookup_calls import LookupCalls
from capillary_interactions._client.stream import (
    OutcomeStream,
    parse_in_flight,
    parse_timeout,
    to_query,
)
from capillary_interactions._config.validation import check_count
from capillary_interactions._model.outcome import Outcome, Rejected
from capillary_interactions._model.query import Identifier, Query
from capillary_interactions._pacing.stream_share import StreamShare


def open_stream(
    calls: LookupCalls,
    pool: CredentialPool,
    queries: Source[Any],
    *,
    key: Callable[[Any], Query | Identifier] | None,
    ordered: bool,
    in_flight: int | None,
    timeout: float | None,
    give_up_after: int | None,
    share: float | None,
) -> OutcomeStream[Any]:
    """A stream of lookups; see `InteractionsClient.stream` for the arguments and what is raised."""
    config = calls.config
    concurrency = parse_in_flight(in_flight, config)
    if give_up_after is not None:
        check_count("give_up_after", give_up_after)
    limit = None if timeout is None else parse_timeout(timeout)
    stream_share = None if share is None else StreamShare(share, pool)
    calls.lifecycle.check_open()

    def work(query: Query | Rejected, item: Any) -> Awaitable[Outcome]:
        tolerated = stream.tolerated
        return calls.look_up_in_background(query, item, limit, stream_share, tolerated)

    stream: OutcomeStream[Any] = OutcomeStream(
        work,
        queries,
        key=to_query if key is None else lambda item: to_query(key(item)),
        concurrency=concurrency,
        ordered=ordered,
        give_up_after=give_up_after,
        pages=pool.pages,
        refused_settings=pool.refused_settings,
    )
    return stream
