"""What the metadata claims, run: the lowest versions, and every Python: `python -m tests.versions`.

Each check makes an environment of its own with uv, installs the checkout, and uses it as a user
does: the demo, one list, and the tests.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
_NOWHERE: Final = subprocess.DEVNULL
_UV: Final = (sys.executable, "-m", "uv")
# No socket, or only those of the program itself: what depends on a library's version shows here.
_RULES_AND_COMMANDS: Final = (
    "model",
    "config",
    "json",
    "protocol",
    "http",
    "package",
    "samples",
    "cli",
    "docs",
)
# What stands or falls with asyncio, besides.
_ON_EACH_PYTHON: Final = (
    *_RULES_AND_COMMANDS,
    *("pacing", "client", "testing", "end_to_end", "jobs", "sync"),
)


def _run(*command: str | Path, cwd: Path = _ROOT) -> None:
    code = subprocess.call([str(part) for part in command], cwd=cwd)
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(map(str, command))}")


def _check(python: str, suites: tuple[str, ...], *options: str) -> None:
    """Install the checkout for a Python, and use it."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        _run(*_UV, "venv", "-q", "--no-python-downloads", "-p", python, here / "env")
        executable = here / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        _run(*_UV, "pip", "install", "-q", "-p", executable, *options, "-e", f"{_ROOT}[test,speed]")
        program = (executable, "-m", "capillary_interactions")
        _run(*program, "demo", "--customers", "200", cwd=here)
        (here / "list.csv").write_text("mobile\n919000000001\n919000000002\n", encoding="utf-8")
        asked = ("list.csv", "--identifier", "mobile", "--out", "answers.jsonl", "--sandbox")
        _run(*program, "bulk", *asked, cwd=here)
        tests = [f"tests/{suite}" for suite in suites]
        # What is late on a busy machine is no matter of a version.
        chosen = ("-q", "-n", "3", "--dist", "worksteal", "-m", "not measures", "--reruns", "2")
        _run(executable, "-m", "pytest", *chosen, "-p", "no:cacheprovider", *tests)


def _interpreter(version: str) -> str | None:
    """The path of a Python of this version that runs here, on PATH or of pyenv."""
    named = shutil.which(f"python{version}")
    candidates = ([] if named is None else [named]) + [
        str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    ]
    for candidate in candidates:
        # A shim of pyenv is found for each version, and fails for those that are not chosen.
        if subprocess.call([candidate, "--version"], stdout=_NOWHERE, stderr=_NOWHERE) == 0:
            return candidate
    return None


def main() -> None:
    """Check the lowest versions, and each Python that is installed here."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"\n== lowest versions, Python {here}", flush=True)
    # The lowest aiohttp has the names that the short way of a request takes from it.
    suites = (*_RULES_AND_COMMANDS, "end_to_end/test_both_ways.py")
    _check(sys.executable, suites, "--resolution", "lowest-direct")
    pythons = {version: _interpreter(version) for version in _PYTHONS if version != here}
    for version, python in pythons.items():
        if python is not None:
            print(f"\n== Python {version}: {python}", flush=True)
            _check(python, _ON_EACH_PYTHON)
    ran = [here, *(version for version, python in pythons.items() if python is not None)]
    missing = [version for version in _PYTHONS if version not in ran]
    print(f"\nran on Python {', '.join(ran)}; not installed: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
