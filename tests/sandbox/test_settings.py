"""Settings: each bad one names itself, and all of them go through a pipe."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from capillary_interactions import BasicAuth, OAuth, RateLimit
from capillary_interactions.sandbox import FAULTS, Sandbox, SandboxProcess
from capillary_interactions.sandbox._settings import SandboxSettings
from tests.tables import table

from .asking import ask

BAD: list[tuple[str, Any]] = [
    *[("rate", bad) for bad in ("", "50", "50/0", "0/1", "-1/1", "a/b", "1/2/3", "\u0661/1")],
    *[("rate", bad) for bad in ((0, 1.0), (1, 0.0), (1, -1.0), (1, math.inf), (1, math.nan))],
    *[("rate", bad) for bad in ((1.5, 1), (math.inf, 1), (math.nan, 1), "1.5/1")],
    *[("latency", bad) for bad in (-0.1, math.nan, math.inf, (2.0, 1.0), (-1.0, 1.0))],
    *[("faults", bad) for bad in (-0.1, 1.1, math.nan, {"hang": 1.5}, {"hang": -1})],
    *[("faults", bad) for bad in ({"error_500": 0.6, "hang": 0.6}, {"hang": math.nan})],
    *[("token_ttl", bad) for bad in (-1, math.nan, math.inf, "300", None)],
    *[("shape", bad) for bad in ("round", None, "FLAT")],
    *[("unknown", bad) for bad in (-0.1, 1.1, math.nan, "0")],
    *[("messages", bad) for bad in (-1, 2_000_000, 1.5, "7")],
    *[("page_size", bad) for bad in (0, -1, 1.5, None)],
    *[("retry_after", bad) for bad in (-1, math.nan, math.inf, "7")],
    *[("fault_retry_after", bad) for bad in (-1, math.nan, None)],
    *[("slow_body", bad) for bad in (-1, math.inf)],
    *[("drop_keepalive", bad) for bad in (-0.1, 1.1)],
    *[("token_status", bad) for bad in (0, 404, "401", True)],
    *[("customers", bad) for bad in ("both", True, "")],
    *[("timezone", bad) for bad in ("", "Mars/Olympus", "/etc/passwd", "..", None, 5)],
    *[("warnings", bad) for bad in ([object()], [{1, 2}])],
    ("item_warnings", [object()]),
    *[("request_id_headers", bad) for bad in (["X Id"], ["X-Id\r\nA: b"], [""], [1])],
]


@table(("name", "bad"), BAD)
@table("kind", [Sandbox, SandboxProcess])
def test_names_the_setting_that_cannot_be(kind: type[Any], name: str, bad: Any) -> None:
    """Where it is made, in both kinds of sandbox."""
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        kind(**{name: bad})


@table(("name", "bad"), BAD)
def test_refuses_a_bad_change_and_keeps_what_was(name: str, bad: Any) -> None:
    """A change is checked like a beginning."""
    sandbox = Sandbox()
    before = sandbox.to_json()
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        setattr(sandbox, name, bad)
    assert sandbox.to_json() == before


@table("settings", [{"faults": {"fire": 0.1}}, {"script": ["fire"]}, {"token_script": ["fire"]}])
def test_names_every_fault_there_is(settings: dict[str, Any]) -> None:
    """A fault that is none is answered with those that are."""
    for kind in (Sandbox, SandboxProcess):
        with pytest.raises(ValueError, match="'fire'") as refused:
            kind(**settings)
        assert all(name in str(refused.value) for name in FAULTS)


def test_injects_no_fault_that_is_none() -> None:
    """The script is as before."""
    sandbox = Sandbox(script=["hang"])
    with pytest.raises(ValueError, match="'fire'"):
        sandbox.inject("hang", "fire")
    assert list(sandbox.script) == ["hang"]


def test_refuses_an_answer_that_is_no_json() -> None:
    """A canned answer is written when it is given, not when it is asked for."""
    with pytest.raises(ValueError, match="canned answer must be JSON or bytes"):
        Sandbox(answers={"1": {"a": object()}})


@table("name", ["host", "port", "accounts", "oauth"])
def test_keeps_what_cannot_change(name: str) -> None:
    """A port that is open stays where it is, and the accounts with it."""
    with pytest.raises(AttributeError):
        setattr(Sandbox(), name, getattr(Sandbox(), name))


@table(
    ("given_rate", "expected"),
    [
        ("50/1", (50, 1.0)),
        (" 1000 / 60.5 ", (1000, 60.5)),
        ((50, 1), (50, 1.0)),
        ([50, 1], (50, 1.0)),
        (RateLimit(requests=50, per=1.0), (50, 1.0)),
        (None, None),
    ],
)
def test_reads_a_rate(given_rate: Any, expected: tuple[int, float] | None) -> None:
    """Text, a pair, and the client's own value."""
    assert Sandbox(rate=given_rate).rate == expected


