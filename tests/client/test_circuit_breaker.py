"""When the endpoint counts as down, when it is probed, and what closes the breaker."""

from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions._client.circuit_breaker import BreakerState, CircuitBreaker
from tests.tables import table

CLOSED, OPEN, PROBING = BreakerState


@table(
    ("max_failures", "max_silence", "failures", "silence", "state"),
    [
        (5, 10.0, 0, 1e9, CLOSED),
        (5, 10.0, 4, 1.0, CLOSED),
        (5, 10.0, 5, 0.0, OPEN),
        (5, 10.0, 1, 10.0, OPEN),
        (5, 10.0, 1, 9.9, CLOSED),
        (None, None, 1000, 1e9, CLOSED),
    ],
)
def test_opens_after_a_number_of_failures_or_a_silence(
    max_failures: int | None,
    max_silence: float | None,
    failures: int,
    silence: float,
    state: BreakerState,
) -> None:
    """Either is enough, but without a failure nothing is."""
    breaker = CircuitBreaker(max_failures, max_silence, answered_at=100.0)
    for _ in range(failures):
        breaker.record_failure(100.0 + silence)
    assert breaker.state is state


def test_probes_ever_later_until_an_answer_closes_it() -> None:
    """Each change of state is reported once; a server's own delay is kept where it is longer."""
    changes: list[BreakerState] = []
    breaker = CircuitBreaker(
        2, probe_delay=lambda probes: 10.0 * 2**probes, on_change=changes.append
    )
    for _ in range(3):
        breaker.record_failure(0.0)
    assert [breaker.remaining_pause(now) for now in (0.0, 4.0, 11.0)] == [10.0, 6.0, 0.0]
    for probe_ended, retry_after, pause in ((10.0, 0.0, 20.0), (30.0, 100.0, 100.0)):
        breaker.start_probe()
        assert breaker.remaining_pause(probe_ended) == 0.0
        breaker.record_failure(probe_ended, retry_after)
        assert breaker.remaining_pause(probe_ended) == pause
    breaker.record_answer(31.0)
    assert breaker.remaining_pause(31.0) == breaker.failures == 0
    assert changes == [OPEN, PROBING, OPEN, PROBING, OPEN, CLOSED]


def test_pauses_after_a_probe_though_other_lookups_fail_while_it_runs() -> None:
    """Else the next probe would come as soon as a slow one has failed."""
    breaker = CircuitBreaker(1, probe_delay=lambda probes: 10.0 * 2**probes)
    breaker.record_failure(0.0)
    breaker.start_probe()
    breaker.record_failure(11.0)
    breaker.record_failure(60.0)
    breaker.probe_failed(60.0)
    assert breaker.remaining_pause(60.0) == 20.0
    assert breaker.state is OPEN


@given(
    st.lists(st.sampled_from(["answer", "failure", "probe"]), max_size=30),
    st.integers(1, 5),
)
def test_is_closed_exactly_while_too_few_have_failed(ended: list[str], max_failures: int) -> None:
    """Whatever the order: an answer closes it, and it is probed only while it would be open."""
    breaker = CircuitBreaker(max_failures)
    failures = 0
    for now, event in enumerate(ended):
        if event == "probe":
            breaker.start_probe()
        elif event == "failure":
            breaker.record_failure(float(now))
            assert breaker.state is not PROBING
        else:
            breaker.record_answer(float(now))
        failures = {"answer": 0, "failure": failures + 1}.get(event, failures)
        assert breaker.failures == failures
        assert (breaker.state is CLOSED) == (failures < max_failures)
