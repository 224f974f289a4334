"""Is a job going on with what it began with? The settings and the list, compared."""

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from attrs import frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.endpoint import is_loopback
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._model.vocabulary import (
    ApiVersion,
    IdentifierName,
    InteractionType,
    Network,
)
from capillary_interactions.jobs._errors import JobChangedError, ListError
from capillary_interactions.jobs._lists.columns import find_column
from capillary_interactions.jobs._lists.customer_list import CustomerList
from capillary_interactions.jobs._lists.list_reader import changed_error
from capillary_interactions.jobs._lists.query_template import QueryTemplate
from capillary_interactions.jobs._lists.source_file import describe_change, may_be_modified

_PORTS: Final = {"http": 80, "https": 443}
# How the list is read, in words that can differ for the same rows: these decide.
_RETOLD: Final = frozenset({"column", "delimiter", "encoding"})
_WAY_ON: Final = "go on with the old settings, or give the new ones a job (and a result) of its own"


def job_settings(
    config: ClientConfig,
    reading: Mapping[str, Any],
    network: Network | None,
    kind: InteractionType | None,
) -> dict[str, Any]:
    """Everything that decides what a row is and what its answer can be; no secrets.

    Credentials do not: a new password, or another till of the same organisation, is no reason to
    begin anew.

    Raises:
        ConfigurationError: The time zone cannot be written down.
    """
    return {
        "base_url": endpoint_identity(config.base_url),
        "api": config.api.value,
        "network": None if network is None else network.value,
        "type": None if kind is None else kind.value,
        "source": config.source,
        "account_id": config.account_id,
        "page_size": config.page_size,
        "max_pages": config.max_pages,
        "timezone": zone_to_text(config.timezone),
        **reading,
    }


def template_of(settings: dict[str, Any]) -> QueryTemplate:
    """What is asked of each row, from a job's settings.

    Raises:
        ValueError: That cannot be asked of anybody.
    """
    kind, network = settings["type"], settings["network"]
    return QueryTemplate(
        name=IdentifierName(settings["identifier"]),
        api=ApiVersion(settings["api"]),
        network=None if network is None else Network(network),
        type=None if kind is None else InteractionType.custom(kind),
    )


def endpoint_identity(base_url: str) -> str:
    """Where a base URL leads to: on this machine to the same place on every port.

    A sandbox, which `--sandbox` starts anew for each run, has another port each time.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    nameless = is_loopback(host) or parts.port in {None, _PORTS[parts.scheme]}
    return f"{parts.scheme}://{shown}{'' if nameless else f':{parts.port}'}{parts.path}"


def check_settings(
    before: dict[str, Any], now: dict[str, Any], columns: Sequence[str] = ()
) -> str | None:
    """See whether the settings are the same.

    Args:
        before: Those that the job began with; what an earlier version did not write is the same.
        now: Those of this run.
        columns: The columns of the list, by which a column's name and its number may be the same.

    Returns:
        What differs in how the list is read, where its rows can be the same all the same; or None.

    Raises:
        JobChangedError: They are not the same; the text names them.
    """
    differing = [name for name, value in now.items() if before.get(name, value) != value]
    retold = differing and all(name in _RETOLD for name in differing)
    told = "; ".join(
        f"{name} was {_spoken(before[name])} and is {_spoken(now[name])}" for name in differing
    )
    if retold and _is_same_column(before, now, columns):
        return told
    if differing:
        raise JobChangedError(f"the job began with other settings: {told}; {_WAY_ON}")
    return None


def retold_error(told: str) -> JobChangedError:
    """The error for a list that is the same, and gives other rows as it is read now."""
    return JobChangedError(
        f"the job began with other settings, and with these the rows differ: {told}; {_WAY_ON}"
    )


def _is_same_column(before: dict[str, Any], now: dict[str, Any], columns: Sequence[str]) -> bool:
    if before.get("column") == now["column"]:
        return True
    try:
        places = {
            find_column(columns, settings["identifier"], settings.get("column"))
            for settings in (before, now)
        }
    except ListError:
        return False
    return len(places) == 1


@frozen
class Check:
    """What is to be done with a list that seems to be the same.

    Attributes:
        read: Whether it has to be read.
        first: Whether that has to be done before anything is asked, for it may be another list.
    """

    read: bool
    first: bool = False


def check_list(before: dict[str, Any] | None, customers: CustomerList, *, whole: bool) -> Check:
    """See whether a list looks as it did when the job began.

    Args:
        before: Its stamp then, or None for a pipe.
        customers: The list.
        whole: Whether everything of it is in the store.

    Raises:
        JobChangedError: It does not.
        ListError: It is gone, and needed.
    """
    try:
        now = customers.fingerprint()
    except ListError:
        if whole:
            return Check(read=False)
        raise
    if before is None or now is None:
        return Check(read=now is None or not whole, first=now is not None)
    how = describe_change(before, now)
    if how is not None:
        raise changed_error(customers.name, how)
    again = may_be_modified(before, now)
    return Check(read=again or not whole, first=again)


def _spoken(value: Any) -> str:
    return "not given" if value is None else str(value)


def zone_to_text(zone: tzinfo) -> str:
    """A time zone as text that `zone_read` reads.

    Raises:
        ConfigurationError: It is of another kind than those that can be read.
    """
    if zone is UTC:
        return "UTC"
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        raise ConfigurationError(
            "timezone of a job, which writes it down, must be UTC, a fixed offset or a "
            f"zoneinfo.ZoneInfo with a name, not a {type(zone).__name__}"
        )
    return f"{offset.total_seconds():+g}"


def zone_from_text(text: str) -> tzinfo:
    """The time zone that `zone_written` wrote."""
    if text == "UTC":
        return UTC
    if text[0] in "+-":
        return timezone(timedelta(seconds=float(text)))
    return ZoneInfo(text)
