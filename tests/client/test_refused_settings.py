"""The API refuses a setting for one customer after another: no customer is to blame."""

import pickle
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import (
    AuthenticationError,
    ConfigurationError,
    InteractionsClient,
    NotFound,
    Outcome,
    Query,
    Rejected,
)
from capillary_interactions._client.refused_settings import RefusedSettings
from capillary_interactions._errors import SettingsReason, SettingsRefusedError
from capillary_interactions._protocol.messages import Request
from capillary_interactions.testing import interactions
from tests.fakes import Reply, Server, asked, customer, customers, each, settings

FEW: Final = 5
MANY: Final = 50
_SOURCE: Final = "source and account_id (CAPILLARY_SOURCE, CAPILLARY_ACCOUNT_ID)"


def refused(code: int) -> Reply:
    """What the API says of a query."""
    return {"errors": [{"status": False, "code": code, "message": "so it is"}]}


def server_of(codes: Mapping[int, Reply], default: Reply | None = None) -> Server:
    """A server that answers customers by their numbers."""
    replies = {customer(number).value: reply for number, reply in codes.items()}
    last = interactions() if default is None else default
    return Server(lambda request: replies.get(asked(request)["mobile"], last), takes=0.01)


async def ended_of(
    client: InteractionsClient, queries: list[Query], error: type[Exception] | None, **options: Any
) -> tuple[Counter[str], str]:
    """The endings of a stream, and the text of its error."""
    ended: list[Outcome] = []
    stream = client.stream(queries, **options)
    if error is None:
        await each(stream, ended.append)
        return Counter(outcome.ending for outcome in ended), ""
    with pytest.raises(error) as raised:
        await each(stream, ended.append)
    return Counter(outcome.ending for outcome in ended), str(raised.value)


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize(
    ("code", "named"),
    [
        (8001, _SOURCE),
        (8127, _SOURCE),
        (8101, "page_size (CAPILLARY_PAGE_SIZE)"),
        (1061, "headers="),
        (404, "base_url and api (--base-url, --api)"),
    ],
)
async def test_ends_a_stream_after_a_few(code: int, named: str, in_flight: int) -> None:
    """The error names the setting and the code, after the outcomes of what was read."""
    server = server_of({}, refused(code))
    async with InteractionsClient(settings(), transport=server) as client:
        endings, text = await ended_of(
            client, customers(2000), ConfigurationError, in_flight=in_flight
        )
    assert text.startswith(f"{named} cannot be right: refused for 5 different customers in a row")
    assert f"({code})" in text
    assert endings == {"rejected": len(server.requests)}
    assert FEW <= len(server.requests) <= FEW + 2 * in_flight


async def test_raises_also_where_all_had_been_read() -> None:
    """Five at once are a short list; four prove nothing."""
    async with InteractionsClient(settings(), transport=server_of({}, refused(8001))) as client:
        endings, _ = await ended_of(client, customers(4), None)
        assert endings == {"rejected": 4}
    async with InteractionsClient(settings(), transport=server_of({}, refused(8001))) as client:
        endings, _ = await ended_of(client, customers(5), ConfigurationError)
        assert endings == {"rejected": 5}


async def test_goes_on_where_an_answer_comes_in_between() -> None:
    """Whether the customer is known or not; and one customer again and again is one."""
    odd = {number: refused(8001) for number in range(200) if number % 5}
    unknown = {number: refused(8015) for number in range(0, 200, 10)}
    server = server_of({**odd, **unknown})
    async with InteractionsClient(settings(), transport=server) as client:
        endings, _ = await ended_of(client, customers(200), None, in_flight=1)
        assert endings == {"found": 20, "not_found": 20, "rejected": 160}
    async with InteractionsClient(settings(), transport=server) as client:
        endings, _ = await ended_of(client, [Query(customer(1))] * 100, None, in_flight=1)
        assert endings == {"rejected": 100}


async def test_needs_more_once_others_were_answered() -> None:
    """Half a million customers were answered: fifty in a row, and not five, are the setting's."""
    bad = {number: refused(8003) for number in range(10, 10 + MANY - 1)}
    server = server_of(bad)
    async with InteractionsClient(settings(), transport=server) as client:
        endings, _ = await ended_of(client, customers(100), None, in_flight=4)
        assert endings == {"found": 51, "rejected": 49}
        server = server_of({}, refused(8003))
    answered = {number: interactions() for number in range(10)}
    async with InteractionsClient(
        settings(), transport=server_of(answered, refused(8003))
    ) as client:
        endings, text = await ended_of(client, customers(2000), ConfigurationError, in_flight=4)
        assert endings["found"] == 10
        assert MANY <= endings["rejected"] <= MANY + 8
        assert "for 50 different customers in a row" in text


