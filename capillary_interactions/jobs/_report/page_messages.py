"""The sections of a report about messages: by channel, by status, by month."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from capillary_interactions._model.vocabulary import Network
from capillary_interactions._text.masking import mask_text
from capillary_interactions._text.wording import pluralise
from capillary_interactions.jobs._report.charts import Bar, bar_chart, month_chart, month_name
from capillary_interactions.jobs._report.html import (
    details,
    figure_with_table,
    note,
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
    densest_months,
)

# The statuses that are documented, so that none of them is among the others.
_MAX_BARS: Final = 24
_MAX_MONTHS: Final = 12
_DEFAULT_NETWORKS: Final = frozenset({Network.CAPILLARY.value, UNKNOWN})


def message_sections(messages: Messages, zone: str) -> Iterator[str]:
    """The sections; `zone` is the name of the time zone of the months."""
    if not messages.total:
        yield section("messages", "Messages", note("The answers hold no messages."))
        return
    totals = (
        f"{pluralise(messages.total, 'message')} in the answers for "
        f"{pluralise(messages.customers, 'customer')}; one who stands in several rows counts once."
    )
    channels = [
        (_channel(network, name), number) for (network, name), number in messages.channels.items()
    ]
    statuses = [(mask_text(name) or UNKNOWN, number) for name, number in messages.statuses.items()]
    yield _ranked("channels", "Messages by channel", "Channel", totals, channels)
    yield _ranked("statuses", "Messages by status", "Status", "", statuses)
    yield _months(messages, zone)


def _channel(network: str, name: str) -> str:
    # The names are the server's: masked, and of bounded length.
    label = name if network in _DEFAULT_NETWORKS or network == name else f"{name} ({network})"
    return mask_text(label) or UNKNOWN


def _ranked(
    name: str, title: str, column: str, text: str, counts: Sequence[tuple[str, int]]
) -> str:
    shown, rest = list(counts[:_MAX_BARS]), counts[_MAX_BARS:]
    if rest:
        shown.append((f"{len(rest)} others", sum(number for _, number in rest)))
    total = sum(number for _, number in counts)
    rows = [(label, number, share(number, total)) for label, number in shown]
    bars = [Bar(label=label, value=number, value_label=f"{number:,}") for label, number in shown]
    caption = Caption(name, title, ", ".join(f"{number:,} {label}" for label, number in shown))
    figures = table(title, (column, "Messages", "Share"), rows)
    return section(
        name,
        title,
        note(text),
        figure_with_table(bar_chart(caption, bars), figures, ranked=True),
    )


def _months(messages: Messages, zone: str) -> str:
    title, shown = "Messages by month", densest_months(messages.months)
    if not shown.months:
        return section("months", title, note("No message has a date that can be read."))
    description = ", ".join(f"{_name(month)}: {month.messages:,}" for month in shown.months)
    return section(
        "months",
        title,
        note(f"By the date of sending, {zone}."),
        figure_with_table(
            month_chart(Caption("months", title, description), shown.months),
            _figures(shown, messages.undated),
        ),
    )


def _figures(shown: MonthRange, undated: int) -> str:
    rows = [(_name(month), month.messages) for month in shown.months]
    figures = table("Messages by month", ("Month", "Messages"), rows)
    if len(shown.months) > _MAX_MONTHS:
        years = [
            (str(year), sum(month.messages for month in months))
            for year, months in groupby(shown.months, lambda month: month.year)
        ]
        by_month = details(f"{pluralise(len(shown.months), 'month')} in figures", figures)
        figures = table("Messages by year", ("Year", "Messages"), years) + by_month
    busiest = max(shown.months, key=lambda month: month.messages)
    others = (("Before", shown.earlier), ("After", shown.later), ("Without a date", undated))
    tiles = [
        ("Busiest month", f"{_name(busiest)}: {busiest.messages:,}"),
        *((name, f"{number:,}") for name, number in others if number),
    ]
    return f"<div>{figures}{stat_tiles(tiles)}</div>"


def _name(month: Month) -> str:
    return f"{month_name(month.month)} {month.year}"
