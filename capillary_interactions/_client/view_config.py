"""With which settings does a view of a client look up? A rule over plain values."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, fields

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.limits import RetryPolicy, Timeouts
from capillary_interactions._config.validation import check_headers
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._protocol.messages import merge_headers

_CONNECT: Final = fields(Timeouts).connect.default
_BUDGET: Final = fields(RetryPolicy).budget.default


def view_config(
    config: ClientConfig,
    *,
    timeouts: Timeouts | None,
    retry: RetryPolicy | None,
    headers: Mapping[str, str] | None,
    cache_ttl: float | None,
) -> ClientConfig:
    """The settings of a client or a view, with those that are given in their place.

    What belongs to the shared connections and credentials stays: `timeouts.connect` and
    `retry.budget`.

    Raises:
        ConfigurationError: One of them cannot work, or asks for another one of these two.
    """
    given: dict[str, Any] = {}
    if timeouts is not None:
        given["timeouts"] = _with_connect(timeouts, config.timeouts.connect)
    if retry is not None:
        given["retry"] = _with_budget(retry, config.retry.budget)
    if headers is not None:
        given["headers"] = merge_headers(config.headers, check_headers("headers", headers))
    if cache_ttl is not None:
        given["cache_ttl"] = cache_ttl
    return evolve(config, **given)


def _with_connect(timeouts: Timeouts, connect: float) -> Timeouts:
    if not isinstance(timeouts, Timeouts):
        return timeouts  # the settings refuse it
    if timeouts.connect not in (connect, _CONNECT):
        raise ConfigurationError(
            f"timeouts.connect is the client's ({connect:g} s) for all its connections, "
            "which with_options() shares: leave it out, or set it in ClientConfig"
        )
    return evolve(timeouts, connect=connect)


def _with_budget(retry: RetryPolicy, budget: int) -> RetryPolicy:
    if not isinstance(retry, RetryPolicy):
        return retry  # the settings refuse it
    if retry.budget not in (budget, _BUDGET):
        raise ConfigurationError(
            f"retry.budget is the client's ({budget}) for all retries of a credential, "
            "which with_options() shares: leave it out, or set it in ClientConfig"
        )
    return evolve(retry, budget=budget)
