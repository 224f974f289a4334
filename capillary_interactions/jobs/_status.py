"""The progress of a job, and what to do next."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import field, frozen

from capillary_interactions._text.masking import repr_masked

_NEXT: Final[Mapping[str, str]] = {
    "rejected": "rejected: each row's reason says what to change in the list or the settings",
    "unreadable": (
        "unreadable: the API answers otherwise than this version understands; look for a newer "
        "version, and report the path"
    ),
    "unavailable": "unavailable: these had no answer; retry them later",
}
# Fewer unknown customers prove nothing.
_MIN_UNKNOWN: Final = 3
MANY_UNKNOWN: Final = 100
"""With this many unknown customers and no known one, the hint is due before a run ends."""


@frozen(kw_only=True)
class JobStatus:
    """A job at one moment.

    Attributes:
        path: Its file.
        customers: What a person calls the list.
        began: When the job began.
        rows: Rows of the list read so far, blank lines left out.
        whole: Whether that is the whole list.
        blank: Blank lines skipped.
        duplicates: Rows whose customer stands in an earlier row too.
        endings: Rows by how they ended ("found", "not_found", ...), every ending included.
        stale: Customers with an outcome who are to be asked for again; see `Job.retry`.
        forgotten: Rows of the list that belong to customers who are forgotten; see `Job.forget`.
    """

    path: str
    customers: str
    began: datetime
    rows: int
    whole: bool
    blank: int
    duplicates: int
    endings: Mapping[str, int]
    stale: int = 0
    forgotten: int = 0

    @property
    def done(self) -> int:
        """Rows that have ended."""
        return sum(self.endings.values())

    @property
    def open(self) -> int:
        """Rows read that have not ended; those that are forgotten are left out."""
        return self.rows - self.done - self.forgotten

    @property
    def complete(self) -> bool:
        """Whether every row of the list has its outcome, and none is to be asked for again."""
        return self.whole and not self.open and not self.stale


@frozen(kw_only=True)
class Progress:
    """A run at one moment.

    Attributes:
        status: The job.
        asked: Lookups that have ended in this run.
        seconds: How long it has been running.
        paused: Why nothing is asked at the moment, or None.
    """

    status: JobStatus
    asked: int
    seconds: float
    paused: str | None = None

    @property
    def rate(self) -> float:
        """Lookups a second in this run."""
        return self.asked / self.seconds if self.seconds else 0.0


@frozen(kw_only=True)
class Forgotten:
    """What was deleted of a customer, and where they may still be found.

    Attributes:
        rows: Rows of the list that were deleted.
        mentions: Rows and answers of other customers in which the identifier still stands.
        exports: Results that the job has written, and that are still there.
    """

    rows: int
    mentions: int
    exports: tuple[Path, ...]


@frozen(kw_only=True)
class Failure:
    """One row that has ended as rejected, unreadable or unavailable.

    Attributes:
        row: Which row of the list.
        ending: How.
        identifier: The customer; masked where a person sees it (`repr`).
        reason: Why.
    """

    row: int
    ending: str
    identifier: str = field(repr=repr_masked)
    reason: str


@frozen(kw_only=True)
class RunFigures:
    """What one run has come to.

    Attributes:
        seconds: How long it took.
        asked: Lookups that ended.
        requests: Requests sent.
        retries: Of these, sent again.
        throttled: Of these, refused for their rate.
        waited: Seconds that lookups spent waiting for quota or a cool-down, added up.
        served: The other seconds that they took, added up.
        quota: Requests a second that the quota allows.
        refreshed: Customers with an outcome in place of an earlier one.
        kept: Customers who were asked again and keep their earlier answer, as there was none.
        stopped: Why it stopped before the list was done, or None.
    """

    seconds: float = 0.0
    asked: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    waited: float = 0.0
    served: float = 0.0
    quota: float = 0.0
    refreshed: int = 0
    kept: int = 0
    stopped: str | None = None

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def quota_used(self) -> float:
        """The share of the quota that was used: 1.0 is all of it."""
        return self.rate / self.quota if self.quota else 0.0


def unknown_hint(endings: Mapping[str, int], minimum: int = _MIN_UNKNOWN) -> str | None:
    """What to check where `minimum` customers are unknown to the API and none is known, or None."""
    unknown = endings.get("not_found", 0)
    if unknown < minimum or endings.get("found") or endings.get("unreadable"):
        return None
    return (
        f"not_found: none of {unknown:,} customers is known; look whether the column, the kind of "
        "identifier and the country code are the right ones; phone_region= (--phone-region) adds a "
        "country code"
    )


def next_steps(endings: Mapping[str, int], **sentences: str) -> tuple[str, ...]:
    """What to do about rows that are neither found nor not found, a sentence for each ending.

    Args:
        endings: Rows by how they ended.
        sentences: Other sentences than the usual ones, by ending.
    """
    steps = [text for name, text in {**_NEXT, **sentences}.items() if endings.get(name)]
    hint = unknown_hint(endings)
    return tuple(steps if hint is None else [*steps, hint])


@frozen(kw_only=True)
class Report:
    """A job after a run.

    Attributes:
        status: The job: rows and endings of all its runs together.
        run: The figures of the last run alone.
        first_failures: The first rows that are rejected, unreadable or unavailable.
        last_failures: The last ones of them, those that are among the first left out.
        note: How many rows hold something else than a customer ("7 rows hold no digits"), or None.
    """

    status: JobStatus
    run: RunFigures
    first_failures: tuple[Failure, ...] = ()
    last_failures: tuple[Failure, ...] = ()
    note: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every row of the list has its outcome, and none is to be asked for again."""
        return self.status.complete

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What is to be done now, a sentence each."""
        steps = [*next_steps(self.status.endings)]
        if self.status.open:
            steps.append(f"open: {self.status.open:,} rows are still to be asked; run it again")
        elif self.status.stale:
            steps.append(
                f"stale: {self.status.stale:,} customers are still to be asked again; run it again"
            )
        elif not self.status.whole:
            steps.append("open: the list has not been read to its end; run it again")
        return tuple(steps)
