"""Each public signature, used as the contract says; never run, only read by mypy.

A name that goes, an argument that changes its place or its type, and an ending that a `match`
forgets are type errors here.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Never, assert_never, assert_type

from capillary_interactions import (
    ApiVersion,
    AuthenticationError,
    BasicAuth,
    CapillaryError,
    CheckReport,
    CheckStep,
    ClientConfig,
    Cluster,
    ConfigurationError,
    CredentialSnapshot,
    Customer,
    CustomerInteractions,
    EndpointDownError,
    Found,
    Identifier,
    IdentifierName,
    Interaction,
    InteractionsClient,
    InteractionType,
    Location,
    LookupFailedError,
    Message,
    Network,
    NotFound,
    OAuth,
    Outcome,
    Pace,
    PaceState,
    Query,
    RateLimit,
    Rejected,
    Request,
    Response,
    RetryPolicy,
    SlotAfterDeadlineError,
    Snapshot,
    Survey,
    Timeouts,
    Tls,
    Transport,
    TransportError,
    Unavailable,
    Unreadable,
    WaiterEvictedError,
    sync,
    to_jsonable,
)
from capillary_interactions.engines import divided, done_counts, enrich_batches, result_schema
from capillary_interactions.engines.ray import enrich_dataset
from capillary_interactions.engines.spark import enrich_dataframe
from capillary_interactions.events import (
    AttemptBegan,
    AttemptEnded,
    BudgetSpent,
    CooledDown,
    CredentialRefused,
    Event,
    LookupBegan,
    LookupBroken,
    LookupEnded,
    Observer,
    RateChanged,
    RetryScheduled,
    SharedQuotaLost,
    SharedQuotaRestored,
    Throttled,
    TokenRefreshed,
)
from capillary_interactions.jobs import CustomerList, Plan, Report, StopRules, plan_job
from capillary_interactions.tables import to_arrow
from capillary_interactions.testing import (
    FakeTransport,
    interactions,
    message,
    run_without_waiting,
)


def ask() -> Query:
    """Identifiers and queries, with members and with everything left out."""
    for identifier in (
        Identifier.mobile("919738522695"),
        Identifier.email("a@b.co"),
        Identifier.external_id("X1"),
        Identifier.card_number("1"),
        Identifier.card_external_id("1"),
        Identifier.customer_id("554"),
        Identifier.custom("wechat", "1"),
        Identifier(IdentifierName.custom("wechat"), "1"),
        Identifier(IdentifierName.MOBILE, "919738522695"),
        Identifier("mobile", "919738522695"),
    ):
        assert_type(identifier, Identifier)
        assert_type(identifier.name, IdentifierName)
        assert_type(identifier.value, str)
    query = Query(
        Identifier.mobile("919738522695"),
        network=Network.CAPILLARY,
        type=InteractionType.custom("new-type"),
        limit=50,
        offset=0,
        source="INSTORE",
        account_id="1234",
        extra={"user_id": "true"},
    )
    assert_type(query.network, Network | None)
    assert_type(query.type, InteractionType | None)
    assert_type(query.limit, int | None)
    assert_type(query.offset, int | None)
    assert_type(query.source, str | None)
    assert_type(query.account_id, str | None)
    assert_type(query.extra, Mapping[str, str])
    assert_type(InteractionType.custom("x"), InteractionType)
    Query(Identifier.mobile("1"), network="capillary", type="whatsapp")
    return Query(Identifier.mobile("1"))


def configure(zone: tzinfo) -> ClientConfig:
    """Every setting by its name, and each form that a setting may take."""
    basic = BasicAuth("till.1", "password")
    assert_type(basic.md5(), str)
    oauth = OAuth("key", "secret", attribution=("STORE_CODE", "S1"))
    rate = RateLimit(1000, 60.0, 10)
    assert_type(RateLimit.parse("1000/60"), RateLimit)
    assert_type(rate.requests, int)
    assert_type(rate.per, float)
    assert_type(rate.burst, int | None)
    config = ClientConfig(
        Cluster.EUROPE,
        [basic, oauth, BasicAuth.from_md5("till.2", "202cb962ac59075b964b07152d234b70")],
        api=ApiVersion.V2,
        source="INSTORE",
        account_id="1234",
        headers={"X-Trace": "1"},
        rate=RateLimit(requests=1000, per=60.0, burst=None),
        in_flight=32,
        retry=RetryPolicy(
            attempts=5,
            wait_initial=0.5,
            wait_max=30.0,
            throttled_initial=1.0,
            budget=500,
            retry_after_max=3600.0,
        ),
        timeouts=Timeouts(total=60.0, attempt=20.0, connect=5.0),
        page_size=None,
        max_pages=20,
        timezone=zone,
        proxy="http://proxy.example:3128",
        tls=Tls(
            ca_file=Path("company.pem"),
            client_cert="till.pem",
            client_key=Path("till.key"),
            client_key_password="hush",
        ),
        phone_region="IN",
        single_flight=True,
        cache_ttl=0.0,
        max_body=8 * 1024 * 1024,
        allow_http=False,
        shared="redis://host.example:6379/0",
        shared_fallback="local",
        expected_workers=4,
        shared_timeout=1.0,
    )
    assert_type(config.base_url, str)
    assert_type(config.credentials, tuple[BasicAuth | OAuth, ...])
    assert_type(config.api, ApiVersion)
    assert_type(config.timezone, tzinfo)
    assert_type(config.proxy, str | None)
    assert_type(config.tls.ca_file, str | None)
    assert_type(ClientConfig("asia", oauth, timezone=None).timezone, tzinfo)
    assert_type(ClientConfig("eu", oauth, api="v1.1", rate="50/1").rate, RateLimit)
    assert_type(ClientConfig.from_env(), ClientConfig)
    assert_type(ClientConfig.from_profile("shop", file=Path("config.toml"), api="v2"), ClientConfig)
    return ClientConfig.from_env({"CAPILLARY_BASE_URL": "eu"}, in_flight=8, timezone=UTC)


def misuse(who: Identifier, auth: BasicAuth) -> None:
    """What converters refuse is a type error too: each ignore is unused once it is none."""
    Identifier(3, "1")  # type: ignore[arg-type]
    Query("919738522695")  # type: ignore[arg-type]
    Query(who, network=3)  # type: ignore[arg-type]
    Query(who, type=3)  # type: ignore[arg-type]
    Query(who, limit="x")  # type: ignore[arg-type]
    Query(who, extra="a=b")  # type: ignore[arg-type]
    Query(who, extra={"a": 1})  # type: ignore[dict-item]
    ClientConfig(3, auth)  # type: ignore[arg-type]
    ClientConfig("eu", "password")  # type: ignore[arg-type]
    ClientConfig("eu", ["password"])  # type: ignore[list-item]
    ClientConfig("eu", auth, api=2)  # type: ignore[arg-type]
    ClientConfig("eu", auth, headers=[("X-A", "1")])  # type: ignore[arg-type]
    ClientConfig("eu", auth, headers={"X-A": 1})  # type: ignore[dict-item]
    ClientConfig("eu", auth, rate=1000)  # type: ignore[arg-type]
    ClientConfig("eu", auth, in_flight="32")  # type: ignore[arg-type]
    ClientConfig("eu", auth, retry=5)  # type: ignore[arg-type]
    ClientConfig("eu", auth, timeouts=60.0)  # type: ignore[arg-type]
    ClientConfig("eu", auth, page_size="50")  # type: ignore[arg-type]
    ClientConfig("eu", auth, timezone="UTC")  # type: ignore[arg-type]
    RateLimit("1000/60")  # type: ignore[arg-type]
    Timeouts(total="60")  # type: ignore[arg-type]
    ClientConfig("eu", auth, proxy=3128)  # type: ignore[arg-type]
    Tls("company.pem")  # type: ignore[call-arg]
    OAuth("key", "secret", attribution="STORE_CODE")  # type: ignore[arg-type]
    query = Query(who, extra={"a": "1"})
    query.extra["a"] = "2"  # type: ignore[index]
    ClientConfig("eu", auth).headers["X-A"] = "2"  # type: ignore[index]


async def look_up(config: ClientConfig, queries: list[Query], observer: Observer) -> None:
    """One lookup, a list, and a stream of each kind of source."""
    async with InteractionsClient(config, observers=(observer,)) as client:
        assert_type(client, InteractionsClient)
        assert_type(await client.lookup(queries[0]), Outcome[Query | Identifier])
        ended: Outcome = await client.lookup(Identifier.mobile("1"), timeout=2.0)
        assert_type(ended.item, Any)
        assert_type(await client.lookup_all(queries), list[Outcome[Query | Identifier]])
        async with client.stream(queries) as outcomes:
            async for outcome in outcomes:
                assert_type(outcome, Outcome[Query | Identifier])
        async with client.stream(
            _events(), key=lambda event: Query(Identifier.mobile(str(event["mobile"]))),
            ordered=True, in_flight=8, timeout=5.0, give_up_after=20,
        ) as of_events:  # fmt: skip
            assert_type([each async for each in of_events], list[Outcome[Mapping[str, Any]]])
        assert_type(client.snapshot(), Snapshot)
        assert_type(client.config, ClientConfig)
        report = await client.check(
            Identifier.mobile("1"), timeout=2.0, max_age=0.0, connection=True
        )
        assert_type(report, CheckReport)
        assert_type(report.failed, CheckStep | None)
        await client.aclose(drain=5.0)
    InteractionsClient(config, transport=FakeTransport([interactions(email=[message(1)])]))
    InteractionsClient(config, transport=None, pace=None, observers=[])


async def carry_items(
    client: InteractionsClient, pairs: list[tuple[int, str]]
) -> dict[int, Found[tuple[int, str]]]:
    """An outcome's item has the type of the source's, whatever the ending."""
    found = {}
    async with client.stream(pairs, key=lambda pair: Identifier.mobile(pair[1])) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome.item, tuple[int, str])
            match outcome:
                case Found(item=(number, _)):
                    assert_type(outcome, Found[tuple[int, str]])
                    found[number] = outcome
                case NotFound() | Rejected() | Unreadable() | Unavailable():
                    assert_type(outcome.item[0], int)
                case _:
                    assert_never(outcome)
    listed = await client.lookup_all(
        pairs, key=lambda pair: Identifier.mobile(pair[1]), in_flight=4, timeout=5.0, share=0.5
    )
    assert_type(listed, list[Outcome[tuple[int, str]]])
    wider: Outcome[tuple[object, object]] = listed[0]
    any_item: Outcome = wider
    assert_type(any_item.item, Any)
    return found


def misuse_items(client: InteractionsClient, pairs: list[tuple[int, str]]) -> None:
    """A key that does not fit the source, and a source without one, are type errors."""
    client.stream(pairs)  # type: ignore[arg-type]
    client.stream(pairs, key=lambda pair: pair[1])  # type: ignore[arg-type, return-value]
    client.stream(pairs, key=Identifier.mobile)  # type: ignore[arg-type]
    client.stream(pairs, key=lambda pair: Identifier.mobile(pair[0]))  # type: ignore[arg-type]
    client.stream([Query(Identifier.mobile("1"))], in_order=True)  # type: ignore[call-overload]


class _Sending:
    """A transport, as a class of the caller's own may be one."""

    async def send(self, request: Request, *, timeout: float) -> Response:  # noqa: ASYNC109 - protocol
        """What a request and a response hold."""
        assert_type(request.url, str)
        assert_type(request.headers, Mapping[str, str])
        assert_type(request.credential, int)
        assert_type(request.body, bytes | None)
        if timeout < 1.0:
            raise TransportError("no whole answer")
        return Response(status=200, headers={"retry-after": "7"}, body=b"{}")

    async def aclose(self) -> None:
        """Nothing is open."""


