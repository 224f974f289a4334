"""The settings of a sandbox, checked when it is made and when one is changed.

Every duration is a float of seconds.
"""

import base64
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final, Self, get_args
from zoneinfo import ZoneInfo

import orjson
from attrs import asdict, define, field, setters

from capillary_interactions.sandbox._faults import check_name, to_faults
from capillary_interactions.sandbox._responses import Answer, to_answers
from capillary_interactions.sandbox._shapes import Shape
from capillary_interactions.sandbox._spelling import Customers

if TYPE_CHECKING:
    from attrs import Attribute

    from capillary_interactions._config.client_config import ClientConfig
    from capillary_interactions._config.limits import RateLimit

Rate = tuple[int, float]


def to_rate(value: "tuple[int, float] | RateLimit | str | None") -> Rate | None:
    """Requests and seconds, from a pair, a `RateLimit`, or text such as "1000/60".

    Raises:
        ValueError: It is none of these, or a figure is not above zero.
    """
    if value is None:
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+(?:\.\d+)?)\s*", value, re.ASCII)
        if match is None:
            raise ValueError("rate must be written REQUESTS/SECONDS, such as 1000/60")
        requests, per = int(match[1]), float(match[2])
    elif isinstance(value, tuple | list):
        requests, per = value
    else:
        requests, per = value.requests, value.per
    if requests < 1 or requests % 1 or not 0 < per < math.inf:
        raise ValueError(
            f"rate needs a whole number of requests and a time above zero, not {value!r}"
        )
    return int(requests), float(per)


def _to_latency(value: float | tuple[float, float]) -> float | tuple[float, float]:
    low, high = (value[0], value[1]) if isinstance(value, tuple | list) else (value, value)
    if not 0 <= low <= high < math.inf:
        raise ValueError(f"latency must be seconds, or a rising pair of them, not {value!r}")
    return (low, high) if low != high else low


def _to_script(value: Iterable[str | None]) -> deque[str | None]:
    return deque(name if name is None else check_name(name) for name in value)


def _to_accounts(value: Mapping[str, str] | None) -> dict[str, str]:
    return {"sandbox": "sandbox"} if value is None else dict(value)


def _to_oauth(value: Mapping[str, str] | None) -> dict[str, str]:
    return {"sandbox-key": "sandbox-secret"} if value is None else dict(value)


def _between(
    low: float, high: float, *others: object, integer: bool = False
) -> "Callable[[object, Attribute[Any], Any], None]":
    """A validator that accepts numbers (integers) in a range, and the other values."""
    type_ = int if integer else int | float

    def check(_: object, attribute: "Attribute[Any]", value: Any) -> None:
        if any(value is other for other in others):
            return
        if not isinstance(value, type_) or not low <= value <= high:
            raise ValueError(f"{attribute.name} must be from {low:g} to {high:g}, not {value!r}")

    return check


def _one_of(*choices: object) -> "Callable[[object, Attribute[Any], object], None]":
    def check(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if isinstance(value, bool) or value not in choices:
            one_of = ", ".join(map(str, choices))
            raise ValueError(f"{attribute.name} must be one of {one_of}, not {value!r}")

    return check


def _check_timezone(_: object, __: object, value: object) -> None:
    if value == "UTC":  # needs no file, and Windows has none
        return
    try:
        # Whatever is no text becomes a name that is unknown.
        ZoneInfo(str(value))
    # An unknown name is a KeyError; one that no file can have is another error.
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"timezone must be the name of a zone, such as Asia/Kolkata, not {value!r}"
        ) from None


def _check_json(_: object, attribute: "Attribute[Any]", value: object) -> None:
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"{attribute.name} must be JSON: {error}") from None


def _check_header_names(_: object, attribute: "Attribute[Any]", value: tuple[object, ...]) -> None:
    for name in value:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise ValueError(f"{attribute.name} must be names of headers, not {name!r}")


def _to_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    # Text is iterable, too, and never meant so.
    return (value,) if isinstance(value, str) else tuple(value)


_SECONDS: Final = _between(0, 1e9)
_SHARE: Final = _between(0, 1)
_AUTO: Final = "auto"


