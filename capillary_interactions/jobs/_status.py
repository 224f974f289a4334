"""How far is a job? Frozen values, for people and for programs."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from capillary_interactions._masking import show_masked


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
    """

    path: str
    customers: str
    began: datetime
    rows: int
    whole: bool
    blank: int
    duplicates: int
    endings: Mapping[str, int]

    @property
    def done(self) -> int:
        """Rows that have ended."""
        return sum(self.endings.values())

    @property
    def open(self) -> int:
        """Rows read that have not ended."""
        return self.rows - self.done

    @property
    def complete(self) -> bool:
        """Whether every row of the list has its outcome."""
        return self.whole and not self.open


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
    identifier: str = field(repr=show_masked)
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
    stopped: str | None = None

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def quota_used(self) -> float:
        """The share of the quota that was used: 1.0 is all of it."""
        return self.rate / self.quota if self.quota else 0.0