class _Pacing(Pace):
    """A pace that says when to send."""

    async def acquire(self, *, deadline: float | None, interactive: bool) -> None:
        """What it raises."""
        raise SlotAfterDeadlineError(1.0) if interactive else WaiterEvictedError

    def state(self) -> PaceState:
        """What a snapshot shows of it."""
        return PaceState(rate=1.0, slots_left=1, waiting=0, in_flight=0, cool_down=0.0)


def adapt(config: ClientConfig, pace: Pace) -> InteractionsClient:
    """Transports, paces and headers of the caller's own, and a view."""
    transport: Transport = _Sending()
    client = InteractionsClient(
        config,
        transport=transport,
        pace=pace,
        request_headers=lambda request: {"X-Length": str(len(request.url))},
    )
    view = client.with_options(
        timeouts=Timeouts(total=2.0),
        retry=RetryPolicy(attempts=1),
        headers={"X-Shop": "1"},
        cache_ttl=30.0,
    )
    assert_type(view, InteractionsClient)
    return view


async def _events() -> AsyncIterator[Mapping[str, Any]]:
    yield {"mobile": "919738522695"}


def watch(client: InteractionsClient) -> None:
    """What a client looks like at one moment."""
    snapshot = client.snapshot()
    assert_type(snapshot.rate, float)
    assert_type(snapshot.slots_left, int)
    assert_type(snapshot.waiting, int)
    assert_type(snapshot.in_flight, int)
    assert_type(snapshot.cool_down, float)
    assert_type(snapshot.retry_budget, float)
    assert_type(snapshot.endings, Mapping[str, int])
    assert_type(snapshot.credentials, tuple[CredentialSnapshot, ...])
    assert_type(snapshot.credentials[0].refused, str | None)


