"""What does a profile say? Its table of a TOML document, checked against the fields of a class."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from difflib import get_close_matches
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from attrs import Attribute, fields_dict, frozen

from capillary_interactions._config.credentials import Credential
from capillary_interactions._config.field_types import field_types, groups_of, parts_of
from capillary_interactions._config.profile_credentials import (
    CREDENTIAL_KEYS,
    ProfileCredential,
    read_credentials,
)
from capillary_interactions._config.time_zones import named_zone
from capillary_interactions._errors import ConfigurationError
from capillary_interactions._text.masking import describe_value

PROFILES: Final = "profiles"
_AUTH: Final = "auth"
# A key that may be shown: without digits it is hardly a password or a number.
_KEY: Final = re.compile(r"[A-Za-z_.-]{1,40}")
_TYPES: Final[Mapping[type, str]] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "an array",
}
# In this order: a boolean is an integer, too.
_KINDS: Final[Mapping[type, type]] = {bool: bool, int: int, float: float, str: str, dict: Mapping}
_Read = Callable[[Any], Any]


@frozen
class Profile:
    """One profile of a file.

    Attributes:
        name: Its name.
        file: That of its file.
    """

    name: str
    file: str
    _readers: Mapping[str, _Read]
    _values: Mapping[str, Any]
    _credentials: tuple[ProfileCredential, ...]

    @property
    def origin(self) -> str:
        """What its settings come from."""
        return f"profile {self.name}"

    @property
    def label(self) -> str:
        """The same with its file, for messages."""
        return _label(self.name, self.file)

    def settings(self, is_given: Callable[[str], bool]) -> dict[str, Any]:
        """Its settings by their paths, without `auth` and those that are given otherwise.

        Raises:
            ConfigurationError: A value is none that its setting can have.
        """
        return {
            path: _read(self.label, path, self._readers[path], value)
            for path, value in self._values.items()
            if not is_given(path)
        }

    def auth(self) -> Credential | tuple[Credential, ...]:
        """Its credentials; commands that print a password are run.

        Raises:
            ConfigurationError: There are none, or one is incomplete, or a command fails.
        """
        if not self._credentials:
            raise ConfigurationError(
                f"{self.label}: no credentials (auth): give auth.username and "
                "auth.password_command, or set CAPILLARY_USERNAME and CAPILLARY_PASSWORD"
            )
        found = tuple(credential.resolved() for credential in self._credentials)
        return found[0] if len(found) == 1 else found

    def completed(self, variables: Mapping[str, str]) -> Credential | None:
        """The credential that variables begin and this profile completes, or None if it does not.

        Raises:
            ConfigurationError: It cannot be one, or a command fails.
        """
        lone = self._lone(variables)
        return None if lone is None else lone.completed(variables)

    def has_address(self) -> bool:
        """Whether it says where the API is."""
        return "base_url" in self._values

    def is_whole(self, variables: Mapping[str, str]) -> bool:
        """Whether it has credentials that lack nothing beside these variables."""
        if not variables and len(self._credentials) > 1:
            return True
        lone = self._lone(variables)
        return lone is not None and lone.has_secret()

    def identity(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variable that stands for its user name or key, unless they name another one."""
        lone = self._lone(variables)
        return {} if lone is None else lone.identity

    def _lone(self, variables: Mapping[str, str]) -> ProfileCredential | None:
        """Its only credential, where these variables are of no other."""
        lone = self._credentials[0] if len(self._credentials) == 1 else None
        return lone if lone is not None and lone.agrees_with(variables) else None


def find_profile(type_: type, document: Mapping[str, Any], name: str, file: str) -> Profile:
    """The profile of a name.

    Args:
        type_: `ClientConfig`, whose fields the keys of a profile are.
        document: The file's content.
        name: The profile's.
        file: The file's name, for messages.

    Raises:
        ConfigurationError: There is no such profile, or it has a key or a table that there is not.
    """
    for key in document:
        if key != PROFILES:
            raise ConfigurationError(
                f"{file}: {_shown(key, [PROFILES])} is no key at the top of this file: a profile "
                f"is a table [{PROFILES}.NAME]"
            )
    profiles = _table(f"{file}: {PROFILES}", document.get(PROFILES, {}))
    if name not in profiles:
        raise ConfigurationError(_no_profile(name, profiles, file))
    table = _table(_label(name, file), profiles[name])
    return _profile(type_, name, file, table)


def _label(name: str, file: str) -> str:
    return f"profile {name} of {file}"


def _no_profile(name: str, profiles: Iterable[str], file: str) -> str:
    known = sorted(profiles)
    listed = f"has {', '.join(known)}" if known else "has none"
    return f"profile {_shown(name, known)} is not in {file}, which {listed}"


