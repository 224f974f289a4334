"""Bulk jobs on disk: a list of customers goes in, every row ends in one recorded outcome.

A job can be killed at any moment and goes on where it was; see `Job`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capillary_interactions.jobs._drawing import check_report
    from capillary_interactions.jobs._errors import (
        ExportError,
        JobChangedError,
        JobError,
        JobInUseError,
        JobStoreError,
        ListError,
        NoJobError,
        WrongListError,
    )
    from capillary_interactions.jobs._export import check_export
    from capillary_interactions.jobs._job import Job
    from capillary_interactions.jobs._list import CustomerList
    from capillary_interactions.jobs._report import Report
    from capillary_interactions.jobs._status import Failure, JobStatus, Progress, RunFigures
    from capillary_interactions.jobs._stops import StopRules

__all__ = [
    "CustomerList",
    "ExportError",
    "Failure",
    "Job",
    "JobChangedError",
    "JobError",
    "JobInUseError",
    "JobStatus",
    "JobStoreError",
    "ListError",
    "NoJobError",
    "Progress",
    "Report",
    "RunFigures",
    "StopRules",
    "WrongListError",
    "check_export",
    "check_report",
]

_HOMES = {
    name: home
    for home, names in {
        "_drawing": ("check_report",),
        "_errors": (
            "ExportError",
            "JobChangedError",
            "JobError",
            "JobInUseError",
            "JobStoreError",
            "ListError",
            "NoJobError",
            "WrongListError",
        ),
        "_export": ("check_export",),
        "_job": ("Job",),
        "_list": ("CustomerList",),
        "_report": ("Report",),
        "_status": (
            "Failure",
            "JobStatus",
            "Progress",
            "RunFigures",
        ),
        "_stops": ("StopRules",),
    }.items()
    for name in names
}


# The command line passes through here for a line of help: nothing is imported before it is asked
# for. Type checkers must not see this: to them it would make every misspelt name a valid one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """One of the public names, imported when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return __all__
