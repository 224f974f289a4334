"""What has a check of the settings, the way to the API and the credentials found?"""

from typing import Any, Literal

from attrs import frozen

CheckStatus = Literal["ok", "warning", "failed", "skipped"]


@frozen(kw_only=True)
class CheckStep:
    """One step of a check.

    Attributes:
        name: Which one: "dns", "tcp", "tls", "credentials", "quota", "clock" or another.
        status: "ok", "warning" (lookups work, or may soon), "failed", or "skipped" where there was
            nothing to look at.
        detail: What was found, with nothing personal and no secret in it.
        advice: What to do about it; "" where nothing is.
        seconds: How long it took, or None where it took none of its own.
    """

    name: str
    status: CheckStatus
    detail: str
    advice: str = ""
    seconds: float | None = None


@frozen(kw_only=True)
class CheckReport:
    """What a check has found.

    Attributes:
        steps: Its steps, in their order; none follows one that has failed and that it depends on.
    """

    steps: tuple[CheckStep, ...]

    @property
    def ok(self) -> bool:
        """Whether no step has failed."""
        return self.failed is None

    @property
    def failed(self) -> CheckStep | None:
        """The first step that has failed, or None."""
        return next((step for step in self.steps if step.status == "failed"), None)


def step_to_json(step: CheckStep) -> dict[str, Any]:
    """A step as plain JSON; what is empty is left out."""
    seconds = None if step.seconds is None else round(step.seconds, 6)
    fields = {"advice": step.advice or None, "seconds": seconds}
    found = {name: value for name, value in fields.items() if value is not None}
    return {"name": step.name, "status": step.status, "detail": step.detail, **found}


def report_to_json(report: CheckReport) -> dict[str, Any]:
    """A report as plain JSON."""
    return {"ok": report.ok, "steps": [step_to_json(step) for step in report.steps]}