def _profile(type_: type, name: str, file: str, table: Mapping[str, Any]) -> Profile:
    label, readers, groups = _label(name, file), readers_of(type_), groups_of(type_)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in groups and isinstance(value, dict):
            values.update({f"{key}.{inner}": part for inner, part in value.items()})
        elif key != _AUTH:
            values[key] = value
    for path in values:
        if path not in readers:
            raise ConfigurationError(f"{label}: {_unknown(path, [*readers, _AUTH])}")
    credentials = read_credentials(label, table[_AUTH]) if _AUTH in table else ()
    return Profile(name, file, readers, values, credentials)


def _unknown(path: str, known: list[str]) -> str:
    inner = {f"{_AUTH}.{key}": key for key in CREDENTIAL_KEYS}
    last = {name: name.rpartition(".")[2] for name in known} | inner
    meant = [name for name, key in last.items() if path.rpartition(".")[2] == key]
    close = get_close_matches(path, last, n=1, cutoff=0.7)
    same = [name for name, key in last.items() if get_close_matches(path, [key], cutoff=0.75)]
    similar = (meant or close or same)[:1]
    end = f"; did you mean {similar[0]}?" if similar else f"; there are {', '.join(known)}"
    return f"{_shown(path, similar)} is no setting{end}"


def _shown(key: str, known: Iterable[str]) -> str:
    return describe_value(key, like=_KEY, choices=known)


def _read(label: str, path: str, read: _Read, value: Any) -> Any:
    message = ""
    try:
        return read(value)
    except ConfigurationError as error:
        message = str(error)
    except ValueError as error:
        message = f"{path} {error}"
    # Outside the handler: the first error's frames hold the value.
    raise ConfigurationError(f"{label}: {message}")


def readers_of(type_: type) -> dict[str, _Read]:
    """How the value of each path is read and checked, for all fields of a class but `auth`.

    Raises:
        TypeError: A field is of a type that no value of TOML is read as: extend `_reader`.
    """
    readers: dict[str, _Read] = {}
    groups, fields = groups_of(type_), fields_dict(type_)
    for name, hint in field_types(type_).items():
        field = fields[name]
        if name in groups:
            inner = fields_dict(groups[name])
            for key, type_of_key in field_types(groups[name]).items():
                readers[f"{name}.{key}"] = _reader(f"{name}.{key}", type_of_key, inner[key])
            readers[name] = _whole(name, groups[name], field)
        elif name != _AUTH:
            readers[name] = _reader(name, hint, field)
    return readers


def _whole(name: str, group: type, field: "Attribute[Any]") -> _Read:
    """The reader of a group that is written in one text, such as a rate; else of none."""
    is_parsed = hasattr(group, "parse")
    kind = "a text in quotes or a table" if is_parsed else "a table"

    def read(value: Any) -> Any:
        if not is_parsed or not isinstance(value, str):
            raise ConfigurationError(f"{name} must be {kind}, not {_type_of(value)}")
        return _checked(field, value)

    return read


def _reader(path: str, hint: Any, field: "Attribute[Any]") -> _Read:
    parts = [part for part in parts_of(hint) if part is not NoneType]
    types = [_plain(part) for part in parts]
    if tzinfo in parts:
        return lambda value: named_zone(_typed(path, value, str))
    if types == [dict]:
        return lambda value: _checked(field, _table(path, value))
    if not types or None in types:
        raise TypeError(f"{path}: no value of TOML is read as {hint}")
    return lambda value: _checked(field, _typed(path, value, *types))


def _plain(part: Any) -> Any:
    """The type of TOML that a part of a type is written as, or None."""
    origin = get_origin(part)
    if origin is Literal:
        return type(get_args(part)[0])
    class_ = part if origin is None else origin
    return next((plain for plain, known in _KINDS.items() if issubclass(class_, known)), None)


def _typed(path: str, value: Any, *types: type) -> Any:
    if type(value) in types:
        return value
    if type(value) is int and float in types:
        return float(value)
    wanted = " or ".join(_TYPES[type_] for type_ in dict.fromkeys(types))
    raise ConfigurationError(f"{path} must be {wanted}, not {_type_of(value)}")


def _type_of(value: object) -> str:
    return _TYPES.get(type(value), "a date or time")


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} must be a table, not {_type_of(value)}")
    return value


def _checked(field: "Attribute[Any]", value: Any) -> Any:
    """The value as the field's own checks want it, which do not look at the instance."""
    convert: Any = field.converter
    converted = value if convert is None else convert(value)
    if field.validator is not None:
        field.validator(None, field, converted)
    return converted
