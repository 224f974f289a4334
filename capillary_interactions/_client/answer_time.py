"""How long does an answer take, for all but a few? By the rule that TCP has for its own timer."""

from typing import Final

from attrs import define, field

# RFC 6298, section 2: the weights of the newest sample in the mean and in the mean deviation, and
# how many deviations are added.
_MEAN_WEIGHT: Final = 1 / 8
_DEVIATION_WEIGHT: Final = 1 / 4
_DEVIATIONS: Final = 4


@define
class AnswerTime:
    """The time that the answers of one credential take, learned from each.

    Attributes:
        expected: Seconds in which the next answer should be here; 0 before the first one.
    """

    expected: float = field(default=0.0, init=False)
    _mean: float | None = field(default=None, init=False)
    _deviation: float = field(default=0.0, init=False)

    def add(self, seconds: float) -> None:
        """Learn from an answer."""
        mean, deviation = self._mean, self._deviation
        if mean is None:
            mean, deviation = seconds, seconds / 2
        else:
            error = seconds - mean
            mean += _MEAN_WEIGHT * error
            deviation += _DEVIATION_WEIGHT * (abs(error) - deviation)
        self._mean, self._deviation = mean, deviation
        self.expected = mean + _DEVIATIONS * deviation
