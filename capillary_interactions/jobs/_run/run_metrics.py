"""What a run comes to, counted while it is under way."""

import time
from collections import Counter

from capillary_interactions._client.client import InteractionsClient
from capillary_interactions._model.outcome import Outcome
from capillary_interactions.jobs._run.stop_rules import is_unanswered
from capillary_interactions.jobs._status import JobStatus, Progress, RunFigures


class RunMetrics:
    """The figures of one run; the client's requests count from now on.

    Attributes:
        endings: Lookups by how they ended.
        unanswered: Lookups without an answer since the last answer.
        stopped: Why the run is over, if there is something left to do.
    """

    def __init__(self, client: InteractionsClient) -> None:
        self._client = client
        self._before = client.snapshot()
        self._started_at = time.monotonic()
        self._waited = 0.0
        self._served = 0.0
        self.stopped: str | None = None
        self.endings: Counter[str] = Counter()
        self.unanswered = 0

    @property
    def quota(self) -> float:
        config = self._client.config
        return len(config.credentials) * config.rate.requests / config.rate.per

    def record(self, outcome: Outcome) -> None:
        self.endings[outcome.ending] += 1
        self.unanswered = self.unanswered + 1 if is_unanswered(outcome) else 0
        self._waited += outcome.waited
        self._served += outcome.elapsed - outcome.waited

    def figures(self) -> RunFigures:
        before, now = self._before, self._client.snapshot()
        return RunFigures(
            seconds=time.monotonic() - self._started_at,
            asked=self.endings.total(),
            requests=now.requests - before.requests,
            retries=now.retries - before.retries,
            throttled=now.throttled - before.throttled,
            waited=self._waited,
            served=self._served,
            quota=self.quota,
            stopped=self.stopped,
        )

    def progress(self, status: JobStatus, paused: str | None) -> Progress:
        seconds = time.monotonic() - self._started_at
        return Progress(status=status, asked=self.endings.total(), seconds=seconds, paused=paused)