def end(outcome: Outcome) -> str:
    """Each ending has its fields, and after the five there is nothing left."""
    assert_type(outcome.query, Query)
    assert_type(outcome.attempts, int)
    assert_type(outcome.elapsed, float)
    assert_type(outcome.waited, float)
    assert_type(outcome.request_id, str | None)
    assert_type(outcome.sent_value, str | None)
    assert_type(outcome.status, int | None)
    assert_type(outcome.headers, Mapping[str, str])
    match outcome:
        case Found():
            assert_type(outcome.customer, CustomerInteractions)
            assert_type(outcome.unwrap(), CustomerInteractions)
            return "found"
        case NotFound():
            assert_type(outcome.code, int | None)
            return outcome.reason
        case Rejected():
            assert_type(outcome.code, int | None)
            return outcome.reason
        case Unreadable():
            assert_type(outcome.path, str | None)
            assert_type(outcome.body, bytes)
            return outcome.reason
        case Unavailable():
            assert_type(outcome.retry_after, float | None)
            return outcome.reason
        case _:
            assert_never(outcome)


def forget_an_ending(outcome: Outcome) -> str:
    """A `match` that forgets one is a type error: the ignore is unused once it is none."""
    match outcome:
        case Found() | NotFound() | Rejected() | Unreadable():
            return "known"
        case _:
            assert_never(outcome)  # type: ignore[arg-type]


