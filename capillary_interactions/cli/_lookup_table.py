"""One customer's interactions as a table for a person, with nothing personal in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from capillary_interactions._model.interactions import CustomerInteractions, Interaction, Message
from capillary_interactions._model.outcome import Found, Outcome
from capillary_interactions._text.masking import mask, mask_subject, mask_text
from capillary_interactions._text.wording import ending_label, format_duration, pluralise, zone_name

# Of an answer for a customer who was merged into another: "retrieved survivor account".
_MERGED: Final = frozenset({"91009", "8069"})


def outcome_table(outcome: Outcome, *, show_codes: bool) -> RenderableType:
    """An outcome for a terminal."""
    title = headline(outcome)
    if not isinstance(outcome, Found):
        return Text(title)
    customer = outcome.customer
    parts: list[RenderableType] = [Text(title), Text(interaction_counts(customer))]
    messages = tuple(customer.messages())
    if messages:
        parts.append(_messages(messages, outcome.query.identifier.value, show_codes=show_codes))
    parts += [Text(line) for line in _further(customer)]
    return Group(*parts)


def headline(outcome: Outcome) -> str:
    """The customer and the ending, in one line."""
    identifier = outcome.query.identifier
    ending = f"{identifier.name.label} {mask(identifier.value)}: {ending_label(outcome.ending)}"
    if not isinstance(outcome, Found):
        return f"{ending}: {outcome.reason}"
    return (
        f"{ending} ({pluralise(outcome.attempts, 'request')}, {format_duration(outcome.elapsed)})"
    )


def interaction_counts(customer: CustomerInteractions) -> str:
    """Which interactions there are, and how many of each."""
    once = {id(interaction) for interaction, _ in customer.messages()}
    counts = [
        f"{mask_text(interaction.name)} {interaction.count:,}"
        f"{_on(interaction.network, customer.name)}"
        f"{' (the SMS again)' if interaction.messages and id(interaction) not in once else ''}"
        for interaction in customer.interactions
    ]
    return ", ".join(counts) or "no interactions"


def _on(network: str | None, default: str | None) -> str:
    return f" on {mask_text(network)}" if network and network != default else ""


def _messages(
    messages: Sequence[tuple[Interaction, Message]], identifier: str, *, show_codes: bool
) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    # All dates are in the zone of the configuration.
    zone = next((zone_name(message.sent_at) for _, message in messages if message.sent_at), "")
    for name in ("kind", f"sent ({zone})" if zone else "sent", "status", "to"):
        table.add_column(name, no_wrap=True)
    table.add_column("subject", overflow="fold")
    for interaction, message in messages:
        cells = _cells(interaction, message)
        subject = mask_subject(message.subject or "", identifier, codes_shown=show_codes)
        table.add_row(*(Text(cell) for cell in (*cells, subject)))
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


def _warning_code(warning: Any) -> str:
    code = warning.get("code") if isinstance(warning, Mapping) else warning
    match = re.match(r"\s*(\d{4,5})\b", str(code), re.ASCII)
    return match[1] if match else ""


def _with_zone(moment: datetime | None) -> str:
    return "" if moment is None else f" {_date(moment)} {zone_name(moment)}"


def _further(customer: CustomerInteractions) -> Iterator[str]:
    for interaction in customer.interactions:
        for survey in interaction.surveys:
            score = "no score" if survey.nps_score is None else f"score {survey.nps_score}"
            yield f"survey {mask_text(survey.name or '')}: {score}{_with_zone(survey.sent_at)}"
        if interaction.locations:
            yield f"{mask_text(interaction.name)}: {pluralise(len(interaction.locations), 'place')}"
    if customer.truncated:
        yield "truncated: Capillary counts more than it gave"
    for code in sorted(_MERGED.intersection(map(_warning_code, customer.warnings))):
        yield f"the answer is another customer's, into whom this one was merged ({code})"
    if customer.warnings:
        yield f"{pluralise(len(customer.warnings), 'warning')} from Capillary; see them with --json"
