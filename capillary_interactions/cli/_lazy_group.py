"""A group of commands that are imported when they run: to list them, their summaries do."""

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose help and completion import none of its commands.

    Args:
        package: The command `x` is `x` in the module `_x` of this package.
        summaries: What the help says of each command, by its name.
        settings: As for any group.
    """

    def __init__(self, *, package: str, summaries: Mapping[str, str], **settings: Any) -> None:
        super().__init__(commands=_ImportedCommands(package, summaries), **settings)
        self._summaries = summaries

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """What the list of commands says of one."""
        summary = self._summaries.get(cmd_name)
        return None if summary is None else click.Command(cmd_name, short_help=summary)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, imported."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if name is None or listed is None else self.commands[name], rest


class _ImportedCommands(UserDict[str, Any]):
    def __init__(self, package: str, names: Mapping[str, str]) -> None:
        super().__init__()
        self.data = {name: f"{package}._{name}" for name in names}

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = getattr(import_module(self.data[name]), name)
        return command
