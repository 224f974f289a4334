"""Bulk jobs on disk: a list of customers goes in, every row ends in one recorded outcome.

A job can be killed at any moment and goes on where it was; see `Job`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from capillary_interactions.jobs._export.exporter import check_export
    from capillary_interactions.jobs._job import Job
    from capillary_interactions.jobs._lists.customer_list import CustomerList
    from capillary_interactions.jobs._report.write_report import check_report
    from capillary_interactions.jobs._run.stop_rules import StopRules
    from capillary_interactions.jobs._status import Failure, JobStatus, Progress, Report, RunFigures

    # Beside the public names, what the command line is made of.
    from capillary_interactions.jobs._export.target_guard import (  # isort: skip
        refuse_job_or_list as refuse_job_or_list,
        was_exported_by as was_exported_by,
    )
    from capillary_interactions.jobs._lists.query_template import QueryTemplate as QueryTemplate
    from capillary_interactions.jobs._lists.rows import FORMATS as FORMATS
    from capillary_interactions.jobs._run.stream_rows import RowStream as RowStream
    from capillary_interactions.jobs._status import (  # isort: skip
        MANY_UNKNOWN as MANY_UNKNOWN,
        next_steps as next_steps,
        unknown_hint as unknown_hint,
    )

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
        "_report.write_report": ("check_report",),
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
        "_export.exporter": ("check_export",),
        "_job": ("Job",),
        "_lists.customer_list": ("CustomerList",),
        "_status": (
            "Failure",
            "JobStatus",
            "Progress",
            "Report",
            "RunFigures",
            "MANY_UNKNOWN",
            "next_steps",
            "unknown_hint",
        ),
        "_run.stop_rules": ("StopRules",),
        "_export.target_guard": ("refuse_job_or_list", "was_exported_by"),
        "_lists.query_template": ("QueryTemplate",),
        "_lists.rows": ("FORMATS",),
        "_run.stream_rows": ("RowStream",),
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
