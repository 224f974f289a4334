"""The blocks of Python in the README, by their names."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_README: Final = Path(__file__).parents[3] / "README.md"
BLOCKS: Final = dict(
    re.findall(r"<!-- (\w+) -->\n```python\n(.*?)```", _README.read_text(), re.DOTALL)
)


def run(name: str) -> dict[str, Any]:
    """What a block of the README defines."""
    # A module of its own: some frameworks look up there what the annotations of a handler mean.
    module = sys.modules[f"readme_{name}"] = ModuleType(f"readme_{name}")
    exec(compile(BLOCKS[name], f"README.md ({name})", "exec"), vars(module))  # noqa: S102 - ours
    return vars(module)
