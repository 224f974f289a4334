"""What do the quota's headers cost at real limiters? Refusals and the share used, for each."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from benchmarks._load import client_of, saturate, share_used
from benchmarks.servers.foreign_limiters import (
    Rules,
    express,
    flask,
    haproxy,
    haproxy_binary,
    install_flask,
    install_npm,
)
from capillary_interactions import RateLimit
from capillary_interactions.events import AttemptEnded, Event

LIMITS: Final = (
    RateLimit(20, 1.0),
    RateLimit(100, 2.0, burst=1),
    RateLimit(300, 18.0),
    RateLimit(1_000, 60.0),
)
_EXPRESS: Final = ("none", "legacy", "draft-6", "draft-7", "draft-8")
_FLEXIBLE: Final = ("date", "milliseconds", "epoch", "delta")
_STRATEGIES: Final = ("fixed-window", "moving-window", "sliding-window-counter")
_MAX_RATE: Final = 80.0
_AHEAD: Final = 600.0
_DAY: Final = (48_000, 86_400)


@define
class Seen:
    """An observer that counts answers and refusals.

    Attributes:
        answered: When answers came.
        refused: How many requests were refused for their rate.
    """

    answered: list[float] = field(factory=list)
    refused: int = 0

    def __call__(self, event: Event) -> None:
        """Count."""
        if isinstance(event, AttemptEnded):
            self.refused += event.status == 429
            if event.status == 200:
                self.answered.append(time.monotonic())


@frozen
class Row:
    """One setting at one limiter.

    Attributes:
        server: What it is called in the table.
        setting: Ours.
        quotas: The server's, each requests and seconds.
        url: Where it is.
    """

    server: str
    setting: RateLimit
    quotas: tuple[tuple[int, int], ...]
    url: str

    @property
    def rate(self) -> float:
        """Requests a second of the setting."""
        return self.setting.requests / self.setting.per

    def figures(self, seen: Seen) -> str:
        """A line of the table."""
        limit, per = self.quotas[0]
        share = share_used(seen.answered, limit / per)
        quotas = ", ".join(f"{limit}/{per}" for limit, per in self.quotas)
        return f"| {self.server} | {quotas} | {self.setting} | {seen.refused} | {share:.1%} |"


def _quotas(limit: RateLimit) -> tuple[int, int]:
    return limit.requests, int(limit.per)


def _express_rules() -> dict[str, dict[str, Any]]:
    rules = {}
    for limit in LIMITS:
        one = [_quotas(limit)]
        for form in _EXPRESS:
            rules[f"express-{form}-{limit.requests}"] = _rule("express", one, form)
        for form in _FLEXIBLE:
            rules[f"flexible-{form}-{limit.requests}"] = _rule("flexible", one, form)
    daily = [_quotas(LIMITS[-1]), _DAY]
    for form in ("draft-7", "draft-8"):
        rules[f"express-{form}-daily"] = _rule("express", daily, form)
    return rules


def _rule(kind: str, quotas: list[tuple[int, int]], form: str) -> dict[str, Any]:
    return {"kind": kind, "quotas": quotas, "form": form}


def _rows(url: str, rules: Rules, further: str = "") -> list[Row]:
    rows = []
    for name, rule in rules.items():
        (limit, per), *_ = quotas = tuple(map(tuple, rule["quotas"]))
        setting = next(one for one in LIMITS if _quotas(one) == (limit, per))
        shown = f"{rule['kind']}, {rule['form']}{further}"
        rows.append(Row(shown, setting, quotas, f"{url}/{name}"))
    return rows


def _misled(url: str) -> list[Row]:
    """A client that is set to twice what the server allows."""
    return [
        Row(f"express, {form}", RateLimit(40, 1.0), ((20, 1),), f"{url}/express-{form}-twice")
        for form in _EXPRESS
    ]


def _twice() -> dict[str, dict[str, Any]]:
    return {f"express-{form}-twice": _rule("express", [(20, 1)], form) for form in _EXPRESS}


def _simple_rules() -> dict[str, dict[str, Any]]:
    return {f"r{limit.requests}": {"quotas": [_quotas(limit)]} for limit in LIMITS}


@contextmanager
def _express_rows(home: Path) -> Iterator[list[Row]]:
    rules = _express_rules()
    legacy = {name: rule for name, rule in rules.items() if rule["form"] in {"legacy", "epoch"}}
    with express(home, {**rules, **_twice()}, 0.0) as url, express(home, legacy, _AHEAD) as ahead:
        yield [*_rows(url, rules), *_rows(ahead, legacy, ", clock ahead"), *_misled(url)]


def measure(rows: list[Row], seconds: float) -> Iterator[str]:
    """A line for each row, some rows at once; long windows last."""
    waiting = sorted(rows, key=lambda row: row.setting.per)
    while waiting:
        some = _some(waiting)
        watched = asyncio.run(_watched(some, seconds))
        yield from (row.figures(seen) for row, seen in zip(some, watched, strict=True))


def _some(waiting: list[Row]) -> list[Row]:
    """Take as many rows as one process and one server easily keep up with, at least one."""
    taken: list[Row] = []
    rate = 0.0
    while waiting and (not taken or rate + waiting[0].rate <= _MAX_RATE):
        rate += waiting[0].rate
        taken.append(waiting.pop(0))
    return taken


async def _watched(rows: list[Row], seconds: float) -> list[Seen]:
    watched = [Seen() for _ in rows]
    async with asyncio.TaskGroup() as group:
        for row, seen in zip(rows, watched, strict=True):
            client = client_of(row.url, row.setting, observers=[seen], in_flight=8)
            long = max(seconds, 1.1 * row.setting.per)
            group.create_task(saturate(client, seconds=long))
    return watched


def _print(rows: list[Row], seconds: float) -> None:
    for line in measure(rows, seconds):
        print(line, flush=True)


def print_headers(seconds: float) -> None:
    """The table of every limiter that can be had here."""
    print("| server, headers | its quota | our setting | refused | share used |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("npm", "flask", "haproxy"):
            (home / name).mkdir()
        npm = install_npm(home / "npm")
        if npm is not None:
            with _express_rows(npm) as rows:
                _print(rows, seconds)
        _print_flask(install_flask(home / "flask"), seconds)
        if haproxy_binary() is not None:
            _print_haproxy(home / "haproxy", seconds)


def _print_flask(gunicorn: Path, seconds: float) -> None:
    rules = _simple_rules()
    for strategy in _STRATEGIES:
        with (
            flask(gunicorn, rules, strategy, headers=False) as silent,
            flask(gunicorn, rules, strategy, headers=True) as telling,
        ):
            rows = [
                *_rows(silent, _named(rules, "Flask-Limiter", f"{strategy}, none")),
                *_rows(telling, _named(rules, "Flask-Limiter", f"{strategy}, legacy")),
            ]
            _print(rows, seconds)


def _named(rules: Rules, kind: str, form: str) -> Rules:
    return {name: {**rule, "kind": kind, "form": form} for name, rule in rules.items()}


def _print_haproxy(home: Path, seconds: float) -> None:
    rules = _simple_rules()
    with haproxy(home, rules) as (silent, telling):
        rows = [
            Row(f"HAProxy, sliding rate, {form}", limit, (_quotas(limit),), url)
            for form, urls in (("none", silent), ("legacy", telling))
            for limit, url in zip(LIMITS, urls, strict=True)
        ]
        _print(rows, seconds)
