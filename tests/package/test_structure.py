"""What import-linter cannot check of the architecture: sizes, docstrings and silent handlers."""

import ast
from pathlib import Path
from typing import Final

import pytest

import capillary_interactions

_ROOT: Final = Path(capillary_interactions.__file__).parent
_MAX_LINES: Final = 330
_FILES: Final = {str(file.relative_to(_ROOT)): file for file in sorted(_ROOT.rglob("*.py"))}


def _entries(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.name != "__pycache__"}


def test_the_top_of_the_package_is_read_at_a_glance() -> None:
    """Rooms, and the few modules below all of them."""
    assert len(_entries(_ROOT)) <= 20


def test_jobs_is_read_at_a_glance() -> None:
    """Five modules and five rooms at most, and the page about them."""
    entries = _entries(_ROOT / "jobs")

    assert len([name for name in entries if name.endswith(".py")]) <= 5
    assert len([name for name in entries if "." not in name]) <= 5


@pytest.mark.parametrize("name", _FILES)
def test_a_file_is_read_in_one_sitting(name: str) -> None:
    """A longer one has more than one reason to change; each begins with what it answers."""
    source = _FILES[name].read_text(encoding="utf-8")

    assert len(source.splitlines()) <= _MAX_LINES
    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("name", _FILES)
def test_no_file_catches_everything_silently(name: str) -> None:
    """A bare `except:` and an `except BaseException` that does not raise would swallow a stop."""
    for node in ast.walk(ast.parse(_FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            stops = caught in {"", "BaseException", "asyncio.CancelledError", "CancelledError"}
            assert not stops or any(isinstance(each, ast.Raise) for each in ast.walk(node)), (
                f"{name}:{node.lineno}"
            )
