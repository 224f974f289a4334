"""Which files, functions and types does one lookup of a found customer pass? No times, a structure.

python -m benchmarks.call_path prints every file with its functions, in the order of the calls.
Comprehensions are not counted; types are the package's private classes that these functions name.
"""

import asyncio
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import capillary_interactions
from capillary_interactions import (
    Found,
    Identifier,
    InteractionsClient,
    Query,
    events,
    jobs,
    testing,
)
from capillary_interactions.sandbox import SandboxProcess

_ROOT: Final = Path(capillary_interactions.__file__).parent
_PUBLIC: Final = {
    name for module in (capillary_interactions, events, jobs, testing) for name in module.__all__
}
_NOT_FUNCTIONS: Final = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")


class _Recorder:
    """Records the package's own functions as they are entered."""

    def __init__(self) -> None:
        self.functions: dict[CodeType, None] = {}
        self.types: set[str] = set()
        self.changes = 0
        self._last = ""

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG002 - a profiler's signature
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(_ROOT)):
            return
        self.changes += code.co_filename != self._last
        self._last = code.co_filename
        if code.co_name in _NOT_FUNCTIONS:
            return
        self.functions.setdefault(code)
        named = [frame.f_globals.get(name) for name in code.co_names]
        own = [type(frame.f_locals[name]) for name in code.co_varnames[:1] if name == "self"]
        self.types |= {
            value.__qualname__
            for value in (*named, *own)
            if isinstance(value, type) and value.__module__.startswith("capillary_interactions.")
        }


async def _record() -> _Recorder:
    with SandboxProcess() as sandbox:
        async with InteractionsClient(sandbox.client_config()) as client:
            await client.lookup(Identifier.mobile("919000000001"))
            customer = Query(Identifier.mobile("919000000002"))
            recorder = _Recorder()
            sys.setprofile(recorder)
            try:
                outcome = await client.lookup(customer)
            finally:
                sys.setprofile(None)
    if not isinstance(outcome, Found):
        raise TypeError(f"the customer of the sandbox must be found, not {outcome}")
    return recorder


def main() -> None:
    """Print the path of one lookup."""
    recorder = asyncio.run(_record())
    files: dict[str, list[str]] = {}
    for code in recorder.functions:
        name = str(Path(code.co_filename).relative_to(_ROOT))
        files.setdefault(name, []).append(code.co_qualname)
    for name, functions in files.items():
        print(f"{name}: {', '.join(functions)}")
    types = sorted(recorder.types - _PUBLIC)
    print(f"\ntypes: {', '.join(types)}\n")
    print(
        f"{len(files)} files, {len(recorder.functions)} functions, "
        f"{recorder.changes} changes of file, {len(types)} private types"
    )


if __name__ == "__main__":
    main()
