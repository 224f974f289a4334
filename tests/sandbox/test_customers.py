"""Customers are computed: as many as anyone asks for, the same every time."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.sandbox import Sandbox
from capillary_interactions.sandbox._customers import Population
from tests.tables import table

from .asking import ask, ask_v2

IDENTIFIERS = [str(919_000_000_000 + number) for number in range(2_000)]


def population(seed: int = 0, unknown: float = 0.0, messages: int | None = None) -> Population:
    """Everybody, where nothing else is said."""
    return Population(seed=seed, unknown=unknown, messages=messages)


@settings(max_examples=50, deadline=None)
@given(identifier=st.text(min_size=1, max_size=30), seed=st.integers(-(2**70), 2**70))
def test_gives_the_same_history_to_the_same_identifier(identifier: str, seed: int) -> None:
    """Whatever the identifier is, and however often one asks."""
    assert population(seed).find(identifier) == population(seed).find(identifier)


@settings(max_examples=50, deadline=None)
@given(identifier=st.text(st.characters(codec=None), max_size=9))
def test_has_somebody_for_any_text(identifier: str) -> None:
    """Lone surrogates and control characters included."""
    assert population().find(identifier) is not None


def test_has_other_customers_under_another_seed() -> None:
    """The seed changes who people are."""
    same = sum(population(1).find(one) == population(2).find(one) for one in IDENTIFIERS[:200])
    assert same == 0


@table("share", [0.0, 0.05, 0.5, 1.0])
def test_does_not_know_the_share_that_was_asked_for(share: float) -> None:
    """The share of identifiers without a customer, within chance."""
    missing = sum(population(unknown=share).find(one) is None for one in IDENTIFIERS)
    assert missing / len(IDENTIFIERS) == pytest.approx(share, abs=0.05 if 0 < share < 1 else 0)


def test_changes_no_history_with_the_share() -> None:
    """Who is known under two shares has the same history under both."""
    for identifier in IDENTIFIERS[:300]:
        rarely = population(unknown=0.6).find(identifier)
        if rarely is not None:
            assert rarely == population(unknown=0.1).find(identifier)


@table("number", [0, 1, 50, 120])
def test_gives_everybody_so_many_messages(number: int) -> None:
    """All of them e-mails, and nothing else but what is listed empty."""
    for identifier in IDENTIFIERS[:20]:
        history = population(messages=number).find(identifier)
        assert history is not None
        assert [(name, len(held)) for name, held in history.channels] == (
            [("email", number)] if number else []
        )


@table(
    ("identifier", "mobile", "email"),
    [
        ("919738522695", "919738522695", None),
        ("+919738522695", "+919738522695", None),
        ("a@b.co", None, "a@b.co"),
        ("X-17", None, None),
    ],
)
def test_is_reached_where_the_identifier_says(
    identifier: str, mobile: str | None, email: str | None
) -> None:
    """A number is the customer's number, an address the address, and the rest is made up."""
    history = population(messages=3).find(identifier)
    assert history is not None
    assert history.mobile == mobile or (mobile is None and history.mobile.startswith("9190000"))
    assert history.email == email or (email is None and history.email.endswith("@example.com"))
    assert {sent.receiver for _, held in history.channels for sent in held} == {history.email}


def test_numbers_every_message_once_and_newest_first() -> None:
    """No id comes twice, not even in two customers, and time goes one way."""
    seen = set[int]()
    for identifier in IDENTIFIERS[:500]:
        history = population().find(identifier)
        assert history is not None
        for _, held in history.channels:
            for newer, older in itertools.pairwise(held):
                assert newer.sent_at > older.sent_at
            for sent in held:
                assert sent.delivered_at is None or sent.delivered_at >= sent.sent_at
        ids = [sent.id for _, held in history.channels for sent in held]
        assert len(set(ids)) == len(ids)
        assert not seen & set(ids)
        seen |= set(ids)


def test_has_some_of_everything() -> None:
    """Channels, social networks, surveys, campaigns, codes and every kind of status occur."""
    everybody = [history for one in IDENTIFIERS if (history := population().find(one))]
    sent = [one for history in everybody for _, held in history.channels for one in held]
    channels = {name for history in everybody for name, _ in history.channels}
    assert channels == {
        *("email", "sms", "whatsapp", "zalo", "line", "viber", "emailbulk", "feedback")
    }
    assert {one.status for one in sent} >= {
        *("DELIVERED", "OPENED", "CLICKED", "SOFT_BOUNCED", "GTW_NOT_FOUND", "HARD_BOUNCED"),
        *("NOT-DELIVERED", "NOT_DELIVERED", "DND_BLOCKED", "RETRY_TIMEOUT", "MARKED_SPAM"),
    }
    assert {one.campaign_id == -1 for one in sent} == {one.user_id == -1 for one in sent}
    for code in (r"\d{6} is your code", r"Your code is ([A-Z]\d){3}", r"OTP: \d\d-\d\d-\d\d"):
        assert any(re.fullmatch(code, one.subject) for one in sent)
    assert any(history.social for history in everybody)
    assert any(history.scores for history in everybody)
    assert any(not history.channels for history in everybody)
    assert {history.external_id == "" for history in everybody} == {True, False}


async def test_serves_the_same_customer_to_both_versions() -> None:
    """The version spells the question, and changes nothing else."""
    async with Sandbox(unknown=0) as sandbox:
        for identifier in IDENTIFIERS[:5]:
            first = (await ask(sandbox.base_url, identifier, limit=1_000)).json
            second = (await ask_v2(sandbox.base_url, identifier)).json
            assert first == second == sandbox.expected(identifier)


async def test_changes_who_there_is_while_it_runs() -> None:
    """Seed, share and number of messages count from the next request on."""
    async with Sandbox(unknown=0) as sandbox:
        before = (await ask(sandbox.base_url, "1")).json
        sandbox.seed = 99
        assert (await ask(sandbox.base_url, "1")).json != before
        sandbox.seed = 0
        assert (await ask(sandbox.base_url, "1")).json == before
        sandbox.messages = 2
        assert [one["count"] for one in (await ask(sandbox.base_url, "1")).json["interaction"]] == [
            *(0, 0, 2, 0)
        ]
        sandbox.unknown = 1
        assert "errors" in (await ask(sandbox.base_url, "1")).json
        assert sandbox.expected("1") is None
