"""Is a job going on with what it began with? The settings and the list, compared."""

from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import frozen

from capillary_interactions._config import ClientConfig
from capillary_interactions._names import InteractionType, Network
from capillary_interactions.jobs._errors import JobChangedError, ListError
from capillary_interactions.jobs._list import CustomerList, changed
from capillary_interactions.jobs._reader import changed_error

_WAY_ON: Final = "go on with the old settings, or give the new ones a job (and a result) of its own"


def settings_of(
    config: ClientConfig,
    reading: Mapping[str, Any],
    network: Network | None,
    kind: InteractionType | None,
) -> dict[str, Any]:
    """Everything that decides what a row is and what its answer can be; no secrets."""
    return {
        "api": config.api.value,
        "network": None if network is None else network.value,
        "type": None if kind is None else kind.value,
        "source": config.source,
        "account_id": config.account_id,
        "page_size": config.page_size,
        "timezone": zone_written(config.timezone),
        **reading,
    }


def check_settings(before: dict[str, Any], now: dict[str, Any]) -> None:
    """See whether the settings are the same.

    Raises:
        JobChangedError: They are not; the text names them.
    """
    differing = [
        f"{name} was {_spoken(before.get(name))} and is {_spoken(value)}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if differing:
        raise JobChangedError(
            f"the job began with other settings: {'; '.join(differing)}; {_WAY_ON}"
        )


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
        now = customers.stamp()
    except ListError:
        if whole:
            return Check(read=False)
        raise
    if before is None or now is None:
        return Check(read=now is None or not whole, first=now is not None)
    how = changed(before, now)
    if how is not None:
        raise changed_error(customers.name, how)
    touched = before["mtime"] != now["mtime"]
    return Check(read=touched or not whole, first=touched)


def _spoken(value: Any) -> str:
    return "not given" if value is None else str(value)


def zone_written(zone: tzinfo) -> str:
    """A time zone as text that `zone_read` reads."""
    if zone is UTC:
        return "UTC"
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    return "UTC" if offset is None else f"{offset.total_seconds():+g}"


def zone_read(text: str) -> tzinfo:
    """The time zone that `zone_written` wrote."""
    if text == "UTC":
        return UTC
    if text[0] in "+-":
        return timezone(timedelta(seconds=float(text)))
    return ZoneInfo(text)
