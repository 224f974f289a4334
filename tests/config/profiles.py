"""Files of profiles for the tests beside, as a user writes them."""

from pathlib import Path
from typing import Any, Final

from capillary_interactions import ClientConfig
from tests.examples import PASSWORD

BASIC: Final = f'auth = {{ username = "till.1", password = "{PASSWORD}" }}\n'


def config_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file with a text of TOML, readable by its owner only."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def from_lines(folder: Path, lines: str, **variables: str) -> ClientConfig:
    """The configuration of a profile with these lines, beside these variables."""
    return from_text(folder, f"[profiles.shop]\n{lines}", **variables)


def from_text(folder: Path, text: str, **variables: str) -> ClientConfig:
    """The configuration of the profile `shop` of a whole file."""
    environ = {f"CAPILLARY_{name}": value for name, value in variables.items()}
    return ClientConfig.from_profile("shop", file=config_file(folder, text), environ=environ)


def with_settings(lines: str) -> str:
    """A profile that lacks nothing, with further lines."""
    return f'[profiles.shop]\nbase_url = "eu"\n{BASIC}{lines}\n'


def setting_of(config: ClientConfig, path: str) -> Any:
    """The value at a path, such as `timeouts.total`."""
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value
