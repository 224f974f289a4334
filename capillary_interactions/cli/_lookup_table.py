"""How does a person read one customer's interactions? As a table, with nothing personal in it."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from capillary_interactions._model.interactions import CustomerInteractions, Interaction, Message
from capillary_interactions._model.outcome import Found, Outcome
from capillary_interactions._text.masking import mask, mask_subject, mask_text
from capillary_interactions._text.wording import ending_label, format_duration, pluralise


def outcome_table(outcome: Outcome, *, show_codes: bool) -> RenderableType:
    """An outcome for a terminal.

    Args:
        outcome: Any of the five endings.
        show_codes: Whether digits in subjects stay readable, though they may be one-time codes.
    """
    title = headline(outcome)
    if not isinstance(outcome, Found):
        return Text(title)
    found = outcome.customer
    parts: list[RenderableType] = [Text(title), Text(kinds(found))]
    if any(True for _ in found.messages()):
        parts.append(_messages(found, outcome.query.identifier.value, show_codes=show_codes))
    parts += [Text(line) for line in _further(found)]
    return Group(*parts)


def headline(outcome: Outcome) -> str:
    """Who was asked for, and how that ended, in one line."""
    identifier = outcome.query.identifier
    who = f"{identifier.name} {mask(identifier.value)}: {ending_label(outcome.ending)}"
    if not isinstance(outcome, Found):
        return f"{who}: {outcome.reason}"
    return f"{who} ({pluralise(outcome.attempts, 'request')}, {format_duration(outcome.elapsed)})"


def kinds(found: CustomerInteractions) -> str:
    """Which interactions there are, and how many of each."""
    told = [
        f"{mask_text(each.name)} {each.count:,}{_on(each.network, found.name)}"
        for each in found.interactions
    ]
    return ", ".join(told) or "no interactions"


def _on(network: str | None, usual: str | None) -> str:
    return f" on {mask_text(network)}" if network and network != usual else ""


def _messages(found: CustomerInteractions, identifier: str, *, show_codes: bool) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("kind", "sent (UTC)", "status", "to"):
        table.add_column(name, no_wrap=True)
    table.add_column("subject", overflow="fold")
    for interaction, message in found.messages():
        cells = _cells(interaction, message)
        shown = mask_subject(message.subject or "", identifier, codes_shown=show_codes)
        table.add_row(*(Text(cell) for cell in (*cells, shown)))
    return table


def _cells(interaction: Interaction, message: Message) -> tuple[str, ...]:
    return (
        mask_text(interaction.name),
        _date(message.sent_at),
        mask_text(message.status or ""),
        mask(message.receiver) if message.receiver else "",
    )


def _date(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _further(found: CustomerInteractions) -> Iterator[str]:
    for each in found.interactions:
        for survey in each.surveys:
            score = "no score" if survey.nps_score is None else f"score {survey.nps_score}"
            yield f"survey {mask_text(survey.name or '')}: {score} {_date(survey.sent_at)}".rstrip()
        if each.locations:
            yield f"{mask_text(each.name)}: {pluralise(len(each.locations), 'place')}"
    if found.truncated:
        yield "truncated: Capillary counts more than it gave"
    if found.warnings:
        yield f"{pluralise(len(found.warnings), 'warning')} from Capillary; see them with --json"