@table(("latency", "expected"), [(0, 0), (0.5, 0.5), ((0.1, 0.2), (0.1, 0.2)), ((0.3, 0.3), 0.3)])
def test_reads_a_latency(latency: Any, expected: object) -> None:
    """Seconds, or a pair to draw from."""
    assert Sandbox(latency=latency).latency == expected


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "rate": st.none() | st.tuples(st.integers(1, 9_999), st.floats(0.01, 3_600)),
        "latency": st.floats(0, 9) | st.tuples(st.floats(0, 1), st.floats(1, 2)),
        "faults": st.floats(0, 1)
        | st.dictionaries(st.sampled_from(list(FAULTS)), st.floats(0, 0.05)),
        "script": st.lists(st.none() | st.sampled_from(list(FAULTS)), max_size=5),
        "seed": st.integers(-(2**53), 2**53),
        "accounts": st.dictionaries(st.text("abc", min_size=1), st.text("xyz"), max_size=2),
        "oauth": st.dictionaries(st.text("abc", min_size=1), st.text("xyz"), max_size=2),
        "token_ttl": st.floats(0, 999),
        "shape": st.sampled_from(["flat", "envelope", "envelope_old"]),
        "unknown": st.floats(0, 1),
        "messages": st.none() | st.integers(0, 200),
        "page_size": st.integers(1, 100),
        "ignore_offset": st.booleans(),
        "retry_after": st.just(...) | st.none() | st.floats(0, 99),
        "token_script": st.lists(st.none() | st.sampled_from(list(FAULTS)), max_size=2),
        "token_status": st.sampled_from([None, 200, 401, 498]),
        "customers": st.sampled_from([None, "object", "list"]),
        "warnings": st.lists(st.text() | st.integers(0, 99), max_size=2),
        "item_warnings": st.lists(st.fixed_dictionaries({"code": st.integers(0, 9)}), max_size=2),
        "timezone": st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
        "iso_fields": st.booleans(),
        "delivered_offset": st.booleans(),
        "phone_mirrors_sms": st.booleans(),
        "request_id_headers": st.lists(st.sampled_from(["X-A", "X-B"]), unique=True),
        "answers": st.dictionaries(
            st.text(max_size=5),
            st.binary(max_size=20)
            | st.tuples(st.integers(200, 599), st.just({"X-A": "1"}), st.binary(max_size=20)),
            max_size=2,
        ),
    },
)


@effort(max_examples=50, deadline=None)
@given(settings=SETTINGS)
def test_goes_through_json_and_comes_back_the_same(settings: dict[str, Any]) -> None:
    """What is written to another process is what was meant."""
    written = SandboxSettings(**settings)
    line = orjson.dumps(written.to_json())
    read = SandboxSettings.from_json(orjson.loads(line))
    assert b"\n" not in line
    assert read.to_json() == written.to_json()
    for name in ("rate", "latency", "faults", "script", "seed", "accounts", "oauth", "answers"):
        assert getattr(read, name) == getattr(written, name)
    assert read.retry_after == written.retry_after
    assert Sandbox.from_json(orjson.loads(line)).to_json() == written.to_json()


def test_shows_no_secret() -> None:
    """A sandbox that is printed shows its address at most."""
    sandbox = Sandbox(accounts={"till": "very-secret"}, oauth={"k": "very-secret"})
    assert repr(sandbox) == "<Sandbox not running>"
    assert "secret" not in repr(SandboxSettings(accounts={"till": "very-secret"}))


async def test_shows_its_address() -> None:
    """The repr of one that runs is where it runs."""
    async with Sandbox() as sandbox:
        assert repr(sandbox) == f"<Sandbox {sandbox.base_url}>"


async def test_changes_shape_and_answers_while_it_runs() -> None:
    """Each change counts from the next request on."""
    async with Sandbox(unknown=0) as sandbox:
        assert "interaction" in (await ask(sandbox.base_url, "1")).json
        sandbox.shape = "envelope"
        assert "response" in (await ask(sandbox.base_url, "1")).json
        sandbox.answers = {"1": {"mine": True}}  # type: ignore[dict-item]
        assert (await ask(sandbox.base_url, "1")).json == {"mine": True}


@table(
    ("settings", "auth"),
    [
        ({}, BasicAuth("sandbox", "sandbox")),
        ({"accounts": {"a": "x", "b": "y"}}, BasicAuth("a", "x")),
        ({"accounts": {}}, OAuth("sandbox-key", "sandbox-secret")),
        ({"accounts": {}, "oauth": {"k": "s"}}, OAuth("k", "s")),
        ({"accounts": {}, "oauth": {}}, None),
    ],
)
async def test_configures_a_client(settings: dict[str, Any], auth: object) -> None:
    """Its address and first account; overrides count."""
    async with Sandbox(rate="50/2", **settings) as sandbox:
        if auth is None:
            with pytest.raises(TypeError, match="auth"):
                sandbox.client_config()
            return
        config = sandbox.client_config(in_flight=3)
        assert config.credentials == (auth,)
        assert str(config.base_url).rstrip("/") == sandbox.base_url
        assert (config.rate.requests, config.rate.per, config.in_flight) == (50, 2.0, 3)
        other = sandbox.client_config(auth=BasicAuth("z", "z"), rate=RateLimit(7, 1.0))
        assert (other.credentials, other.rate.requests) == ((BasicAuth("z", "z"),), 7)
