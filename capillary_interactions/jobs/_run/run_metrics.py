"""What does a run come to? Counted while it goes on."""

import time
from collections import Counter

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._run.stop_rules import is_unanswered
from capillary_interactions.jobs._status import JobStatus, Progress, RunFigures


class RunMetrics:
    """The figures of one run.

    Args:
        client: Whose requests count, from now on.
    """

    def __init__(self, client: InteractionsClient) -> None:
        self._client = client
        self._before = client.snapshot()
        self._begun = time.monotonic()
        self._waited = 0.0
        self._served = 0.0
        self._stopped: str | None = None
        self.endings: Counter[str] = Counter()
        self.unanswered = 0

    @property
    def quota(self) -> float:
        """Requests a second that the quota allows."""
        config = self._client.config
        return len(config.credentials) * config.rate.requests / config.rate.per

    def record(self, outcome: Outcome) -> None:
        """A lookup has ended."""
        self.endings[outcome.ending] += 1
        self.unanswered = self.unanswered + 1 if is_unanswered(outcome) else 0
        self._waited += outcome.waited
        self._served += outcome.elapsed - outcome.waited

    def stop(self, reason: str | None) -> None:
        """The run is over, and this is why if there is something left to do."""
        self._stopped = reason

    def figures(self) -> RunFigures:
        """What it has come to by now."""
        before, now = self._before, self._client.snapshot()
        return RunFigures(
            seconds=time.monotonic() - self._begun,
            asked=self.endings.total(),
            requests=now.requests - before.requests,
            retries=now.retries - before.retries,
            throttled=now.throttled - before.throttled,
            waited=self._waited,
            served=self._served,
            quota=self.quota,
            stopped=self._stopped,
        )

    def progress(self, status: JobStatus, paused: str | None) -> Progress:
        """How far it is."""
        seconds = time.monotonic() - self._begun
        return Progress(status=status, asked=self.endings.total(), seconds=seconds, paused=paused)