def unwrap(failed: Unavailable) -> Never:
    """A failure gives nothing back."""
    failed.unwrap()


def unwrap_any(outcome: Outcome) -> CustomerInteractions:
    """Whatever the ending, what comes back is the answer."""
    if isinstance(outcome, Found):
        return outcome.customer
    return outcome.unwrap()


def read(customer: CustomerInteractions) -> Iterable[str]:
    """Every field of an answer."""
    assert_type(customer.name, str | None)
    assert_type(customer.interactions, tuple[Interaction, ...])
    assert_type(customer.warnings, tuple[Any, ...])
    assert_type(customer.customer, Customer | None)
    assert_type(customer.truncated, bool)
    assert_type(customer.extra, Mapping[str, Any])
    assert_type(customer.messages(), Iterator[tuple[Interaction, Message]])
    for kind, each in customer.messages():
        assert_type(kind.name, str)
        assert_type(kind.count, int)
        assert_type(kind.network, str | None)
        assert_type(kind.messages, tuple[Message, ...])
        assert_type(kind.surveys, tuple[Survey, ...])
        assert_type(kind.locations, tuple[Location, ...])
        assert_type(kind.used, bool | None)
        assert_type(kind.last_interaction_at, datetime | None)
        assert_type(each.id, int | None)
        assert_type(each.receiver, str | None)
        assert_type(each.sender, str | None)
        assert_type(each.subject, str | None)
        assert_type(each.campaign_id, int | None)
        assert_type(each.status, str | None)
        assert_type(each.sent_at, datetime | None)
        assert_type(each.delivered_at, datetime | None)
        assert_type(each.user_id, int | None)
        assert_type(each.extra, Mapping[str, Any])
        yield kind.name
    if customer.customer is not None:
        assert_type(customer.customer.id, int | None)
        assert_type(customer.customer.mobile, str | None)
        assert_type(customer.customer.email, str | None)
        assert_type(customer.customer.external_id, str | None)
    assert_type(to_jsonable(customer), Any)


