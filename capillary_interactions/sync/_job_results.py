"""The results of a job, for code without an event loop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capillary_interactions.jobs import Job as AsyncJob
from capillary_interactions.sync._loop_thread import LoopThread, loop_thread

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped] # noqa: ICN001 - an extra


class JobResults:
    """What a job has recorded so far; it may be read while the job is run."""

    def __init__(self, job: AsyncJob) -> None:
        self._job = job
        self._thread: LoopThread | None = None
        self._holder = object()

    @property
    def path(self) -> Path:
        """Its file."""
        return self._job.path

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - the usual name
        mask_codes: bool = False,
        for_spreadsheets: bool = False,
    ) -> int:
        """Write all outcomes into a file, completely or not at all.

        JSON lines hold one object a row of the list, as `to_jsonable(outcome)` gives it. CSV,
        Parquet and SQLite hold one row a message, with the columns of the list; customers without
        messages have a row too. Rows that are still open are left out. It may be called during a
        run, and any number of times.

        Args:
            path: The file; it is replaced in one step. Its suffix is the format: .jsonl, .csv,
                .parquet or .sqlite, the first two also followed by .gz or .zst.
            format: "jsonl", "csv", "parquet" or "sqlite", for another suffix.
            mask_codes: Whether what may be one-time codes in subjects is masked.
            for_spreadsheets: Whether a CSV is for people who open it in a spreadsheet: marked as
                UTF-8, with an apostrophe before texts that would be run as formulas, or lose a
                plus, zeros or digits. Not for programs.

        Returns:
            How many rows of the list it holds.

        Raises:
            ExportError: It cannot be written, the format is unknown, or it is a job or the list.
            NoJobError: There is no such job.
        """
        with self._used() as thread:
            return thread.run(
                self._job.export,
                path,
                format=format,
                mask_codes=mask_codes,
                for_spreadsheets=for_spreadsheets,
            )

    def table(self, *, mask_codes: bool = False) -> "pyarrow.Table":
        """All outcomes as a `pyarrow.Table`, with the columns of `export`; needs the extra `arrow`.

        Polars, pandas and DuckDB take it without a copy. For more than fits into memory there is
        `record_batches`.

        Args:
            mask_codes: Whether what may be one-time codes in subjects is masked.

        Raises:
            ExportError: pyarrow is not installed.
            NoJobError: There is no such job.
        """
        with self._used() as thread:
            return thread.run(self._job.table, mask_codes=mask_codes)

    def record_batches(self, *, mask_codes: bool = False) -> "pyarrow.RecordBatchReader":
        """The same as a `pyarrow.RecordBatchReader`, with a few thousand rows in memory.

        It blocks where it is iterated over, and gives what had ended when its first batch was
        read, also during a run.

        Raises:
            ExportError: pyarrow is not installed.
            NoJobError: There is no such job.
        """
        return self._job.record_batches(mask_codes=mask_codes)

    def _check(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.check_process()

    @contextmanager
    def _used(self) -> Iterator[LoopThread]:
        self._check()
        with loop_thread() as thread:
            yield thread
