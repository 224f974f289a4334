"""Which value has a setting, and which layer gives it: an argument, a variable or a profile?

A setting has a path: the name of a field of `ClientConfig`, or of a field of the value that stands
in it (`timeouts.total`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from capillary_interactions._config.clusters import CLUSTER_NAMES
from capillary_interactions._config.credentials import Credential
from capillary_interactions._config.environment import (
    credential_of,
    credential_variables,
    named_variables,
)
from capillary_interactions._config.field_types import groups_of
from capillary_interactions._errors import ConfigurationError

if TYPE_CHECKING:
    from capillary_interactions._config.profiles import Profile

PROFILE: Final = "CAPILLARY_PROFILE"
CONFIG_FILE: Final = "CAPILLARY_CONFIG_FILE"


@frozen
class Layered:
    """The settings of all layers together.

    Attributes:
        arguments: What to construct `ClientConfig` with.
        origins: The variable or the profile that gives a setting, by its path; those that the
            caller gives and those with their defaults are not in it.
    """

    arguments: dict[str, Any]
    origins: Mapping[str, str]


def gather(
    type_: type,
    environ: Mapping[str, str],
    given: Mapping[str, Any],
    profile: "Profile | None",
) -> Layered:
    """The settings of a configuration: those given, else of the environment, else of a profile.

    Args:
        type_: `ClientConfig`.
        environ: Where variables are.
        given: The caller's settings by their paths; what they replace is neither read nor required.
        profile: That of `named_profile`.

    Raises:
        ConfigurationError: Something is missing or cannot be read; secrets are not repeated.
    """
    named = named_variables(environ, _covered_by(given))
    values = {path: value for path, (_, value) in named.items()}
    origins = {path: variable for path, (variable, _) in named.items()}
    if profile is not None:
        found = profile.settings(_covered_by({**given, **named}))
        values, origins = {**found, **values}, {**dict.fromkeys(found, profile.origin), **origins}
    values.update(given)
    if "base_url" not in values:
        raise ConfigurationError(_without_address(profile))
    if "auth" not in given:
        values["auth"], origins["auth"] = _auth(environ, profile)
    return Layered(grouped(type_, values), origins)


def _covered_by(settings: Mapping[str, Any]) -> Callable[[str], bool]:
    return lambda path: path in settings or path.partition(".")[0] in settings


def named_profile(type_: type, environ: Mapping[str, str]) -> "Profile | None":
    """The profile that the environment names; None if it names none.

    Raises:
        ConfigurationError: Its file cannot be used, or has no such profile.
    """
    name = environ.get(PROFILE, "")
    if not name:
        return None
    from capillary_interactions._config.profile_file import read_profile  # noqa: PLC0415 - few name a profile, and its file takes a reader of TOML

    return read_profile(type_, name, environ.get(CONFIG_FILE) or None)


def _without_address(profile: "Profile | None") -> str:
    where = "" if profile is None else f", and {profile.label} has no base_url"
    way = "; or name a profile (CAPILLARY_PROFILE, --profile)" if profile is None else ""
    return (
        f"CAPILLARY_BASE_URL is not set (and base_url not given){where}: the URL in your account, "
        f"or a cluster: {CLUSTER_NAMES}{way}"
    )


def _auth(
    environ: Mapping[str, str], profile: "Profile | None"
) -> tuple[Credential | tuple[Credential, ...], str]:
    variables = credential_variables(environ)
    origin = ", ".join(variables)
    if profile is None:
        return credential_of(environ), origin
    if not variables:
        return profile.auth(), profile.origin
    completed = profile.completed(variables)
    if completed is None:
        return credential_of(environ), origin
    return completed, f"{origin}, {profile.origin}"


def grouped(type_: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of fields; those of several paths in one field are put together."""
    groups: dict[str, dict[str, Any]] = {}
    arguments: dict[str, Any] = {}
    for path, value in values.items():
        name, _, inner = path.partition(".")
        if inner:
            groups.setdefault(name, {})[inner] = value
        else:
            arguments[name] = value
    types = groups_of(type_) if groups else {}
    return {**arguments, **{name: types[name](**inner) for name, inner in groups.items()}}