@pytest.mark.parametrize("code", [4000, 403, 1044])
async def test_ends_where_rights_are_withdrawn_midway(code: int) -> None:
    """The credentials were good for others before."""
    answered = {number: interactions() for number in range(3)}
    async with InteractionsClient(
        settings(), transport=server_of(answered, refused(code))
    ) as client:
        endings, text = await ended_of(client, customers(500), AuthenticationError, in_flight=2)
    assert endings["found"] == 3
    assert MANY <= endings["rejected"] <= MANY + 4
    assert "for different customers, with no answer in between" in text


async def test_ends_where_the_till_is_refused_midway() -> None:
    """After answers it is no more than a rejection of each."""
    answered = {number: interactions() for number in range(3)}
    transport = server_of(answered, refused(91020))
    async with InteractionsClient(settings(), transport=transport) as client:
        _, text = await ended_of(client, customers(500), ConfigurationError, in_flight=2)
    assert text.startswith("the organisation or till of the credentials, or of attribution=")


async def test_takes_a_bare_status_for_one_customer_longer() -> None:
    """An empty 404 may be how a customer is unknown."""
    async with InteractionsClient(settings(), transport=server_of({}, 404)) as client:
        endings, _ = await ended_of(client, customers(MANY - 1), None, in_flight=2)
        assert endings == {"rejected": MANY - 1}
    async with InteractionsClient(settings(), transport=server_of({}, 404)) as client:
        await ended_of(client, customers(500), ConfigurationError, in_flight=2)


async def test_does_not_count_what_is_wrong_with_a_customer() -> None:
    """Nor does it end a row: it shows nothing of the settings."""
    codes = {number: refused(1015) for number in range(100)}
    async with InteractionsClient(settings(), transport=server_of(codes)) as client:
        endings, _ = await ended_of(client, customers(100), None, in_flight=1)
        assert endings == {"rejected": 100}
    codes.update({number: refused(8001) for number in range(0, 100, 20)})
    async with InteractionsClient(settings(), transport=server_of(codes)) as client:
        endings, _ = await ended_of(client, customers(500), ConfigurationError, in_flight=1)
        assert 81 <= endings["rejected"] <= 83


async def test_leaves_a_query_its_own_setting() -> None:
    """What a query overrides is at fault itself, and its answer says nothing of the setting."""
    overridden = [Query(customer(number), source="MINE") for number in range(100)]
    async with InteractionsClient(settings(), transport=server_of({}, refused(8001))) as client:
        endings, _ = await ended_of(client, overridden, None)
        assert endings == {"rejected": 100}

    def reply(request: Request) -> Reply:
        return interactions() if asked(request).get("source") == "MINE" else refused(8001)

    both = [
        Query(customer(number), source="MINE" if number % 2 else None) for number in range(1000)
    ]
    async with InteractionsClient(settings(), transport=Server(reply)) as client:
        endings, _ = await ended_of(client, both, ConfigurationError, in_flight=1)
        assert MANY <= endings["rejected"] <= MANY + 2


async def test_leaves_lookups_and_short_lists_their_outcomes() -> None:
    """Each has its own, with its reason."""
    async with InteractionsClient(settings(), transport=server_of({}, refused(8001))) as client:
        outcomes = await client.lookup_all(customers(20))
        outcomes += [await client.lookup(customer(number)) for number in range(20)]
    for outcome in outcomes:
        assert isinstance(outcome, Rejected)
        assert isinstance(outcome.reason, SettingsReason)


def test_can_be_pickled() -> None:
    """As an error of a worker process is."""
    error = SettingsRefusedError("source", 5, "no", 8001)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.settings, again.code) == (str(error), "source", 8001)


_ENDINGS: Final = st.tuples(st.sampled_from("ansx"), st.integers(0, 12))


@given(st.lists(_ENDINGS, max_size=40))
def test_counts_as_a_list_would(endings: list[tuple[str, int]]) -> None:
    """a: an answer; n: another rejection; s: a refused setting; x: the same of another query's."""
    counted = RefusedSettings()
    row: set[int] = set()
    answered = False
    for kind, number in endings:
        outcome = _outcome(kind, number)
        counted.record(outcome)
        if kind == "a":
            row, answered = set(), True
        elif kind == "s":
            row.add(number)
        assert len(counted.customers) == len(row)
        assert counted.is_certain == (len(row) >= (MANY if answered else FEW))
        assert (counted.stop_error(outcome) is not None) == (counted.is_certain and kind == "s")
        assert counted.watching or (answered and not row)


def _outcome(kind: str, number: int) -> Outcome:
    query = Query(customer(number), source="MINE" if kind == "x" else None)
    if kind == "a":
        return NotFound(query=query, reason="unknown")
    if kind == "s":
        return Rejected(query=query, reason=SettingsReason("no"), status=200, code=8001, attempts=1)
    return Rejected(query=query, reason="no", status=200, code=8001 if kind == "x" else 618)
