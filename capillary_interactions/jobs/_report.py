"""What has become of a job, and what should its owner do next?"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from capillary_interactions.jobs._status import Failure, JobStatus, RunFigures

_NEXT: Final[Mapping[str, str]] = {
    "rejected": "rejected: each row's reason says what to change in the list or the settings",
    "unreadable": (
        "unreadable: the API answers otherwise than this version understands; look for a newer "
        "version, and report the path"
    ),
    "unavailable": "unavailable: these had no answer; retry them later",
}
# Fewer unknown customers are no sign of anything.
_MIN_UNKNOWN: Final = 3
MANY_UNKNOWN: Final = 100
"""So many unknown customers, and no known one, are a sign before a run is over."""


def unknown_hint(endings: Mapping[str, int], least: int = _MIN_UNKNOWN) -> str | None:
    """What to look at where the API knows no customer of a list at all, or None.

    Args:
        endings: Rows by how they ended.
        least: Unknown customers from which on that is a sign.
    """
    unknown = endings.get("not_found", 0)
    if unknown < least or endings.get("found") or endings.get("unreadable"):
        return None
    return (
        f"not_found: none of {unknown:,} customers is known; look whether the column, the kind of "
        "identifier and the country code are the right ones"
    )


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
        """Whether every row of the list has its outcome."""
        return self.status.complete

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What is to be done now, a sentence each."""
        steps = [text for name, text in _NEXT.items() if self.status.endings[name]]
        hint = unknown_hint(self.status.endings)
        steps += [] if hint is None else [hint]
        if self.status.open:
            steps.append(f"open: {self.status.open:,} rows are still to be asked; run it again")
        elif not self.status.whole:
            steps.append("open: the list has not been read to its end; run it again")
        return tuple(steps)
