"""What `check` prints: settings in columns, and steps with what to do about them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from capillary_interactions._model.check_report import CheckStep
from capillary_interactions._text.wording import format_duration
from capillary_interactions.cli._check_settings import ShownSetting

if TYPE_CHECKING:
    from capillary_interactions._config.profiles import Profile


def setting_lines(shown: Sequence[ShownSetting], profile: "Profile | None") -> Iterator[str]:
    """A line for each setting: name, value, origin."""
    yield "settings" if profile is None else f"settings ({profile.label})"
    names = max(len(setting.path) for setting in shown)
    values = max(len(setting.value) for setting in shown)
    for setting in shown:
        yield f"  {setting.path:{names}}  {setting.value:{values}}  {setting.origin}"


def step_lines(steps: Sequence[CheckStep]) -> Iterator[str]:
    """A line for each step, and one for what to do."""
    yield "steps"
    for step in steps:
        seconds = "" if step.seconds is None else f" ({format_duration(step.seconds)})"
        yield f"  {step.status:7}  {step.name:11}  {step.detail}{seconds}"
        if step.advice:
            yield f"           {'':11}  {step.advice}"
