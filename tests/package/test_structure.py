"""What import-linter cannot check of the architecture: sizes, docstrings and silent handlers."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import capillary_interactions

_ROOT: Final = Path(capillary_interactions.__file__).parent
_MAX_LINES: Final = 330
_FILES: Final = {
    str(file.relative_to(_ROOT)): file.read_text(encoding="utf-8")
    for file in sorted(_ROOT.rglob("*.py"))
}
_STOPS: Final = {"BaseException", "asyncio.CancelledError", "CancelledError"}


def _entries(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.name != "__pycache__"}


@cache
def _trees() -> list[tuple[str, ast.Module]]:
    return [(name, ast.parse(text)) for name, text in _FILES.items()]


def test_the_top_of_the_package_is_read_at_a_glance() -> None:
    """Rooms, and the few modules below all of them."""
    assert len(_entries(_ROOT)) <= 23


def test_jobs_is_read_at_a_glance() -> None:
    """Five modules and five rooms at most, and the page about them."""
    entries = _entries(_ROOT / "jobs")

    assert len([name for name in entries if name.endswith(".py")]) <= 5
    assert len([name for name in entries if "." not in name]) <= 5


def test_a_file_is_read_in_one_sitting() -> None:
    """A longer one has more than one reason to change; each begins with what it answers."""
    assert [name for name, text in _FILES.items() if len(text.splitlines()) > _MAX_LINES] == []
    assert [name for name, tree in _trees() if not ast.get_docstring(tree)] == []


def test_no_file_catches_everything_silently() -> None:
    """A bare `except:` and an `except BaseException` that does not raise would swallow a stop."""
    silent = [
        f"{name}:{node.lineno}"
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        if node.type is None or ast.unparse(node.type) in _STOPS
        if not any(isinstance(part, ast.Raise) for part in ast.walk(node))
    ]

    assert silent == []
