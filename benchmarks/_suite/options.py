"""What is measured, and how long."""

from attrs import frozen

from benchmarks._suite.clients import Checkout


@frozen(kw_only=True)
class Options:
    """How long the groups measure, and against what.

    Attributes:
        rounds: How many turns each client has.
        requests: How many requests a turn has; groups scale it to what their items take.
        memory_items: Over how many items the memory of a stream is watched.
        before: Another checkout, whose library takes part.
    """

    rounds: int
    requests: int
    memory_items: int
    before: Checkout | None = None

    @property
    def few_rounds(self) -> int:
        """Rounds where a turn takes long: of whole processes, and of web applications."""
        return max(1, self.rounds // 2)
