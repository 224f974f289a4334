"""The benchmark of consumers fails where one loses, repeats or hoards events."""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import consumers
from benchmarks._consumer_chain import Interrupted
from benchmarks.consumers import Pressure, main


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (None, None),
        ("lost", "2 are lost"),
        ("repeated", "1 handled twice after SIGTERM"),
        ("hoarded", "25 unacknowledged"),
    ],
)
def test_fails_where_a_consumer_does(
    fault: str | None, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exits with 1, and says of which broker."""

    @contextlib.contextmanager
    def broker(*_: Any) -> Iterator[str]:
        yield "nowhere"

    def interrupted(*_: Any, **__: Any) -> Interrupted:
        if fault == "lost":
            raise RuntimeError("2 are lost")
        return Interrupted(handled=Counter({"1": 2}), repeated=int(fault == "repeated"))

    async def pressed(*_: Any, **__: Any) -> Pressure:
        held = 25 if fault == "hoarded" else 24
        return Pressure(handled=1, held=held, bound=24, grown=0, late=0)

    for name, stub in (("broker", broker), ("interrupted", interrupted), ("pressed", pressed)):
        monkeypatch.setattr(consumers, name, stub)
    monkeypatch.setattr(consumers, "program", lambda _: "installed")
    monkeypatch.setattr(sys, "argv", ["consumers", "--brokers", "redis"])
    if message is None:
        main()
    else:
        with pytest.raises(SystemExit, match=f"redis: {message}"):
            main()
