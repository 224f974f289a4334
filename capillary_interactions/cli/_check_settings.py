"""Which settings has a configuration, and where does each come from? For a person."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import Attribute, fields, frozen

from capillary_interactions._config.client_config import ClientConfig
from capillary_interactions._config.credentials import BasicAuth, Credential
from capillary_interactions._config.field_types import groups_of
from capillary_interactions._text.masking import mask

DEFAULT: Final = "default"
# As a whole in one text, which options and profiles read, too.
_WHOLE: Final = frozenset({"rate"})


@frozen
class ShownSetting:
    """One setting.

    Attributes:
        path: Its name.
        value: Its value, with nothing secret in it.
        origin: The option, variable or profile that gives it, or "default".
    """

    path: str
    value: str
    origin: str


def shown_settings(config: ClientConfig, origins: Mapping[str, str]) -> tuple[ShownSetting, ...]:
    """Every setting of a configuration."""
    groups = groups_of(ClientConfig).keys() - _WHOLE

    def found() -> Iterator[tuple[str, str]]:
        for field in fields(ClientConfig):
            value = getattr(config, field.name)
            if field.name == "auth":
                yield field.name, ", ".join(map(show_credential, config.credentials))
            elif field.name in groups:
                for inner in fields(type(value)):
                    yield f"{field.name}.{inner.name}", _shown(inner, getattr(value, inner.name))
            else:
                yield field.name, _shown(field, value)

    return tuple(ShownSetting(path, value, _origin(path, origins)) for path, value in found())


def show_credential(credential: Credential) -> str:
    """A credential as its owner may recognise it."""
    if isinstance(credential, BasicAuth):
        return f"user name {mask(credential.username)}"
    attribution = "" if credential.attribution is None else f" ({credential.attribution[0]})"
    return f"OAuth key {mask(credential.key)}{attribution}"


def _shown(field: "Attribute[Any]", value: Any) -> str:
    show: bool | Callable[[Any], str] = field.repr
    if value is None:
        return "none"
    if show is False:
        return "***"
    return show(value).strip("'") if callable(show) else str(value)


def _origin(path: str, origins: Mapping[str, str]) -> str:
    inner = [origin for other, origin in origins.items() if other.startswith(f"{path}.")]
    parent = path.partition(".")[0]
    return origins.get(path) or origins.get(parent) or (inner[0] if inner else DEFAULT)
