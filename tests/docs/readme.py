"""The Python blocks of every README, by their names."""

import ast
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "capillary_interactions"
FRONT: Final = ROOT / "README.md"
READMES: Final = (FRONT, ROOT / "benchmarks" / "README.md", *sorted(PACKAGE.rglob("README.md")))
TEXTS: Final = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in READMES}
_BLOCK: Final = re.compile(r"<!-- (\w+) -->\n```python\n(.*?)```", re.DOTALL)
BLOCKS: Final = dict(_BLOCK.findall("\n".join(TEXTS.values())))


def run(name: str) -> dict[str, Any]:
    """Run a block; return the namespace it defines."""
    # A module of its own, in which some frameworks evaluate the annotations of a handler.
    module = sys.modules[f"readme_{name}"] = ModuleType(f"readme_{name}")
    exec(compile(BLOCKS[name], f"README ({name})", "exec"), vars(module))  # noqa: S102 - ours
    return vars(module)


async def run_cell(name: str) -> dict[str, Any]:
    """Run a block as a notebook does, with `await` outside of any function."""
    cell = compile(BLOCKS[name], f"README ({name})", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    namespace: dict[str, Any] = {}
    await eval(cell, namespace)  # noqa: S307 - ours
    return namespace


def set_environment(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """Set what a reader of the README would have set."""
    for name, value in {
        "BASE_URL": base_url,
        "USERNAME": "sandbox",
        "PASSWORD": "sandbox",
        "RATE": "1000/1",
    }.items():
        monkeypatch.setenv(f"CAPILLARY_{name}", value)
