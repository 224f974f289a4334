"""Where is a key among millions? Sorted runs with 16 bytes an entry, merged as they grow."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

# pyarrow has no types, so its modules and arrays are Any.


class KeyIndex:
    """Keys and the places of what belongs to them, both integers of 64 bits; a key may repeat."""

    def __init__(self, arrow: Any) -> None:
        self._arrow = arrow
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        """How many entries there are."""
        return sum(len(run.keys) for run in self._runs)

    def add(self, keys: Any, places: Any) -> None:
        """Add entries, from two arrays of the same length."""
        run = self._sorted(keys, places)
        # Each entry is sorted again as often as the number of entries doubles.
        while self._runs and len(self._runs[-1].keys) < 2 * len(run.keys):
            last = self._runs.pop()
            run = self._sorted(*map(self._joined, (last.keys, last.places), (run.keys, run.places)))
        self._runs.append(run)

    def find(self, key: int) -> Iterator[int]:
        """The places of a key, in no order."""
        for run in self._runs:
            view, index = run.view, bisect_left(run.view, key)
            while index < len(view) and view[index] == key:
                yield run.places[index].as_py()
                index += 1

    def _joined(self, first: Any, second: Any) -> Any:
        return self._arrow.concat_arrays([first, second])

    def _sorted(self, keys: Any, places: Any) -> "_Run":
        order = self._arrow.compute.array_sort_indices(keys)
        return _Run(keys.take(order), places.take(order))


class _Run:
    def __init__(self, keys: Any, places: Any) -> None:
        self.keys = keys
        self.places = places
        self.view = memoryview(keys.buffers()[1]).cast("B").cast("Q")[: len(keys)]
