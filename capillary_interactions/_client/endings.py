"""How have the lookups of a client ended?"""

from collections import Counter

from attrs import define, field

from capillary_interactions._client.observers import Observers
from capillary_interactions._client.refused_settings import RefusedSettings
from capillary_interactions._model.outcome import Outcome, Rejected


@define(eq=False)
class LookupEndings:
    """Counts them, and emits their events.

    Attributes:
        counts: Lookups by the name of their ending.
    """

    observers: Observers
    refused_settings: RefusedSettings
    counts: Counter[str] = field(factory=Counter, init=False)

    def record(self, outcome: Outcome, lookup: int) -> Outcome:
        """Take in an outcome, and return it; `lookup` is its number for observers, or 0."""
        self.counts[outcome.ending] += 1
        if self.refused_settings.watching or isinstance(outcome, Rejected):
            self.refused_settings.record(outcome)
        if lookup:
            self.observers.end_lookup(lookup, outcome)
        return outcome
