"""What a job was started with, compared with what it is resumed with: settings and list."""

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.clusters import INDIAN_TIME
from capillary_interactions._config.endpoint import DEFAULT_PORTS, is_loopback
from capillary_interactions._config.time_zones import cluster_zone, named_zone
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._model.vocabulary import (
    ApiVersion,
    InteractionType,
    Network,
)
from capillary_interactions.jobs._errors import JobChangedError, ListError
from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.customer_list import CustomerList, identifier_from_text
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.source_file import may_be_modified

# How the list is read: these may differ and still give the same rows.
_READING: Final = frozenset({"column", "delimiter", "encoding"})
# The zone that the cluster has by default; not stored by versions whose default was always UTC.
_ZONE_RULE: Final = "cluster_timezone"
# What earlier versions did not store, and did in one way only.
_NOT_STORED: Final[Mapping[str, Any]] = {"phone_region": None}
# What was refused for one of these may be answered with another; no answer depends on them before.
_CORRECTABLE: Final = frozenset(
    {"base_url", "api", "source", "account_id", "page_size", "max_pages", "timezone"}
)
_HOW_TO_CONTINUE: Final = (
    "go on with the old settings, or give the new ones a job (and a result) of its own"
)


def job_settings(
    config: ClientConfig,
    reading: Mapping[str, Any],
    network: Network | None,
    type_: InteractionType | None,
) -> dict[str, Any]:
    """Everything that decides what a row is and what its answer can be; no secrets.

    Credentials do not: with a new password, or another till of the same organisation, it is the
    same job.

    Raises:
        ConfigurationError: The time zone cannot be stored.
    """
    return {
        "base_url": endpoint_identity(config.base_url),
        "api": config.api.value,
        "network": None if network is None else network.value,
        "type": None if type_ is None else type_.value,
        "source": config.source,
        "account_id": config.account_id,
        "page_size": config.page_size,
        "max_pages": config.max_pages,
        "phone_region": config.phone_region,
        "timezone": zone_to_text(config.timezone),
        _ZONE_RULE: zone_to_text(cluster_zone(config.base_url)),
        **reading,
    }


def template_from_settings(settings: dict[str, Any]) -> QueryTemplate:
    """The query of each row, from a job's settings; a `ValueError` if they allow none."""
    type_, network = settings["type"], settings["network"]
    return QueryTemplate(
        name=identifier_from_text(settings["identifier"]),
        api=ApiVersion(settings["api"]),
        network=None if network is None else Network(network),
        type=None if type_ is None else InteractionType.custom(type_),
        phone_region=settings.get("phone_region"),
    )


def endpoint_identity(base_url: str) -> str:
    """The endpoint of a base URL; on a loopback address it is the same on every port.

    The sandbox of `--sandbox` has another port in each run.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    ignored = is_loopback(host) or parts.port in {None, DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{name}{'' if ignored else f':{parts.port}'}{parts.path}"


def compare_settings(
    before: dict[str, Any],
    now: dict[str, Any],
    columns: Sequence[str] = (),
    *,
    answered: bool = True,
) -> str | None:
    """Compare the settings of a job with those of this run.

    Args:
        before: Those of the job; what an earlier version did not store counts as equal.
        now: Those of this run.
        columns: The columns of the list, among which a name and a number may mean the same one.
        answered: Whether a customer of the job has been answered; if none was, the settings of the
            requests may be others.

    Returns:
        What differs in how the list is read, where its rows may be the same all the same; or None.

    Raises:
        JobChangedError: They differ; the text names them.
    """
    before = {**before, _ZONE_RULE: now.get(_ZONE_RULE), **_corrected_zone(before, now)}
    correctable = frozenset[str]() if answered else _CORRECTABLE
    differing = [
        name
        for name, value in now.items()
        if name not in correctable and before.get(name, _NOT_STORED.get(name, value)) != value
    ]
    if "phone_region" in differing and now.get("identifier", "mobile") != "mobile":
        differing.remove("phone_region")  # it is about phone numbers only
    if not differing:
        return None
    differences = "; ".join(
        f"{name} was {_format_value(before.get(name))} and is {_format_value(now[name])}"
        for name in differing
    )
    if _READING.issuperset(differing) and _is_same_column(before, now, columns):
        return differences
    raise JobChangedError(f"the job began with other settings: {differences}; {_HOW_TO_CONTINUE}")


def _corrected_zone(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster's time zone, where a job of an earlier version took UTC for every cluster.

    Answers are stored as they were sent, so the rows of earlier runs are in that zone, too.
    """
    default = now.get(_ZONE_RULE)
    if _ZONE_RULE in before or before.get("timezone") != "UTC" or now.get("timezone") != default:
        return {}
    return {"timezone": default}


def other_rows_error(differences: str) -> JobChangedError:
    """The error for the same list, of which other settings make other rows."""
    return JobChangedError(
        f"the job began with other settings, and with these the rows differ: {differences}; "
        f"{_HOW_TO_CONTINUE}"
    )


def _is_same_column(before: dict[str, Any], now: dict[str, Any], columns: Sequence[str]) -> bool:
    if before.get("column") == now["column"]:
        return True
    try:
        first, second = (
            find_column(
                columns, identifier_from_text(settings["identifier"]), settings.get("column")
            )
            for settings in (before, now)
        )
    except ListError:
        return False
    return first == second


def check_list(
    before: dict[str, Any] | None, customers: CustomerList, *, complete: bool
) -> tuple[bool, bool]:
    """Compare a list with its fingerprint of when the job began.

    Args:
        before: The fingerprint, or None for a pipe.
        customers: The list.
        complete: Whether all of its rows are in the store.

    Returns:
        Whether it has to be read, and whether its rows are to be compared before any request.

    Raises:
        ListError: It is gone, and needed.
    """
    try:
        now = customers.fingerprint()
    except ListError:
        if complete:
            return False, False
        raise
    if before is None or now is None:
        return True, now is not None
    modified = may_be_modified(before, now)
    return modified or not complete, modified


def _format_value(value: Any) -> str:
    return "not given" if value is None else str(value)


def zone_to_text(zone: tzinfo) -> str:
    """A time zone as text for `zone_from_text`; a `ConfigurationError` if it has none."""
    if zone is UTC:
        return "UTC"
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    if isinstance(zone, timezone) and zone.tzname(None) == INDIAN_TIME:
        return INDIAN_TIME
    offset = zone.utcoffset(None)
    if offset is None:
        raise ConfigurationError(
            "timezone of a job, which writes it down, must be UTC, a fixed offset or a "
            f"zoneinfo.ZoneInfo with a name, not a {type(zone).__name__}"
        )
    return f"{offset.total_seconds():+g}"


def zone_from_text(text: str) -> tzinfo:
    if text[0] in "+-":
        return timezone(timedelta(seconds=float(text)))
    return named_zone(text)
