"""RabbitMQ without its plugins: at its start it looks for every module in the folder of each."""

import re
from pathlib import Path
from typing import Final

_SERVER: Final = "rabbit"
_APPLICATIONS: Final = re.compile(r"\{applications,\s*\[([^]]*)]")


def scripts_without_plugins(server: Path, home: Path) -> Path:
    """Link the libraries of the server itself into a directory; it halves the CPU of a start.

    Args:
        server: The script that starts RabbitMQ.
        home: An empty directory.

    Returns:
        A folder of scripts beside which only these libraries are.
    """
    scripts = server.resolve().parent
    libraries = _libraries(scripts.parent / "plugins")
    if _SERVER not in libraries:
        return scripts  # they are archives, as in some packages of RabbitMQ
    (home / "plugins").mkdir()
    for name in _needed(libraries):
        (home / "plugins" / libraries[name].name).symlink_to(libraries[name])
    (home / "sbin").symlink_to(scripts)
    return home / "sbin"


def _libraries(folder: Path) -> dict[str, Path]:
    return {path.parents[1].name.rpartition("-")[0]: path.parents[1]
            for path in folder.glob("*/ebin/*.app")}  # fmt: skip


def _needed(libraries: dict[str, Path]) -> set[str]:
    needed, wanted = set[str](), [_SERVER]
    while wanted:
        name = wanted.pop()
        if name in libraries and name not in needed:
            needed.add(name)
            declared = _APPLICATIONS.search((libraries[name] / "ebin" / f"{name}.app").read_text())
            wanted += re.findall(r"\w+", declared[1]) if declared else []
    return needed
