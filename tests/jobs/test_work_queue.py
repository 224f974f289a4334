"""Which row does a job say it has done up to?"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from capillary_interactions.jobs._run.work_queue import Item, WorkQueue


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_is_settled_up_to_the_first_row_that_is_open(dice: random.Random, rows: int) -> None:
    """A later run begins there: no row before it is open, whatever order the outcomes come in."""
    queue = WorkQueue(None, 0, lambda: None)  # type: ignore[arg-type] # it has all rows already
    queue._rows.extend((number, str(number)) for number in range(1, rows + 1))
    out: list[Item] = []
    open_rows = set(range(1, rows + 1))
    for _ in range(4 * rows):
        if dice.random() < 0.5 and (item := queue.pop_nowait()) is not None:
            out.append(item)
        elif out:
            item = out.pop(dice.randrange(len(out)))
            if dice.random() < 0.2:
                queue.requeue(item)
            else:
                queue.mark_done(item.number)
                open_rows.discard(item.number)
        handed = max((item.number for item in out), default=0)
        assert queue.low_watermark < min(open_rows, default=rows + 1)
        assert queue.low_watermark >= min([*open_rows, handed, rows]) - 1
        assert queue.in_progress == len(out)
