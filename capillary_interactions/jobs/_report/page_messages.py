"""What does a report say about messages: by channel, by status, by month? Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from capillary_interactions._model.vocabulary import Network
from capillary_interactions._text.masking import mask_text
from capillary_interactions._text.wording import pluralise
from capillary_interactions.jobs._report.charts import Bar, bars, month_name, months
from capillary_interactions.jobs._report.html import (
    details,
    figure_with_table,
    note,
    ranked_bars,
    section,
    share,
    stat_tiles,
    table,
)
from capillary_interactions.jobs._report.inline_svg import Caption
from capillary_interactions.jobs._report.message_counts import (
    UNKNOWN,
    Messages,
    Month,
    MonthRange,
    window,
)

_MOST: Final = 12
_USUAL: Final = frozenset({Network.CAPILLARY.value, UNKNOWN})


def message_sections(messages: Messages, zone: str) -> Iterator[str]:
    """The parts of the page that are about messages.

    Args:
        messages: The figures.
        zone: The name of the time zone of the months.
    """
    if not messages.total:
        yield section("messages", "Messages", note("The answers hold no messages."))
        return
    held = (
        f"{pluralise(messages.total, 'message')} in the answers for "
        f"{pluralise(messages.customers, 'customer')}; one who stands in several rows counts once."
    )
    yield _ranked("channels", "Messages by channel", "Channel", held, [
        (_channel(network, name), number)
        for (network, name), number in messages.channels.items()
    ])  # fmt: skip
    yield _ranked("statuses", "Messages by status", "Status", "", [
        (mask_text(name) or UNKNOWN, number) for name, number in messages.statuses.items()
    ])  # fmt: skip
    yield _months(messages, zone)


def _channel(network: str, name: str) -> str:
    # The words are the server's: bounded, on one line, and nothing personal in them.
    told = name if network in _USUAL or network == name else f"{name} ({network})"
    return mask_text(told) or UNKNOWN


def _ranked(name: str, title: str, what: str, text: str, counts: Sequence[tuple[str, int]]) -> str:
    shown, rest = list(counts[:_MOST]), counts[_MOST:]
    if rest:
        shown.append((f"{len(rest)} others", sum(number for _, number in rest)))
    total = sum(number for _, number in counts)
    rows = [(label, number, share(number, total)) for label, number in shown]
    drawn = [Bar(label=label, value=number, told=f"{number:,}") for label, number in shown]
    told = ", ".join(f"{number:,} {label}" for label, number in shown)
    return section(
        name,
        title,
        note(text),
        ranked_bars(
            bars(Caption(name, title, told), drawn), table(title, (what, "Messages", "Share"), rows)
        ),
    )


def _months(messages: Messages, zone: str) -> str:
    title, seen = "Messages by month", window(messages.months)
    if not seen.months:
        return section("months", title, note("No message has a date that can be read."))
    told = ", ".join(f"{_name(each)}: {each.messages:,}" for each in seen.months)
    drawn = months(Caption("months", title, told), seen.months)
    return section(
        "months",
        title,
        note(f"By the date of sending, {zone}."),
        figure_with_table(drawn, _figures(seen, messages.undated)),
    )


def _figures(seen: MonthRange, undated: int) -> str:
    listed = table("Messages by month", ("Month", "Messages"), [
        (_name(each), each.messages) for each in seen.months
    ])  # fmt: skip
    if len(seen.months) > _MOST:
        years = [
            (str(year), sum(each.messages for each in held))
            for year, held in groupby(seen.months, lambda each: each.year)
        ]
        months_listed = details(f"{pluralise(len(seen.months), 'month')} in figures", listed)
        listed = table("Messages by year", ("Year", "Messages"), years) + months_listed
    busiest = max(seen.months, key=lambda each: each.messages)
    figures = [("Busiest month", f"{_name(busiest)}: {busiest.messages:,}")]
    return f"<div>{listed}{stat_tiles([*figures, *_beyond(seen, undated)])}</div>"


def _name(month: Month) -> str:
    return f"{month_name(month.month)} {month.year}"


def _beyond(seen: MonthRange, undated: int) -> Iterator[tuple[str, str]]:
    kinds = (("Before", seen.earlier), ("After", seen.later), ("Without a date", undated))
    return ((name, f"{number:,}") for name, number in kinds if number)
