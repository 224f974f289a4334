"""The row up to which a job is done."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs._run.work_queue import Item, WorkQueue


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_low_watermark_is_before_the_first_open_row(rng: random.Random, rows: int) -> None:
    """A later run starts there; no row before it is open, in whatever order lookups end."""
    queue = WorkQueue(None, 0, lambda: None)  # type: ignore[arg-type] # it has all rows already
    queue._rows.extend((number, str(number)) for number in range(1, rows + 1))
    in_progress: list[Item] = []
    open_rows = set(range(1, rows + 1))
    for _ in range(4 * rows):
        if rng.random() < 0.5 and (item := queue.pop_nowait()) is not None:
            in_progress.append(item)
        elif in_progress:
            item = in_progress.pop(rng.randrange(len(in_progress)))
            if rng.random() < 0.2:
                queue.requeue(item)
            else:
                queue.mark_done(item.number)
                open_rows.discard(item.number)
        dispatched = max((item.number for item in in_progress), default=0)
        assert queue.low_watermark < min(open_rows, default=rows + 1)
        assert queue.low_watermark >= min([*open_rows, dispatched, rows]) - 1
        assert queue.in_progress == len(in_progress)
