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
        mean = self._mean
        if mean is None:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            error = seconds - mean
            self._mean = mean + _MEAN_WEIGHT * error
            self._deviation += _DEVIATION_WEIGHT * (abs(error) - self._deviation)
        self.expected = (self._mean or 0.0) + _DEVIATIONS * self._deviation
