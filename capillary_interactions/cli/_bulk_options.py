"""What options of `bulk` mean together."""

from datetime import timedelta

from attrs import frozen

from capillary_interactions.jobs import StopRules


@frozen
class StopOptions:
    """When to pause and to stop."""

    unanswered: int | None
    patience: float
    accept_rejected: bool
    limit: int | None
    refresh: timedelta | None

    def rules(self) -> StopRules:
        default = StopRules()
        return StopRules(
            unanswered=self.unanswered,
            silence=None if self.unanswered is None else default.silence,
            give_up_after=self.patience,
            refused_settings=self.unanswered is not None,
            rejected_share=None if self.accept_rejected else default.rejected_share,
        )


@frozen
class PlanningOptions:
    """Whether a run is only planned, and how."""

    dry_run: bool
    latency: float
    as_json: bool
