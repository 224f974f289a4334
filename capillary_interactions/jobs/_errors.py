"""The errors of a job, one class for each thing that a caller may do about it.

JobError
├── ListError          the list cannot be read, or not any further
│   └── NoListError    it is none, and not one of its rows is asked
├── JobInUseError      another process or task is running this job
├── JobChangedError    the list's known rows or the settings are not those the job began with
├── JobStoreError      the job's file cannot be read or written
│   └── NoJobError     there is none
├── ExportError        a result cannot be written
└── WrongListError     most of the first rows are rejected
"""

from capillary_interactions._errors import CapillaryError


class JobError(CapillaryError):
    """A job cannot begin or go on; the text is for a person and says what to do.

    Attributes:
        begun: Whether the run has sent requests; False if it has done nothing at all.
    """

    begun = True


class ListError(JobError):
    """A list that cannot be read, or not any further."""


class NoListError(ListError):
    """What seems to be a list is none: no request is sent for any of its rows."""


class JobInUseError(JobError):
    """The job is being run by another process or task."""


class JobChangedError(JobError):
    """The rows known of the list, or the settings, are not those that the job began with.

    Attributes:
        rows_differ: Whether it is the rows, and neither the columns nor the settings.
    """

    rows_differ = False


class JobStoreError(JobError):
    """The job's file cannot be opened, read or written; what it holds is still there.

    Attributes:
        full: Whether there seems to be no room left on the disk.
    """

    full = False


class NoJobError(JobStoreError):
    """There is no job at that path."""


class ExportError(JobError):
    """A result cannot be written; what was there before is still there."""


class WrongListError(JobError):
    """Too many of the first rows are rejected: the list or the column must be the wrong one."""
