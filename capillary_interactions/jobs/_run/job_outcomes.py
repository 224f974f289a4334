"""What may be done with the outcomes of a job between two runs: asked again, or forgotten."""

import time
from collections.abc import Iterable
from datetime import timedelta

from capillary_interactions._config.validation import check_age
from capillary_interactions._model.outcome import ENDINGS
from capillary_interactions._model.vocabulary import IdentifierName
from capillary_interactions.jobs._export.target_guard import clear_exports
from capillary_interactions.jobs._lists.same_customer import SameCustomer
from capillary_interactions.jobs._status import Forgotten
from capillary_interactions.jobs._store.job_file import JobFile
from capillary_interactions.jobs._store.job_settings import template_from_settings
from capillary_interactions.jobs._store.reopen import check_endings


class JobOutcomes:
    """What a job has recorded, to be changed while it is not run."""

    _file: JobFile

    async def retry(
        self, endings: Iterable[str] | None = None, *, older_than: timedelta | None = None
    ) -> int:
        """Have some customers looked up again by the next run.

        Without `older_than` their outcomes are deleted. With it they stay until there is a newer
        one, and an answer (found or not found) until there is a newer answer, whatever happens
        meanwhile: a run that is killed, or lookups that end otherwise.

        Args:
            endings: Those with which outcomes, by their names ("unavailable", "unreadable", ...);
                by default "unavailable", and with `older_than` all.
            older_than: Only those whose outcome is older.

        Returns:
            How many rows these customers have; rows that are no query are not among them.

        Raises:
            ValueError: There is no such ending, or `older_than` is no age.
            JobInUseError: It is being run.
            JobStoreError: There is no such job, or it cannot be written.
        """
        default = ("unavailable",) if older_than is None else ENDINGS
        unique = check_endings(default if endings is None else endings)
        age = None if older_than is None else check_age("older_than", older_than)
        async with self._file.locked():
            store = self._file.require_open()
            if age is None:
                return await self._file.thread(store.reopen, unique)
            return await self._file.thread(store.mark_stale, time.time() - age, unique)

    async def retry_damaged(self) -> int:
        """Delete outcomes that cannot be read; return how many rows are open again."""
        async with self._file.locked():
            return await self._file.thread(self._file.require_open().reopen_damaged)

    async def forget(self, name: IdentifierName | str, value: str) -> Forgotten:
        """Delete all that the job holds of one customer, for good.

        Their outcome, their rows with all cells, and rejected rows of theirs are deleted, and the
        job's file is written anew, so that no byte of them is left in it or in its log. That takes
        as much room again, for as long as it lasts, and as long as copying it. No later run asks
        for them, in whichever row they are; for that a keyed hash of the identifier is kept.
        Results that were written before, the list, copies and backups are the caller's.

        Args:
            name: The kind of identifier, which must be the job's.
            value: The identifier, in any spelling that means the same customer.

        Returns:
            How much that was, and where they may still be found.

        Raises:
            ValueError: The job has another kind of identifier, or the value is none.
            JobInUseError: It is being run, or another program reads it; in that case the rows are
                deleted, and it is to be called again.
            JobStoreError: There is no such job, or it cannot be written.
        """
        async with self._file.locked():
            store = self._file.require_open()
            template = template_from_settings(await self._file.thread(store.metadata, "settings"))
            if str(name) != template.name.value:
                raise ValueError(
                    f"the customers of this job are named by their {template.name.value}"
                )
            customer = SameCustomer(template, value)
            exports = await self._file.thread(clear_exports, self._file.path)
            rows, mentions = await self._file.thread.finish(store.forget, customer)
            return Forgotten(rows=rows, mentions=mentions, exports=exports)
