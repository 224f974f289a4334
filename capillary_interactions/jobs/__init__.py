"""Bulk jobs on disk: a list of customers goes in, every row ends in one recorded outcome.

A job can be killed at any moment and goes on where it was; see `Job`.
"""

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
