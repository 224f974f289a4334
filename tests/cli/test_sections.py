"""Help in sections: every option is in one, once, and in an order that is read from the top."""

import re

import click

from capillary_interactions.cli._app import app
from capillary_interactions.cli._jobs import jobs
from tests.tables import table

from .program import invoke

_SECTIONS = {
    "bulk": [
        "Which customers",
        "Results",
        "Which interactions",
        "Going on",
        "Stopping",
        "Planning",
        "Server",
        "Pace",
        "Network",
        "Messages",
    ],
    "lookup": [
        "Which customers",
        "Which interactions",
        "Results",
        "Server",
        "Pace",
        "Network",
        "Messages",
    ],
    "cluster": [
        "Which customers",
        "Results",
        "Workers",
        "Going on",
        "Which interactions",
        "Stopping",
        "Server",
        "Pace",
        "Network",
        "Messages",
    ],
    "check": ["Which customers", "Results", "Server", "Pace", "Network", "Messages"],
    "sandbox": ["Options", "Messages"],
}


def _headings(text: str) -> list[str]:
    # "Usage: ..." has more in its line, and the examples are indented.
    return re.findall(r"^([A-Z].*):$", text, re.MULTILINE)


def _options(command: click.Command) -> list[str]:
    names = [
        max(option.opts, key=len) for option in command.params if isinstance(option, click.Option)
    ]
    return sorted([*names, "--help"])


@table(("name", "sections"), _SECTIONS.items())
def test_lists_every_option_in_a_section(name: str, sections: list[str]) -> None:
    """A new one needs a section of its own or one of these."""
    text = invoke(name, "--help").out
    listed = re.findall(
        r"^  (?:-h, )?(--[a-z-]+)", text[text.index(f"{sections[0]}:") :], re.MULTILINE
    )

    assert _headings(text) == sections
    assert sorted(listed) == _options(app.commands[name])
    assert text.rstrip().endswith("-h, --help                      Show this message and exit.")


def test_has_what_belongs_together_in_one_section() -> None:
    """How a run goes on, for instance."""
    text = invoke("bulk", "--help").out
    going_on = text[text.index("Going on:") : text.index("Stopping:")]

    assert [name in going_on for name in ("--limit N", "--refresh AGE", "--restart")] == [True] * 3
    assert "--rate" not in going_on


def test_lists_the_commands_of_a_job_in_the_order_of_their_use() -> None:
    """Each once, none left out."""
    text = invoke("jobs", "--help").out
    listed = re.findall(r"^  ([a-z]+)  ", text[text.index("Look at it:") :], re.MULTILINE)

    assert listed == ["status", "report", "export", "retry", "forget"]
    assert sorted(listed) == sorted(jobs.commands)