def fail(raised: CapillaryError) -> str:
    """What an exception holds."""
    if isinstance(raised, LookupFailedError):
        assert_type(raised.outcome, NotFound | Rejected | Unreadable | Unavailable)
    if isinstance(raised, AuthenticationError):
        assert_type(raised.reason, str)
        assert_type(raised.status, int | None)
        assert_type(raised.code, int | None)
    if isinstance(raised, EndpointDownError):
        assert_type(raised.consecutive, int)
        assert_type(raised.counts, dict[str, int])
    if isinstance(raised, ConfigurationError):
        wrong: ValueError = raised
        return str(wrong)
    return str(raised)


def observe(event: Event) -> str:
    """The events are a closed union too."""
    match event:
        case AttemptBegan() | AttemptEnded() | RetryScheduled():
            assert_type(event.attempt, int)
            return str(event.credential)
        case Throttled() | CooledDown() | RateChanged() | BudgetSpent():
            return str(event.credential)
        case TokenRefreshed() | CredentialRefused() | SharedQuotaLost() | SharedQuotaRestored():
            return str(event.credential)
        case LookupEnded():
            return event.ending
        case LookupBegan() | LookupBroken():
            return str(event.lookup)
        case _:
            assert_never(event)


def block(config: ClientConfig, rows: list[dict[str, str]], customers: CustomerList) -> None:
    """The client without async: the same values, from calls that wait."""
    with sync.InteractionsClient(config, transport=FakeTransport(), observers=[]) as client:
        assert_type(client, sync.InteractionsClient)
        outcome = client.lookup(Identifier.mobile("919738522695"), timeout=2.0)
        assert_type(outcome, Outcome[Query | Identifier])
        listed = client.lookup_all(
            rows, key=lambda row: Identifier.mobile(row["mobile"]), share=0.5
        )
        assert_type(listed, list[Outcome[dict[str, str]]])
        assert_type(client.with_options(cache_ttl=5.0), sync.InteractionsClient)
        with client.stream(rows, key=lambda row: Identifier.mobile(row["mobile"])) as outcomes:
            assert_type(list(outcomes), list[Outcome[dict[str, str]]])
        assert_type(client.snapshot(), Snapshot)
        client.stream(_events())  # type: ignore[call-overload]
        with sync.Job.open("a.job", customers) as job:
            assert_type(job.run(client, limit=5, progress=print), Report)
            assert_type(job.retry(), int)
        client.close(drain=5.0)


async def tabulate(outcomes: list[Outcome], events: AsyncIterator[Outcome]) -> None:
    """A table of a stream is awaited, that of a list is there; pyarrow has no types."""
    table: Any = to_arrow(outcomes)
    assert_type(await to_arrow(events, mask_codes=True), Any)
    assert_type(table, Any)


def enrich(batches: Iterable[Any], config: ClientConfig) -> Iterator[Any]:
    """What is looked up, and how, is said by name; the quota is divided before."""
    assert_type(divided(config, 2), ClientConfig)
    assert_type(done_counts("done"), Counter[str])
    result_schema(next(iter(batches)).schema, identifier="mobile", column=1, row="n")
    enrich_dataset(batches, config, workers=2, identifier="mobile", done="done", batch_size=9)
    enrich_dataframe(batches, config, workers=2, identifier="mobile", mask_codes=True)
    enrich_dataset(batches, config, workers=2)  # type: ignore[call-arg]
    enrich_dataframe(batches, config, workers=2, identifier="mobile", of=1)  # type: ignore[call-arg]
    return enrich_batches(
        batches,
        config,
        identifier="mobile",
        network="capillary",
        type="email",
        done=Path("done"),
        retry=True,
        in_flight=8,
        timeout=9.0,
        share=0.5,
        stops=StopRules(give_up_after=0),
    )


async def plan(customers: CustomerList, config: ClientConfig) -> Plan:
    """A list and a configuration are all that it takes."""
    return await plan_job(customers, config, network="capillary", type="email", latency=0.5)


def run(config: ClientConfig) -> Outcome:
    """What `run_without_waiting` gives is what the coroutine returns."""

    async def main() -> Outcome:
        async with InteractionsClient(config, transport=FakeTransport()) as client:
            return await client.lookup(ask())

    return run_without_waiting(main())
