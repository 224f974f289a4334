"""Rules by which a run pauses or stops, over lookups that have ended. Pure."""

import math
from typing import Final, TypeGuard

from attrs import field, frozen

from capillary_interactions._config.validation import check_count, check_seconds, valid_type
from capillary_interactions._errors import ConfigurationError, SettingsReason
from capillary_interactions._model.outcome import Outcome, Rejected, Unavailable

Unanswered = Unavailable | Rejected
# That many rejections in a row before any answer are not the customers' fault.
_MAX_REJECTED: Final = 5


def _check_timeout(name: str, value: object) -> None:
    if value != math.inf:
        check_seconds(name, value)


@frozen(kw_only=True)
class StopRules:
    """When a run pauses, gives up, or finds that the list must be the wrong one.

    Refused credentials always stop a run at once.

    A code about a setting (source, account id, organisation or till, API version) may come for
    single customers, too, so the run ends for it once as many different ones in a row had one, with
    no answer in between: 5 before the first answer of the run, 50 after it, and two where these
    are the last of a list without any answer. All of them stay open. If others are answered first,
    theirs are outcomes like any other.

    Args:
        unanswered: Lookups in a row without any answer after which the run pauses: it looks up
            only one customer now and then, until there is an answer; None for never.
        silence: Seconds without any answer after which it pauses, too.
        probe_initial: Seconds of a pause before the first of these lookups; doubled each time.
        probe_max: Seconds between two of them at most.
        give_up_after: Seconds of a pause after which the run ends; `math.inf` for never.
        rejected_share: If as large a share of the first `rejected_of` rows is rejected, the run
            stops; None for never.
        rejected_of: See there.
        refused_settings: Whether the run ends where the API refuses a setting for one customer
            after another; if not, each of them is rejected.

    Raises:
        ConfigurationError: One of them cannot work.
    """

    unanswered: int | None = 20
    silence: float | None = 120.0
    probe_initial: float = 2.0
    probe_max: float = 60.0
    give_up_after: float = 3600.0
    rejected_share: float | None = 0.5
    rejected_of: int = 100
    refused_settings: bool = field(default=True, validator=valid_type(bool))

    def __attrs_post_init__(self) -> None:
        if self.unanswered is not None:
            check_count("stops.unanswered", self.unanswered)
        if self.silence is not None:
            _check_timeout("stops.silence", self.silence)
        check_seconds("stops.probe_initial", self.probe_initial)
        check_seconds("stops.probe_max", self.probe_max)
        if self.give_up_after != 0:
            _check_timeout("stops.give_up_after", self.give_up_after)
        check_count("stops.rejected_of", self.rejected_of)
        share = self.rejected_share
        if share is not None and check_seconds("stops.rejected_share", share) > 1:
            raise ConfigurationError(f"stops.rejected_share must be at most 1, not {share!r}")

    def probe_delay(self, probes: int) -> float:
        """Seconds before the next probe, after a number of probes without an answer."""
        return min(self.probe_max, self.probe_initial * 2.0 ** min(probes, 60))

    @property
    def may_pause(self) -> bool:
        """Whether any number of lookups without an answer, or any silence, pauses a run."""
        return self.unanswered is not None or (self.silence or math.inf) < math.inf

    def is_wrong_list(self, rows: int, rejected: int) -> bool:
        """Whether the list or the column must be the wrong one.

        Args:
            rows: Of the first `rejected_of` rows, how many there are.
            rejected: How many of them are rejected.
        """
        if self.rejected_share is None or rows < self.rejected_of:
            return False
        return rejected >= self.rejected_share * self.rejected_of


class FirstAnswer:
    """Whether the settings can be right at all, which the first answer of a run shows.

    Before it, a certificate that is not accepted ends the run: waiting does not help. After it, the
    same is an outage, as certificates are renewed and pages of proxies go away.

    Attributes:
        in_a_row: Lookups that have ended for a setting, before any answer.
        answered: Whether there has been one.
    """

    def __init__(self) -> None:
        self.in_a_row = 0
        self.answered = False

    def is_wrong(self, outcome: Outcome) -> bool:
        """Record an outcome; return whether a setting must be wrong."""
        if not is_about_settings(outcome):
            self.answered = self.answered or not isinstance(outcome, Unavailable)
            return False
        if self.answered:
            return False
        self.in_a_row += 1
        return isinstance(outcome, Unavailable) or self.in_a_row >= _MAX_REJECTED

    def suspects(self, outcome: Outcome) -> bool:
        """Whether an outcome may come from the settings and not from its customer."""
        return not self.answered and is_about_settings(outcome)


def is_about_settings(outcome: Outcome) -> bool:
    """Whether its reason is the deployment, or a setting that the API itself has not refused.

    What the API refuses by a code is counted by `RefusedSettings`, by customers.
    """
    if isinstance(outcome, Rejected) and outcome.code is not None:
        return False
    return isinstance(outcome, Unavailable | Rejected) and isinstance(
        outcome.reason, SettingsReason
    )


def is_unanswered(outcome: Outcome) -> TypeGuard[Unanswered]:
    """Whether the API itself has not answered."""
    return isinstance(outcome, Unavailable) or is_about_settings(outcome)
