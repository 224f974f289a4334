"""How a person reads an outcome."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import attrs
from rich.console import Console

from capillary_interactions import (
    CustomerInteractions,
    Found,
    Identifier,
    Interaction,
    Location,
    Message,
    NotFound,
    Outcome,
    Query,
    Survey,
    Unavailable,
)
from capillary_interactions.cli._lookup_table import outcome_table
from tests.tables import table

_WHO = "919738522695"


def _shown(outcome: Outcome, *, show_codes: bool = False) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(outcome_table(outcome, show_codes=show_codes))
    return captured.get()


def _found(**customer: Any) -> Found:
    return Found(
        query=Query(Identifier.mobile(_WHO)),
        item=None,
        attempts=2,
        elapsed=0.25,
        customer=CustomerInteractions(**customer),
    )


_MESSAGE = Message(
    id=1,
    receiver="a.person@example.com",
    subject=f"482913 is your code, {_WHO}",
    status="OPENED",
    sent_at=datetime(2025, 6, 1, 10, 22, tzinfo=UTC),
)
_SMS = Interaction(name="sms", count=1, network="capillary", messages=(_MESSAGE,))


def test_shows_each_message_with_nothing_personal_in_it() -> None:
    """Codes, identifiers and addresses are masked; the rest can be read."""
    text = _shown(_found(name="capillary", interactions=(_SMS,)))

    assert "mobile 9*********95: found (2 requests, 250 ms)" in text
    assert "sms 1" in text
    for word in ("sent (UTC)", "2025-06-01 10:22", "OPENED", "a***@***.com", "****** is your code"):
        assert word in text
    for secret in (_WHO, "482913", "person"):
        assert secret not in text


@table(
    ("zone", "heading", "date"),
    [
        (ZoneInfo("Asia/Kolkata"), "sent (Asia/Kolkata)", "2025-06-01 15:52"),
        (timezone(timedelta(hours=5.5)), "sent (UTC+05:30)", "2025-06-01 15:52"),
        (None, "sent", ""),
    ],
)
def test_names_the_time_zone_in_the_heading(zone: tzinfo | None, heading: str, date: str) -> None:
    """That of the dates, wherever it comes from."""
    moment = datetime(2025, 6, 1, 10, 22, tzinfo=UTC)
    message = attrs.evolve(_MESSAGE, sent_at=None if zone is None else moment.astimezone(zone))
    text = _shown(_found(interactions=(attrs.evolve(_SMS, messages=(message,)),)))

    assert f" {heading} " in text
    assert date in text


def test_shows_codes_only_if_asked_to() -> None:
    """Identifiers stay masked even then."""
    text = _shown(_found(interactions=(_SMS,)), show_codes=True)

    assert "482913 is your code" in text
    assert _WHO not in text


def test_shows_what_is_no_message() -> None:
    """Surveys, check-ins, other networks, what is short and what is warned of, in a line each."""
    survey = Survey(name="store", nps_score=9, sent_at=datetime(2025, 6, 1, tzinfo=UTC))
    interactions = (
        Interaction(name="survey", count=2, surveys=(survey, Survey(name="web"))),
        Interaction(name="checkin", count=1, network="facebook", locations=(Location(),)),
    )

    text = _shown(_found(interactions=interactions, truncated=True, warnings=("x",)))

    for line in (
        "survey 2, checkin 1 on facebook",
        "survey store: score 9 2025-06-01 00:00 UTC",
        "survey web: no score",
        "checkin: 1 place",
        "truncated: Capillary counts more than it gave",
        "1 warning from Capillary; see them with --json",
    ):
        assert line in text


@table(
    "warning", [91009, "91009", "8069", {"code": 8069}, {"code": "91009", "message": "x"},
                "91009: Retrieved survivor account"],
)  # fmt: skip
def test_says_that_the_answer_is_another_customer_s(warning: Any) -> None:
    """Of a customer who was merged into another, whatever the warning is spelled like."""
    text = _shown(_found(warnings=("x", warning)))

    assert "the answer is another customer's, into whom this one was merged (" in text
    assert "2 warnings from Capillary" in text
    for other in (1017, "191009", "910091", None, ["91009"], {"message": "91009"}):
        assert "merged" not in _shown(_found(warnings=(other,)))


def test_lists_an_sms_once() -> None:
    """That a server lists as `phone`, too: the counts are the server's, with a remark."""
    phone = attrs.evolve(_SMS, name="phone")
    text = _shown(_found(name="capillary", interactions=(phone, _SMS)))

    assert "phone 1 (the SMS again), sms 1\n" in text
    assert text.count("is your code") == 1


def test_says_that_there_is_nothing() -> None:
    """A known customer without interactions is no empty table."""
    assert "no interactions" in _shown(_found())


@table(
    ("outcome", "message"),
    [
        (
            NotFound(query=Query(Identifier.mobile(_WHO)), item=None, reason="not found (1012)"),
            "mobile 9*********95: not found: not found (1012)\n",
        ),
        (
            Unavailable(query=Query(Identifier.email("a@b.co")), item=None, reason="no answer"),
            "email ***@***.co: unavailable: no answer\n",
        ),
    ],
)
def test_says_why_there_is_no_answer(outcome: Outcome, message: str) -> None:
    """Any other ending is a line."""
    assert _shown(outcome) == message
