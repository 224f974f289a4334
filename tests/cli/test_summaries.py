"""What is said of a run, and how it ends."""

from collections.abc import Mapping

from capillary_interactions._text.wording import format_duration, pluralise
from capillary_interactions.cli._exit_codes import code_of
from capillary_interactions.cli._summaries import (
    ProgressState,
    StreamSummary,
    format_endings,
    status,
    stream_summary,
)
from tests.tables import table


@table(
    ("counted", "code"),
    [
        ({}, 0),
        ({"found": 3}, 0),
        ({"found": 3, "not_found": 1}, 0),
        ({"found": 3, "unavailable": 0}, 0),
        ({"found": 3, "rejected": 1}, 1),
        ({"unreadable": 1}, 1),
        ({"unavailable": 1}, 1),
    ],
)
def test_ends_well_only_if_capillary_answered_for_every_row(
    counted: Mapping[str, int], code: int
) -> None:
    """Found and not found are answers; every other ending needs a person."""
    assert code_of(counted) == code


def test_sums_a_run_up() -> None:
    """Figures first, then what needs a person."""
    report = StreamSummary(
        endings={"found": 1200, "unavailable": 3, "rejected": 1},
        read=1210,
        written=1203,
        blanks=1,
        seconds=100.0,
        requests=1300,
        retries=1,
        throttled=2,
    )

    assert stream_summary(report, "answers.jsonl") == (
        "1,204 rows in 1 min 40 s (12.0/s): 1,200 found, 1 rejected, 3 unavailable",
        "1,300 requests, 1 retry, 2 throttled",
        "1 blank line skipped",
        "6 rows read but not ended",
        "only 1,203 lines written to answers.jsonl",
        "rejected: each line's `reason` says what to change in the row or the settings",
        "unavailable: these had no answer; ask for them again later",
    )


def test_says_little_of_a_run_in_which_all_went_well() -> None:
    """Two lines are enough."""
    report = StreamSummary(endings={"found": 1}, read=1, written=1, seconds=2.0, requests=1)

    assert stream_summary(report, "x") == (
        "1 row in 2.0 s (0.5/s): 1 found",
        "1 request, 0 retries, 0 throttled",
    )


def test_sums_up_a_run_that_had_no_time() -> None:
    """A run interrupted before its first row divides by nothing."""
    assert stream_summary(StreamSummary(), "x")[0] == "0 rows in 0 ms (0.0/s): none ended"


@table(
    ("state", "rate", "text"),
    [
        (
            ProgressState(done=50, total=200, endings={"found": 49, "not_found": 1}),
            10.0,
            "50 of 200 rows (25 %) | 10.0/s | 15.0 s left | 49 found, 1 not found",
        ),
        (ProgressState(done=1200, total=None, endings={}), 9.5, "1,200 rows | 9.5/s"),
        (ProgressState(done=0, total=0, endings={}), 0.0, "0 of 0 rows (0 %) | 0.0/s"),
        (
            ProgressState(done=5, total=3, endings={}),
            1.0,
            "5 of 3 rows (166 %) | 1.0/s | 0 ms left",
        ),
    ],
)
def test_says_how_far_it_is(state: ProgressState, rate: float, text: str) -> None:
    """Done and total if there is one, rate, time left, endings."""
    assert status(state, rate) == text


@table(
    ("seconds", "message"),
    [
        (0.004, "4 ms"),
        (1.0, "1.0 s"),
        (59.94, "59.9 s"),
        (61.0, "1 min 1 s"),
        (3661.0, "1 h 1 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_says_a_time_in_units_that_matter(seconds: float, message: str) -> None:
    """A day has no milliseconds."""
    assert format_duration(seconds) == message


def test_counts_in_words() -> None:
    """One is one, and more are many."""
    assert [pluralise(n, "retry") for n in (0, 1, 1000)] == [
        "0 retries",
        "1 retry",
        "1,000 retries",
    ]
    assert format_endings({"found": 0}) == ""
