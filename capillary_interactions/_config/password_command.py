"""What does a command print? For a password that a password manager keeps.

Nothing of the command, its output or its errors is in a message: each of them may be the password.
"""

import shlex
import subprocess
from typing import Final

from capillary_interactions._errors import ConfigurationError

# Long enough for a person who has to unlock the password manager first.
TIMEOUT: Final = 60.0
_RUN_IT: Final = "run it yourself to see why"


def first_line_of(command: str, name: str, timeout: float = TIMEOUT) -> str:
    """The first line of what a command prints to standard output, without its end.

    It is run without a shell, reads nothing, and what it prints to standard error is dropped.

    Args:
        command: Words as in a shell, with its quotes, and without its variables and pipes.
        name: What it is called in messages.
        timeout: Seconds that it may take.

    Raises:
        ConfigurationError: It cannot be run, fails, takes too long, or prints no text.
    """
    printed = _printed(command, timeout)
    if isinstance(printed, str):
        raise ConfigurationError(f"{name} {printed}")
    line = printed.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = ""
    if not text.strip():
        what = "an empty first line" if not line.strip() else "a first line that is not UTF-8"
        raise ConfigurationError(f"{name} prints {what}: it must be the password")
    return text


def _printed(command: str, timeout: float) -> bytes | str:
    """What it prints; a text if it fails: no exception, whose context would hold the command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return "has a quote that is not closed"
    if not words:
        return "is empty"
    try:
        # Not `subprocess.run`, which waits for the end of the output after the timeout, too: a
        # child of the command may keep it open.
        with subprocess.Popen(  # noqa: S603 - the user's own command
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            return _output_of(process, timeout)
    except FileNotFoundError:
        return "names a program that is not found: it must be a command, not the password itself"
    except (OSError, ValueError):
        return f"cannot be run; {_RUN_IT}"


def _output_of(process: "subprocess.Popen[bytes]", timeout: float) -> bytes | str:
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"prints nothing within {timeout:g} s; {_RUN_IT}"
    if process.returncode:
        return f"fails (exit code {process.returncode}); {_RUN_IT}"
    return output
