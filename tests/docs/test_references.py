"""What the READMEs refer to exists: paths, commands with their flags, links, rooms."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from attrs import fields

from capillary_interactions import ClientConfig
from capillary_interactions._config.profiles import find_profile
from capillary_interactions.sandbox._settings import SandboxSettings

from .readme import PACKAGE, READMES, ROOT, TEXTS

_PATH = re.compile(r"`([\w./]+(?:/|\.py|\.md))`")
_MODULE = re.compile(r"python -m (benchmarks(?:\.\w+)?|tests\b)((?: --\w+)*)")
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", READMES, ids=TEXTS)
def test_links_lead_somewhere(path: Path) -> None:
    """Files relative to the README, and their headings."""
    for target, anchor in _LINK.findall(path.read_text("utf-8")):
        linked = path.parent / target if target else path
        assert linked.is_file(), target
        assert not anchor or anchor in _anchors(linked), anchor


@pytest.mark.parametrize("path", [*READMES, ROOT / "CHANGELOG.md"], ids=[*TEXTS, "CHANGELOG.md"])
def test_names_modules_that_exist(path: Path) -> None:
    """Every `python -m benchmarks.…` is a module, and takes the flags that stand behind it."""
    for module, flags in _MODULE.findall(path.read_text("utf-8")):
        spec = find_spec(f"{module}.__main__") if module == "benchmarks" else find_spec(module)
        assert spec is not None, module
        assert spec.origin is not None
        source = Path(spec.origin).read_text("utf-8")
        assert [flag for flag in flags.split() if f'"{flag}"' not in source] == []


def test_names_files_that_exist() -> None:
    """Paths begin at the root of the project, or at that of the package."""
    for path in _PATH.findall(TEXTS["README.md"]):
        assert (ROOT / path).exists() or (PACKAGE / path).exists(), path


def test_the_picture_shows_every_room() -> None:
    """All packages and modules of the package's first level, but the private plumbing of Python."""
    (picture,) = re.findall(r"```text\ncli/.*?```", TEXTS["README.md"], re.DOTALL)
    files = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    drawn = set(re.findall(r"\b\w+", picture))
    assert files - {"__init__", "__main__", "__pycache__"} <= drawn


def test_benchmarks_are_listed() -> None:
    """Every module of `benchmarks` that runs has a row in the table."""
    for path in (ROOT / "benchmarks").glob("[a-z]*.py"):
        assert f"`python -m benchmarks.{path.stem}" in TEXTS["benchmarks/README.md"]


def test_the_front_page_is_short() -> None:
    """It is read before anything is installed."""
    assert len(TEXTS["README.md"].splitlines()) <= 220


def test_settings_of_the_sandbox_are_listed() -> None:
    """Each of them, and no other, in the first column of a row."""
    readme = TEXTS["capillary_interactions/testing/README.md"]
    rows = re.findall(r"^\| (`.*?) \|", readme, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == {field.name for field in fields(SandboxSettings)}


def test_the_profiles_are_as_the_reader_wants_them() -> None:
    """Every key is one of a setting, and its value one that it can have; no command is run."""
    (text,) = re.findall(
        r"```toml\n(.*?)```", TEXTS["capillary_interactions/cli/README.md"], re.DOTALL
    )
    document = tomllib.loads(text)
    for name in document["profiles"]:
        profile = find_profile(ClientConfig, document, name, "config.toml")
        assert profile.settings(lambda _: False)
        assert profile.is_whole({})
