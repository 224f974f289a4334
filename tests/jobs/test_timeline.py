"""When did lookups end, how fast, and when slowest? Laws and tables."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capillary_interactions.jobs._report.active_time import ActiveTime, nice_interval
from capillary_interactions.jobs._report.throughput import Throughput, throughput
from capillary_interactions.jobs._report.timeline import Slice, Timeline, joined
from capillary_interactions.jobs._status import RunFigures
from capillary_interactions.jobs._store.queries import TimedRun
from tests.tables import table

_NOON: Final = 1_800_000_000.0
_DAY: Final = 86_400.0

_moments = st.floats(_NOON, _NOON + 400 * _DAY, allow_nan=False)
_lookups = st.lists(st.tuples(_moments, st.integers(0, 5), st.floats(0, 60), st.booleans()))


def timeline(lookups: Sequence[tuple[float, int, float, bool]], most: int = 50_000) -> Timeline:
    """Lookups on a timeline."""
    line = Timeline(most)
    for at, requests, served, failed in lookups:
        line.add(at, requests=requests, served=served, failed=failed)
    return line


def steady(begin: float, seconds: float, rate: float, served: float = 0.1) -> Timeline:
    """Lookups at a rate, one request each."""
    number = int(seconds * rate)
    return timeline([(begin + (n + 0.5) / rate, 1, served, False) for n in range(number)])


def run(began: float, seconds: float, quota: float = 10.0) -> TimedRun:
    """A run."""
    return TimedRun(began, RunFigures(seconds=seconds, quota=quota))


@given(_lookups, st.integers(1, 20))
@example([(0.0, 1, 9.0, True), (0.1, 1, 1.0, False), (99.0, 1, 2.0, False)], 2)
def test_keeps_lookups_where_they_were_and_stays_small(
    lookups: list[tuple[float, int, float, bool]], most: int
) -> None:
    """However many slices are joined: no lookup is lost or moved, and no slices overlap."""
    lined_up = timeline(lookups, most)
    slices = lined_up.slices()
    total = joined(slices, 0.0, 1.0)

    assert len(slices) <= most
    assert total.lookups == len(lookups)
    assert total.requests == sum(requests for _, requests, _, _ in lookups)
    assert total.failed == sum(failed for *_, failed in lookups)
    assert total.served == pytest.approx(sum(served for _, _, served, _ in lookups))
    assert total.longest == max((served for _, _, served, _ in lookups), default=0.0)
    for part in slices:
        assert part.lookups == sum(part.start <= at < part.end for at, *_ in lookups)
        assert part.seconds == pytest.approx(lined_up.slice_seconds, abs=1e-6)
    assert all(part.end <= following.start for part, following in pairwise(slices))


@given(_lookups, st.lists(st.tuples(_moments, st.floats(0, _DAY)), max_size=5))
def test_cuts_the_time_at_work_without_a_gap(
    lookups: list[tuple[float, int, float, bool]], runs: list[tuple[float, float]]
) -> None:
    """The slices of the pace hold every lookup, one stands beside the other, and they are few."""
    began = sorted((run(at, seconds) for at, seconds in runs), key=lambda each: each.began)
    result = throughput(timeline(lookups), began)
    edges = [result.active_time.position(each.slice.end) for each in result.slices]

    assert sum(each.slice.lookups for each in result.slices) == len(lookups)
    assert sum(each.slice.seconds for each in result.slices) == pytest.approx(
        result.active_time.seconds
    )
    assert edges == sorted(edges)
    assert len(result.slices) <= 80 + 2 * 40
    assert all(each.slice.seconds > 0 for each in result.slices)


@given(st.lists(st.tuples(_moments, st.floats(0.1, 30 * _DAY)), min_size=1, max_size=200))
def test_leaves_room_between_the_marks_of_an_axis(spans: list[tuple[float, float]]) -> None:
    """They stand on the axis, in order, and not too close."""
    active = ActiveTime([(begin, begin + seconds) for begin, seconds in spans])
    places = [each.position for each in active.ticks(5)]

    assert len(active.spans) <= 40
    assert places
    assert 0 <= places[0] <= places[-1] <= active.seconds
    apart = 0.8 * active.seconds / 5
    assert all(b - a >= 0.999 * apart for a, b in pairwise(places))


def test_leaves_breaks_out() -> None:
    """The night between two runs takes no room."""
    active = ActiveTime([(0, 100), (50_000, 50_300)])

    assert active.seconds == 400
    assert active.breaks == (100,)
    assert [active.position(at) for at in (-5, 0, 60, 30_000, 50_010, 99_999)] == [
        0, 0, 60, 100, 110, 400,
    ]  # fmt: skip


def test_names_full_minutes_and_new_days() -> None:
    """Time where it is read, and the date where it changes."""
    ticks = ActiveTime([(_NOON - 21_600 - 600, _NOON - 21_600 + 600)]).ticks(4)

    assert [each.label for each in ticks] == [
        "01:50\n15 Jan", "01:55", "02:00", "02:05", "02:10",
    ][: len(ticks)]  # fmt: skip


@table(
    ("seconds", "multiple", "result"),
    [
        (0.0, 0.1, 0.1),
        (0.3, 0.1, 0.5),
        (0.3, 0.5, 0.5),
        (11, 1, 15),
        (61, 60, 120),
        (700, 600, 1800),
        (3 * 364 * _DAY, _DAY, 3 * 364 * _DAY + _DAY),
    ],
)
def test_counts_time_as_people_do(seconds: float, multiple: float, result: float) -> None:
    """And always in a multiple of what there is."""
    assert nice_interval(seconds, multiple) == result


def test_tells_the_pace_and_the_quota_of_each_run() -> None:
    """A second run has a quota of its own."""
    line = timeline([
        (begin + n / 5, 1, 0.1, False) for begin in (0.0, 9_000.0) for n in range(1000)
    ])  # fmt: skip
    result = throughput(line, [run(0, 200, 10), run(9_000, 200, 7)])

    assert {each.quota for each in result.slices} == {10, 7}
    assert [each.rate for each in result.slices] == pytest.approx(
        [5] * len(result.slices), rel=0.25
    )
    assert result.slices[0].quota == 10
    assert result.slices[-1].quota == 7


def test_shows_a_pause_as_what_it_is() -> None:
    """Minutes of a run in which nothing ended are there, with nought."""
    line = timeline([(begin + n, 1, 0.1, False) for begin in (0, 900) for n in range(300)])
    rates = [each.rate for each in throughput(line, [run(0, 1200)]).slices]

    assert 0.0 in rates
    assert rates[0] > 0.5 < rates[-1]


@table(("seconds", "grain"), [(4, 1.0), (40, 1.0), (70, 10.0), (400, 60.0), (40_000, 60.0)])
def test_looks_for_the_slowest_of_what_there_are_several(seconds: float, grain: float) -> None:
    """Minutes, or shorter where the job was."""
    result = throughput(steady(_NOON, seconds, 2.0), [])

    assert result.slowest_seconds == grain
    assert all(each.seconds == grain for each in result.slowest)


def test_finds_the_slowest_minutes() -> None:
    """Slowest first, by the mean of the lookups in them."""
    line = steady(_NOON, 1200, 2.0)
    for minute, served in ((3, 400.0), (7, 900.0), (5, 100.0)):
        line.add(_NOON + 60 * minute + 1, requests=1, served=served, failed=True)
    slowest = throughput(line, []).slowest

    assert [int(each.start - _NOON) // 60 for each in slowest[:3]] == [7, 3, 5]
    assert slowest[0].longest == 900.0
    assert slowest[0].failed == 1
    assert slowest[0].mean == pytest.approx((900 + 120 * 0.1) / 121)


def test_has_nothing_to_tell_of_nothing() -> None:
    """A job that was never run has no pace."""
    result: Throughput = throughput(Timeline(), [])

    assert (result.slices, result.slowest, result.active_time.ticks(5)) == ((), (), ())
    assert Slice(start=0, end=1).mean == 0.0