# A plain class with a dict: the sandbox derives from it and adds what it needs to run.
@define(kw_only=True, slots=False, eq=False, repr=False)
class SandboxSettings:
    """Every setting of a sandbox, as `Sandbox` describes them."""

    host: str = field(default="127.0.0.1", on_setattr=setters.frozen)
    port: int = field(default=0, on_setattr=setters.frozen)
    rate: Rate | None = field(default=None, converter=to_rate)
    latency: float | tuple[float, float] = field(default=0.0, converter=_to_latency)
    faults: float | Mapping[str, float] = field(default=0.0, converter=to_faults)
    script: deque[str | None] = field(default=(), converter=_to_script)
    seed: int = 0
    accounts: Mapping[str, str] = field(
        default=None, converter=_to_accounts, on_setattr=setters.frozen
    )
    oauth: Mapping[str, str] = field(default=None, converter=_to_oauth, on_setattr=setters.frozen)
    token_ttl: float = field(default=300.0, validator=_SECONDS)
    token_status: int | None = field(default=None, validator=_one_of(None, 200, 401, 498))
    token_script: deque[str | None] = field(default=(), converter=_to_script)
    shape: Shape = field(default="flat", validator=_one_of(*get_args(Shape)))
    customers: Customers | None = field(default=None, validator=_one_of(None, *get_args(Customers)))
    warnings: tuple[Any, ...] = field(default=(), converter=_to_tuple, validator=_check_json)
    item_warnings: tuple[Any, ...] = field(default=(), converter=_to_tuple, validator=_check_json)
    timezone: str = field(default="UTC", validator=_check_timezone)
    iso_fields: bool = False
    delivered_offset: bool = False
    phone_mirrors_sms: bool = False
    unknown: float = field(default=0.05, validator=_SHARE)
    messages: int | None = field(default=None, validator=_between(0, 1_000_000, None, integer=True))
    page_size: int = field(default=50, validator=_between(1, 1_000_000, integer=True))
    ignore_offset: bool = False
    retry_after: float | EllipsisType | None = field(
        default=..., validator=_between(0, 1e9, None, ...)
    )
    fault_retry_after: float = field(default=1.0, validator=_SECONDS)
    slow_body: float = field(default=1.0, validator=_SECONDS)
    drop_keepalive: float = field(default=0.0, validator=_SHARE)
    answers: Mapping[str, Answer] = field(default=None, converter=to_answers)
    request_id_headers: tuple[str, ...] = field(
        default=("X-Cap-Requestid", "X-CAP-REQUEST-ID"),
        converter=_to_tuple,
        validator=_check_header_names,
    )

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON, for a sandbox in another process."""
        # Not the attributes that a `Sandbox` adds to run.
        settings = asdict(self, recurse=False, filter=lambda attribute, _: attribute.init)
        if self.retry_after is ...:
            settings["retry_after"] = _AUTO
        if isinstance(self.faults, Mapping):
            settings["faults"] = dict(self.faults)
        for script in ("script", "token_script"):
            settings[script] = list(settings[script])
        settings["answers"] = {
            identifier: {
                "status": answer.status,
                "headers": {**answer.headers, "Content-Type": answer.content_type},
                "body": base64.b64encode(answer.body).decode(),
            }
            for identifier, answer in self.answers.items()
        }
        return settings

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**read_json(settings))


def read_json(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Some settings as arguments, from what `SandboxSettings.to_json` returns."""
    settings = dict(sent)
    if settings.get("retry_after") == _AUTO:
        settings["retry_after"] = ...
    if "answers" in settings:
        settings["answers"] = {
            identifier: (canned["status"], canned["headers"], base64.b64decode(canned["body"]))
            for identifier, canned in settings["answers"].items()
        }
    return settings


def client_config(
    settings: SandboxSettings, base_url: str, overrides: Mapping[str, Any]
) -> "ClientConfig":
    """The configuration of a client for a sandbox: its address, first account and quota."""
    # Only here does the sandbox meet the client that it judges.
    from capillary_interactions._config.client_config import ClientConfig  # noqa: PLC0415
    from capillary_interactions._config.credentials import BasicAuth, OAuth  # noqa: PLC0415
    from capillary_interactions._config.limits import RateLimit  # noqa: PLC0415

    # A proxy of the environment would not reach this machine.
    chosen: dict[str, Any] = {"base_url": base_url, "proxy": None}
    if settings.accounts:
        chosen["auth"] = BasicAuth(*next(iter(settings.accounts.items())))
    elif settings.oauth:
        chosen["auth"] = OAuth(*next(iter(settings.oauth.items())))
    if settings.rate is not None:
        chosen["rate"] = RateLimit(*settings.rate)
    return ClientConfig(**{**chosen, **overrides})
