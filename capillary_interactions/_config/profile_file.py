"""Where is the file of profiles, who else can read it, and is it TOML?"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from capillary_interactions._config.profiles import Profile, find_profile
from capillary_interactions._errors import ConfigurationError

_PROGRAM: Final = "capillary-interactions"
_FILE: Final = "config.toml"
# A person writes it; more is another file.
_MAX_BYTES: Final = 1024 * 1024
# Headers may hold a key, and their names are the user's.
_SECRET_KEYS: Final = frozenset(
    {"password", "password_md5", "secret", "headers", "client_key_password"}
)
# The scheme of a proxy's URL may be missing.
_SECRET_URL: Final = re.compile(r"(?:\A|\w://)[^/\s]*:[^/\s]*@")
_POSITION: Final = re.compile(r"at line (\d+), column (\d+)\)")
_OTHERS_READ: Final = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def read_profile(type_: type, name: str, file: str | None) -> Profile:
    """The profile of a name, out of a file.

    Args:
        type_: `ClientConfig`.
        name: The profile's.
        file: The file's name; that of the user's configuration by default.

    Raises:
        ConfigurationError: The file cannot be read, others may read its secrets, it is no TOML, or
            there is no such profile in it.
    """
    path = _default_file() if file is None else Path(file).expanduser()
    content, status = _read(path)
    document = _parse(content)
    if isinstance(document, str):
        raise ConfigurationError(f"{path}: {document}")
    _check_access(path, status, document)
    return find_profile(type_, document, name, str(path))


def _default_file() -> Path:
    try:
        from platformdirs import user_config_path  # noqa: PLC0415 - of the extra `cli`
    except ImportError:
        raise ConfigurationError(
            "a profile needs CAPILLARY_CONFIG_FILE, the name of its file, or the extra cli, which "
            "knows where yours is: pip install 'capillary_interactions[cli]'"
        ) from None
    return user_config_path(_PROGRAM, appauthor=False) / _FILE


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        with path.open("rb") as file:
            # Of the file that is open, which cannot be exchanged any more.
            return file.read(_MAX_BYTES + 1), os.fstat(file.fileno())
    except FileNotFoundError:
        reason = (
            "there is no such file of profiles: CAPILLARY_CONFIG_FILE (--config-file) names another"
        )
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
    raise ConfigurationError(f"{path}: {reason}")


def _parse(content: bytes) -> dict[str, Any] | str:
    """The document, or what is wrong: no exception, whose context would hold the content."""
    if len(content) > _MAX_BYTES:
        return "it is larger than 1 MiB, which no file of profiles is"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "it is not UTF-8"
    try:
        return tomllib.loads(text)
    except RecursionError:
        return "it is no valid TOML: its arrays are nested too deeply"
    except ValueError as error:
        found = _POSITION.search(str(error))
    line, column = found.groups() if found else _end_of(text)
    return (
        f"it is no valid TOML at line {line}, column {column}; texts stand in quotes, and no key "
        "stands twice in a table"
    )


def _end_of(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    return str(len(lines)), str(len(lines[-1]) + 1)


def _check_access(path: Path, status: os.stat_result, document: Mapping[str, Any]) -> None:
    if os.name != "posix":
        return
    mode, uid = stat.S_IMODE(status.st_mode), os.geteuid()
    # A secret that is mounted into a container is root's, and the group's to read.
    private = _OTHERS_READ if status.st_uid == uid else stat.S_IROTH
    if status.st_uid not in {uid, 0}:
        raise ConfigurationError(f"{path}: it belongs to another user, who can change it")
    if mode & _OTHERS_WRITE:
        raise ConfigurationError(f"{path}: other users can change it: chmod 600 {path}")
    if mode & private and _holds_secrets(document):
        raise ConfigurationError(
            f"{path}: it holds secrets, and other users can read it: chmod 600 {path}"
        )


def _holds_secrets(value: object) -> bool:
    if isinstance(value, dict):
        return any(
            (key in _SECRET_KEYS and bool(inner)) or _holds_secrets(inner)
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return any(map(_holds_secrets, value))
    return isinstance(value, str) and _SECRET_URL.search(value) is not None
