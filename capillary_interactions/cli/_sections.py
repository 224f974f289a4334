"""Help in sections: options that belong together, and commands in the order of their use."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

Decorator = Callable[[Any], Any]

_OTHERS: Final = "Options"
_SECTION: Final = "_section"


def section(title: str, *options: Decorator) -> Decorator:
    """One decorator for options, which the help of a `SectionedCommand` lists under the title."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
            # The last one is that which the decorator has added.
            setattr(function.__click_params__[-1], _SECTION, title)
        return function

    return decorate


class SectionedCommand(click.Command):
    """A command whose help lists its options by sections, in the order of their first ones."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        title, help_option = _OTHERS, self.get_help_option(ctx)
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is None:
                continue
            # --help is the last one, and stays with those before it.
            if param is not help_option:
                title = getattr(param, _SECTION, _OTHERS)
            sections.setdefault(title, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class SectionedGroup(click.Group):
    """A group whose help lists its commands by sections.

    Args:
        sections: The names of the commands, by the title of their section.
        settings: As for any group.
    """

    def __init__(self, *, sections: Mapping[str, Sequence[str]], **settings: Any) -> None:
        super().__init__(**settings)
        self.sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
        for title, names in self.sections.items():
            commands = [(name, self.commands[name]) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit)) for name, command in commands]
                )
