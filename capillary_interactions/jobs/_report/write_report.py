"""Writes the report of a job into a file. Blocks; belongs in a thread."""

from pathlib import Path

from capillary_interactions.jobs._export.atomic_file import atomic_write, check_target
from capillary_interactions.jobs._export.target_guard import refuse_job_or_list
from capillary_interactions.jobs._report.charts import import_matplotlib
from capillary_interactions.jobs._report.page import page
from capillary_interactions.jobs._report.summary import read_summary
from capillary_interactions.jobs._store.connection import sqlite_errors


def check_report(path: Path) -> None:
    """See whether a report can be written there, before a job is read for it.

    Args:
        path: The file.

    Raises:
        ExportError: It cannot: matplotlib is missing, or the folder cannot be written to.
    """
    import_matplotlib()
    check_target(path)


def write_report(job: Path, path: Path) -> None:
    """Write the report of a job.

    Raises:
        ExportError: It cannot be written, or not there: that is the job itself, or its list.
        JobStoreError: The job cannot be read.
    """
    check_report(path)
    refuse_job_or_list(job, path)
    with sqlite_errors(job):
        html = page(read_summary(job))
    with atomic_write(path) as part:
        part.write_text(html, "utf-8")
