"""Each row of the table of codes, at each level, from a server in another process to the ending."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from capillary_interactions import (
    ApiVersion,
    AuthenticationError,
    BasicAuth,
    Found,
    Identifier,
    InteractionsClient,
    NotFound,
    OAuth,
    Outcome,
    Query,
    Rejected,
    RetryPolicy,
    Unavailable,
)
from capillary_interactions._errors import SettingsReason
from capillary_interactions.integrations._consuming.misconfiguration import (
    suggests_misconfiguration,
)
from capillary_interactions.integrations.web import answer_to
from capillary_interactions.sandbox import SandboxProcess

from .clients import UNLIMITED, mobiles
from .test_samples import sample

TWO_ATTEMPTS: Final = RetryPolicy(
    attempts=2, wait_initial=0.0, wait_max=0.0, throttled_initial=0.0, budget=1_000_000
)
FAILED: Final = {"success": "false", "code": 500, "message": "All requests have failed"}
_numbers = iter(mobiles(1_000))
KNOWN: Final = next(_numbers)

Spelling = Callable[[int], Any]


def _item(code: int) -> dict[str, Any]:
    status = {"success": "false", "code": str(code), "message": "so it is"}
    return {"mobile": "919000000001", "item_status": status}


# Codes as numbers and as strings, under every name that is published.
SPELLINGS: Final[dict[str, Spelling]] = {
    "request": lambda code: {"response": {"status": {"success": "false", "code": code}}},
    "in spite of success": lambda code: {
        "response": {"status": {"success": "true", "code": str(code)}, "customers": None}
    },
    "status": lambda code: {"status": {"success": False, "code": code, "message": "so it is"}},
    "errors": lambda code: {"errors": [{"status": False, "code": code, "message": "so it is"}]},
    "item": lambda code: {"response": {"status": FAILED, "customer": _item(code)}},
    "one of customers": lambda code: {
        "response": {"status": FAILED, "customers": {"customer": _item(code)}}
    },
    "list of customers": lambda code: {
        "response": {"status": FAILED, "customers": {"customer": [_item(code)]}}
    },
    "errorCode": lambda code: {"errorCode": code, "errorMessage": "so it is"},
}
TOP: Final = ("request", "in spite of success", "status", "errorCode")
# As a body with 200, and alone in a status line.
HTTP: Final = "HTTP"
ANY: Final = (*SPELLINGS,)
RETRIED, SETTING, QUESTION, NAMED, ABSENT = "retried", "setting", "question", "named", "absent"
THROTTLED: Final = 429
ACCESS: Final = "access group of an OAuth client needs the Customer resource (Read or Write)"


@frozen
class Row:
    """A row of the table: its codes, what becomes of them, where, and what the reason says."""

    codes: tuple[int, ...]
    ending: str
    says: str = ""
    levels: tuple[str, ...] = ANY


# CAPILLARY_API.md, section 3, from the top; 401 and 498 have tests of their own.
ROWS: Final = (
    Row((8109, 8026), ABSENT, "deleted"),
    Row((8065, 8089, 8121), ABSENT, "in the given source"),
    Row((8090, 1013, 1020), ABSENT, "not registered for loyalty"),
    Row((4001,), RETRIED, "check the access group of the OAuth client"),
    Row((4000, 403, 1044), NAMED, ACCESS),
    Row((1064, 8126, 91020, 91021), SETTING, "check the credentials, attribution= and headers="),
    Row((8001, 8003, 8011, 8012, 8016, 8045, 8091, 8127), SETTING, "check source and account_id"),
    Row(
        (8002, 8013, 8092, 8093, 1007, 1045, 1015, 1104),
        QUESTION,
        'check the kind of identifier, or try api="v2"',
    ),
    Row((8100, 8101, 8102), SETTING, "check page_size, limit and offset"),
    Row((1060,), QUESTION, "read as several customers"),
    Row((1061,), SETTING, "lookup header without its type"),
    Row(
        (8061, 8062, 8063, 8088, 8025, 1109, 91001, 91002, 91003, 91004),
        RETRIED,
        "unable to fetch",
    ),
    Row((816, 1011, 1012, 8015), ABSENT, "customer not found"),
    Row((618,), QUESTION, "marked as fraud"),
    Row((400, 1042, 1001, 1002, 1003), QUESTION, "invalid or missing input"),
    Row((402, 404, 405, 406, 415), SETTING, "check base_url and api", (*TOP, "errors", HTTP)),
    Row((408,), NAMED, "MAC address does not match"),
    Row((THROTTLED,), RETRIED, "too many requests", (*ANY, HTTP)),
    Row((461,), RETRIED, "search engine busy"),
    Row((521,), RETRIED, "is busy"),
    Row((407, 500, 502, 503, 504, 520, 522, 523, 524), RETRIED, "the server failed"),
    Row((408, 461, 500, 502, 503, 504, 520, 521, 522, 523, 524), RETRIED, "HTTP ", (HTTP,)),
    Row((400, 422), QUESTION, "invalid or missing input", (HTTP,)),
    Row((9876,), NAMED, "refused by the server (9876)", ("errors", "item", "one of customers")),
)
RAISES: Final = "AuthenticationError"
DENIED: Final = (401, 498)
FORBIDDEN: Final = (403, 1044, 4000, 1064, 8126, 91020, 91021)


@frozen
class Case:
    """One code at one level, and the customer for whom the server says it."""

    row: Row
    code: int
    level: str
    customer: Identifier

    @property
    def answer(self) -> Any:
        """What the server says."""
        # Else a cool-down takes seconds.
        headers = {"Retry-After": "0.001"} if self.code == THROTTLED else {}
        if self.level == HTTP:
            return self.code, headers, b""
        return 200, headers, SPELLINGS[self.level](self.code)


def _cases(rows: tuple[Row, ...]) -> tuple[Case, ...]:
    """The first code of each row at each level, and each other code at one of them in turn.

    `tests/protocol` has all of them at all levels.
    """
    return tuple(
        Case(row, code, level, next(_numbers))
        for row in rows
        for place, code in enumerate(row.codes)
        for level in (row.levels if not place else (row.levels[place % len(row.levels)],))
    )


CASES: Final = _cases(ROWS)
REFUSED: Final = _cases(
    (Row(FORBIDDEN, RAISES), *(Row((code,), RAISES, levels=(*ANY, HTTP)) for code in DENIED))
)
# What the samples mean, under each status that may stand beside them.
SAMPLES: Final = {
    (name, status): next(_numbers)
    for name in (
        *("error_customer_deleted", "error_customers_not_found", "error_no_access"),
        *("error_authorization_unavailable", "error_token_expired", "error_token_invalid"),
    )
    for status in (200, 401, 403, 498, 500, 503)
}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """A server that says all of it."""
    answers = {case.customer.value: case.answer for case in (*CASES, *REFUSED)}
    for (name, status), customer in SAMPLES.items():
        answers[customer.value] = status, {}, sample(name)
    with SandboxProcess(unknown=0, answers=answers) as running:
        yield running


def client_of(server: SandboxProcess, **settings: Any) -> InteractionsClient:
    """A client whose retries do not wait."""
    config = server.client_config(rate=UNLIMITED, retry=TWO_ATTEMPTS, in_flight=64)
    return InteractionsClient(evolve(config, **settings))


def _ending(outcome: Outcome) -> str:
    """What becomes of an outcome: for the web, for a consumer, and for who reads the reason."""
    match outcome:
        case NotFound():
            return ABSENT
        case Unavailable(attempts=2):
            return RETRIED
        case Rejected(attempts=1, reason=SettingsReason()) if suggests_misconfiguration(outcome):
            return SETTING if answer_to(outcome).status == 502 else "?"
        case Rejected(attempts=1) if answer_to(outcome).status == 400:
            return "?" if suggests_misconfiguration(outcome) else QUESTION
        case Rejected(attempts=1):
            return NAMED
        case _:
            return repr(outcome)


async def test_end_as_the_table_has_it(server: SandboxProcess) -> None:
    """Each of them at each level, for a credential that has had an answer."""
    async with client_of(server) as client:
        assert isinstance(await client.lookup(KNOWN), Found)
        outcomes = await asyncio.gather(*(client.lookup(case.customer) for case in CASES))
    for case, outcome in zip(CASES, outcomes, strict=True):
        where = f"{case.code}, {case.level}: {outcome!r}"
        assert _ending(outcome) == case.row.ending, where
        assert not isinstance(outcome, Found)
        assert case.row.says in outcome.reason, where
        if isinstance(outcome, NotFound | Rejected) and case.level != HTTP:
            assert outcome.code == case.code, where
            assert f"({case.code})" in outcome.reason, where
        if case.level not in ("request", "in spite of success", HTTP):
            assert "so it is" in outcome.reason, where


async def test_raise_where_no_credential_was_ever_accepted(server: SandboxProcess) -> None:
    """A refusal is about the whole program then, and says what the access group needs."""
    async with client_of(server) as client:
        for case in REFUSED:
            with pytest.raises(AuthenticationError) as raised:
                await client.lookup(case.customer)
            expected = None if case.level == HTTP else case.code
            assert raised.value.code == expected, case
            if case.code in (403, 1044, 4000):
                assert f"{ACCESS}, and a change of it takes an hour" in raised.value.reason


async def test_name_the_other_version(server: SandboxProcess) -> None:
    """An identifier that v2 does not take may be right for v1.1."""
    case = next(case for case in CASES if case.code == 8002)
    async with client_of(server, api=ApiVersion.V2) as client:
        outcome = await client.lookup(case.customer)
    assert isinstance(outcome, Rejected)
    assert outcome.reason.endswith('check the kind of identifier, or try api="v1.1" (--api v1.1)')


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (8001, {"source": "INSTORE"}),
        (8127, {"account_id": "1"}),
        (8101, {"limit": 500}),
        (8100, {"offset": 1}),
    ],
)
async def test_blame_a_query_for_what_it_has_in_place_of_a_setting(
    server: SandboxProcess, code: int, fields: dict[str, Any]
) -> None:
    """A source that one query names is not the setting of all."""
    case = next(case for case in CASES if case.code == code)
    async with client_of(server) as client:
        outcome = await client.lookup(Query(case.customer, **fields))
    assert _ending(outcome) == QUESTION


async def test_of_the_samples_end_so_with_any_status(server: SandboxProcess) -> None:
    """The published bodies, for a client that has had an answer."""
    expected = {
        "error_customer_deleted": ABSENT,
        "error_customers_not_found": ABSENT,
        "error_no_access": NAMED,
        "error_authorization_unavailable": RETRIED,
    }
    chosen = {key: who for key, who in SAMPLES.items() if key[0] in expected}
    async with client_of(server) as client:
        assert isinstance(await client.lookup(KNOWN), Found)
        for (name, status), customer in chosen.items():
            if (name, status) in {("error_no_access", 401), ("error_no_access", 498)}:
                continue  # the status says more: see below
            outcome = await client.lookup(customer)
            assert _ending(outcome) == expected[name], (name, status, outcome)


@pytest.mark.parametrize(
    "auth", [BasicAuth("sandbox", "sandbox"), OAuth("sandbox-key", "sandbox-secret")]
)
async def test_of_a_token_are_about_the_credentials_with_any_status(
    server: SandboxProcess, auth: BasicAuth | OAuth
) -> None:
    """For a credential that has had no answer; a token is replaced once before."""
    async with client_of(server, auth=auth) as client:
        for (name, status), customer in SAMPLES.items():
            if not name.startswith("error_token"):
                continue
            before = client.snapshot().requests
            with pytest.raises(AuthenticationError):
                await client.lookup(customer)
            sent = client.snapshot().requests - before
            assert sent == (2 if isinstance(auth, OAuth) else 1), (name, status)


OAUTH: Final = OAuth("sandbox-key", "sandbox-secret")


@pytest.mark.parametrize("status", [200, 401, 498])
async def test_of_an_expired_token_cost_one_renewal(server: SandboxProcess, status: int) -> None:
    """A stream of 300 customers, whose token expires in it: every one is found."""
    await asyncio.to_thread(server.change, token_status=status)
    await asyncio.to_thread(server.reset_counts)
    found = 0
    async with (
        client_of(server, auth=OAUTH, in_flight=8) as client,
        client.stream(Identifier.mobile(f"9185{number:08}") for number in range(300)) as outcomes,
    ):
        async for outcome in outcomes:
            assert isinstance(outcome, Found)
            found += 1
            if found == 100:
                await asyncio.to_thread(server.revoke_tokens)
    counts = await asyncio.to_thread(server.counts)
    assert (found, counts.tokens_issued) == (300, 2)
    assert 1 <= counts.refused <= 8
