"""Whose fault is it that a lookup cannot succeed: of what was asked, or of the settings?"""

from typing import Final

from capillary_interactions._errors import SettingsReason
from capillary_interactions._model.outcome import Rejected

# What Capillary says of the question itself, by status or by its own code; the rest of what it
# rejects (a wrong path, a method, a redirect) is a fault of the application's settings.
_ASKED_WRONGLY: Final = frozenset({400, 422, 618, 1001, 1002, 1003, 1015, 1042, 1104})


def is_request_fault(outcome: Rejected) -> bool:
    """Whether it is the question that is at fault."""
    if isinstance(outcome.reason, SettingsReason):
        return False
    return outcome.attempts == 0 or not _ASKED_WRONGLY.isdisjoint({outcome.status, outcome.code})
