"""Every check of the project, in the order in which they fail fastest: `python -m tests`.

Lint, format, types, the tests with coverage, and the wheel in an environment of its own. Further
arguments go to pytest, which then is all that runs.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_PYTHON: Final = sys.executable

# Three workers for two cores: some tests wait for the clock of a server or a broker.
_PYTEST: Final = ("-m", "pytest", "-n", "3", "--dist", "worksteal")


def _run(title: str, *command: str | Path, cwd: Path = _ROOT) -> None:
    print(f"\n== {title}", flush=True)
    began = time.monotonic()
    code = subprocess.call([str(part) for part in command], cwd=cwd)
    if code:
        sys.exit(f"== {title}: failed with exit code {code}")
    print(f"== {title}: {time.monotonic() - began:.1f} s", flush=True)


def _wheel() -> None:
    """Build the wheel, and use it without anything of the checkout or of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        pip = (_PYTHON, "-m", "pip", "-q", "--disable-pip-version-check")
        _run("wheel", *pip, "wheel", "--no-deps", "--wheel-dir", here, _ROOT, cwd=here)
        venv.create(here / "env", with_pip=True)
        python = here / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        wheel = next(here.glob("*.whl"))
        _run("install", python, "-m", "pip", "-q", "install", f"{wheel}[cli]", cwd=here)
        check = (
            "import capillary_interactions as c, pathlib; print(c.__file__);"
            "package = pathlib.Path(c.__file__).parent;"
            "assert (package / 'py.typed').exists() and (package / 'jobs/README.md').exists()"
        )
        _run("import", python, "-c", check, cwd=here)
        _run("program", python, "-m", "capillary_interactions", "--help", cwd=here)


def main() -> None:
    """Run every check, or only pytest with the arguments given."""
    if len(sys.argv) > 1:
        sys.exit(subprocess.call([_PYTHON, *_PYTEST, *sys.argv[1:]], cwd=_ROOT))
    _run("lint", _PYTHON, "-m", "ruff", "check", ".")
    _run("format", _PYTHON, "-m", "ruff", "format", "--check", ".")
    # mypy takes one of the cores. Meanwhile the tests are compiled, or each worker would do it.
    with subprocess.Popen(
        [_PYTHON, "-m", "pytest", "--collect-only", "-q"], cwd=_ROOT, stdout=subprocess.DEVNULL
    ):
        _run("types", _PYTHON, "-m", "mypy")
    _run("imports", Path(_PYTHON).with_name("lint-imports"))
    _wheel()
    _run("tests", _PYTHON, *_PYTEST, "--cov", "--cov-report=term")


if __name__ == "__main__":
    main()
