"""The architecture, read from the source itself: what may import what, and how large a file is."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import capillary_interactions

_PACKAGE: Final = "capillary_interactions"
_ROOT: Final = Path(capillary_interactions.__file__).parent
_MOST_LINES: Final = 320
# `python -m capillary_interactions` is the command line.
_OUTER: Final = frozenset({"__main__", "cli", "sandbox", "jobs", "integrations", "testing"})

# Values in, values out: no clock, no dice, no socket, no task.
_RULES: Final = (
    "_query", "_names", "_models", "_masking", "_outcome", "_wire", "_body", "_codes", "_hints",
    "_decoded", "_printable", "_one_time_codes",
    "_dates", "_hooks", "_structure", "_envelope", "_reading", "_paging", "_jsonable",
    "_bucket", "_pressure", "_verdicts", "_check", "_limits", "_endpoint", "_credentials",
    "_config", "_environment", "_errors", "_moments", "_quota", "_resets",
)  # fmt: skip
_HANDS: Final = frozenset({"asyncio", "aiohttp", "aiolimiter", "tenacity", "time", "random",
                           "socket", "ssl", "threading"})  # fmt: skip

# One third-party library, one file; outer parts have servers and clients of their own.
_HOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "aiohttp": ("_transport", "sandbox.*", "integrations.*", "cli.*", "jobs.*"),
    "yarl": ("_transport",),
    "cattrs": ("_structure",),
    "tenacity": ("_retry",),
    "aiolimiter": ("_enforcer",),
    "click": ("cli.*",),
    "rich": ("cli.*",),
    "matplotlib": ("jobs._charts",),
    "pytest": ("testing.*",),
    "pytest_asyncio": ("testing.*",),
}


def _module(file: Path) -> str:
    """The name of a file's module, without the package's own."""
    parts = file.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_FILES: Final = {_module(file): file for file in sorted(_ROOT.rglob("*.py"))}


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_FILES[module].read_text(encoding="utf-8"))


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: what stands under TYPE_CHECKING does not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (each for other in child.orelse for each in (other, *_run(other)))
        else:
            yield child
            yield from _run(child)


@cache
def _imported(module: str) -> frozenset[str]:
    """Every module that a file imports, functions included, by its full name."""
    found: set[str] = set()
    for node in _run(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found.add(str(node.module))
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return frozenset(found)


def _inner(module: str) -> set[str]:
    """Every file of the package that a file imports."""
    names = {name.removeprefix(f"{_PACKAGE}.") for name in _imported(module)}
    return (names & _FILES.keys()) | ({""} if _PACKAGE in _imported(module) else set())


def _foreign(module: str) -> set[str]:
    """Every library that a file imports, by its top name."""
    return {name.partition(".")[0] for name in _imported(module)} - {_PACKAGE}


def _reached(module: str) -> set[str]:
    """A file and every file of the package that comes with it."""
    reached, ahead = set[str](), {module}
    while ahead:
        reached |= ahead
        ahead = set[str]().union(*map(_inner, ahead)) - reached
    return reached


def _lives_in(module: str, homes: tuple[str, ...]) -> bool:
    part = module.partition(".")[0]
    return module in homes or f"{part}.*" in homes


def test_reads_the_package() -> None:
    """What the other tests look at is there: else they would pass over nothing."""
    assert {*_RULES, "", "_client", "_transport", "sandbox._server"} <= _FILES.keys()
    assert "asyncio" in _foreign("_bulk")
    assert {"_wire", "_query"} <= _reached("_client")
    assert "aiohttp" not in _foreign("_client")


@pytest.mark.parametrize("module", _FILES)
def test_imports_point_one_way(module: str) -> None:
    """No file comes back to itself by way of what it imports."""
    assert module not in set[str]().union(*map(_reached, _inner(module)))


@pytest.mark.parametrize("module", [m for m in _FILES if m.partition(".")[0] not in _OUTER])
def test_the_core_imports_nothing_outer(module: str) -> None:
    """Neither the command line, nor the sandbox, nor jobs, nor what tests need."""
    assert {part.partition(".")[0] for part in _inner(module)}.isdisjoint(_OUTER)


@pytest.mark.parametrize("module", _RULES)
def test_rules_have_no_hands(module: str) -> None:
    """Rules get the clock's reading, the dice's throw and the answer as arguments.

    Nor does anything that they import.
    """
    touched = {f"{each} imports {name}" for each in _reached(module)
               for name in _foreign(each) & _HANDS}  # fmt: skip

    assert touched == set()


@pytest.mark.parametrize("library", _HOMES)
def test_a_library_has_one_home(library: str) -> None:
    """Whoever changes a library's version has one file to read."""
    users = {module for module in _FILES if library in _foreign(module)}

    assert {user for user in users if not _lives_in(user, _HOMES[library])} == set()


@pytest.mark.parametrize("module", _FILES)
def test_a_file_is_read_in_one_sitting(module: str) -> None:
    """A longer one has more than one reason to change."""
    assert len(_FILES[module].read_text(encoding="utf-8").splitlines()) <= _MOST_LINES


def _documented(node: ast.AST, name: str) -> Iterator[tuple[str, bool]]:
    """Each public thing in a module or a class, and whether it says what it is."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("_"):
                continue
            here = f"{name}.{child.name}"
            yield here, bool(ast.get_docstring(child))
            if isinstance(child, ast.ClassDef):
                yield from _documented(child, here)


@pytest.mark.parametrize("module", _FILES)
def test_whatever_is_public_has_a_docstring(module: str) -> None:
    """Each file, class, function and method whose name does not begin with an underscore."""
    assert ast.get_docstring(_tree(module))
    assert [name for name, told in _documented(_tree(module), module) if not told] == []


@pytest.mark.parametrize("module", _FILES)
def test_no_file_catches_everything_silently(module: str) -> None:
    """A bare `except:` and an `except BaseException` that does not raise would swallow a stop."""
    for node in _run(_tree(module)):
        if isinstance(node, ast.ExceptHandler):
            kind = "" if node.type is None else ast.unparse(node.type)
            stops = kind in {"", "BaseException", "asyncio.CancelledError", "CancelledError"}
            assert not stops or any(isinstance(each, ast.Raise) for each in ast.walk(node)), (
                f"{module}:{node.lineno}"
            )
