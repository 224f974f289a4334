"""Bulk jobs on disk: a list of customers goes in, every row ends in one recorded outcome.

A job can be killed at any moment, and resumes where it was; see `Job`.
"""

from typing import TYPE_CHECKING

from capillary_interactions._lazy import lazy_names

if TYPE_CHECKING:
    from capillary_interactions.jobs._errors import ExportError as ExportError
    from capillary_interactions.jobs._errors import JobChangedError as JobChangedError
    from capillary_interactions.jobs._errors import JobError as JobError
    from capillary_interactions.jobs._errors import JobInUseError as JobInUseError
    from capillary_interactions.jobs._errors import JobStoreError as JobStoreError
    from capillary_interactions.jobs._errors import ListError as ListError
    from capillary_interactions.jobs._errors import NoJobError as NoJobError
    from capillary_interactions.jobs._errors import WrongListError as WrongListError
    from capillary_interactions.jobs._export.exporter import check_export as check_export
    from capillary_interactions.jobs._export.target_guard import (
        refuse_job_or_list as refuse_job_or_list,
    )
    from capillary_interactions.jobs._export.target_guard import was_exported_by as was_exported_by
    from capillary_interactions.jobs._job import Job as Job
    from capillary_interactions.jobs._lists.customer_list import CustomerList as CustomerList
    from capillary_interactions.jobs._lists.formats import FORMATS as FORMATS
    from capillary_interactions.jobs._lists.query_template import QueryTemplate as QueryTemplate
    from capillary_interactions.jobs._plan import Plan as Plan
    from capillary_interactions.jobs._plan import Rejection as Rejection
    from capillary_interactions.jobs._plan import plan_job as plan_job
    from capillary_interactions.jobs._report.write_report import check_report as check_report
    from capillary_interactions.jobs._run.stop_rules import StopRules as StopRules
    from capillary_interactions.jobs._run.stream_rows import RowStream as RowStream
    from capillary_interactions.jobs._status import MANY_UNKNOWN as MANY_UNKNOWN
    from capillary_interactions.jobs._status import Failure as Failure
    from capillary_interactions.jobs._status import Forgotten as Forgotten
    from capillary_interactions.jobs._status import JobStatus as JobStatus
    from capillary_interactions.jobs._status import Progress as Progress
    from capillary_interactions.jobs._status import Report as Report
    from capillary_interactions.jobs._status import RunFigures as RunFigures
    from capillary_interactions.jobs._status import next_steps as next_steps
    from capillary_interactions.jobs._status import unknown_hint as unknown_hint
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "._errors": "ExportError JobChangedError JobError JobInUseError JobStoreError "
            "ListError NoJobError WrongListError",
            "._export.exporter": "check_export",
            "._job": "Job",
            "._lists.customer_list": "CustomerList",
            "._plan": "Plan Rejection plan_job",
            "._report.write_report": "check_report",
            "._run.stop_rules": "StopRules",
            "._status": "Failure Forgotten JobStatus Progress Report RunFigures",
        },
        unlisted={  # what the command line uses
            "._export.target_guard": "refuse_job_or_list was_exported_by",
            "._lists.query_template": "QueryTemplate",
            "._lists.formats": "FORMATS",
            "._run.stream_rows": "RowStream",
            "._status": "MANY_UNKNOWN next_steps unknown_hint",
        },
    )
