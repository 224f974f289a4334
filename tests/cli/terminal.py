"""A terminal for runs of the program in this process, and what it must never receive."""

import os
import pty
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import frozen

from capillary_interactions.cli._app import run

from .program import CLEAN

# What rich itself writes: colours, and how a progress bar is drawn anew.
_OF_RICH = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|1A|2K)")

EVIL = (
    "x\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;cm0=\x1b\\\x9b31m\x9d0;C1\x9c\u202e\u2066\u200b\x7f\x08\r"
    "error: forged\u2028[red][link=evil]y"
)


@frozen
class Shown:
    """What a terminal has received.

    Attributes:
        code: The exit code.
        text: Everything, in order.
    """

    code: int
    text: str

    @property
    def unprintable(self) -> set[str]:
        """Whatever steers a terminal or is invisible, but for what rich writes itself."""
        text = _OF_RICH.sub("", self.text).replace("\r\n", "")
        # A bar is drawn over itself.
        return {c for c in text.replace("\r", "") if not c.isprintable()}


def shown(*arguments: str | Path, env: Mapping[str, str | None] | None = None) -> Shown:
    """Run the program in this process, with both of its streams on a terminal."""
    ours, theirs = pty.openpty()
    pieces: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, pieces))
    reader.start()
    with pytest.MonkeyPatch.context() as patched, os.fdopen(theirs, "w", buffering=1) as terminal:
        for name, value in {
            **dict.fromkeys(CLEAN),
            "TERM": "xterm",
            "COLUMNS": "200",
            **(env or {}),
        }.items():
            patched.delenv(name, raising=False) if value is None else patched.setenv(name, value)
        terminal.reconfigure(errors="backslashreplace")
        patched.setattr(sys, "stdout", terminal)
        patched.setattr(sys, "stderr", terminal)
        code = run([str(each) for each in arguments])
    reader.join()
    os.close(ours)
    return Shown(code, b"".join(pieces).decode(errors="surrogateescape"))


def _read(terminal: int, pieces: list[bytes]) -> None:
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # no process has it open any more
            return
        if not piece:
            return
        pieces.append(piece)
