"""Is the quota never exceeded and hardly wasted? Against every way of counting, and real nginx.

python -m benchmarks.quota [--seconds 30]
python -m benchmarks.quota --nginx [--seconds 60]
python -m benchmarks.quota --headers [--seconds 20]
python -m benchmarks.quota --learned [--seconds 60]
python -m benchmarks.quota --turns [--seconds 20]
"""

import argparse
import asyncio
import logging
from typing import Final

from attrs import frozen

from benchmarks._adaptive_rate import print_learned
from benchmarks._fairness import print_turns
from benchmarks._headers import print_headers
from benchmarks._load import burst_of, client_of, saturate, share_used
from benchmarks._nginx_trial import print_nginx
from benchmarks.servers.rate_limited import Limited, Rule, limited
from capillary_interactions import RateLimit

SETTINGS: Final = (
    RateLimit(1, 0.25),
    RateLimit(20, 1.0),
    RateLimit(50, 1.0),
    RateLimit(100, 2.0, burst=10),
    RateLimit(300, 6.0),
    RateLimit(1_000, 60.0),
)


@frozen(kw_only=True)
class Row:
    """A setting of ours against a server's limiter.

    Attributes:
        limit: Our setting.
        rule: How the server counts.
        promised: Whether the documentation of `RateLimit` promises that nothing is refused.
    """

    limit: RateLimit
    rule: Rule
    promised: bool

    @property
    def name(self) -> str:
        """As it may stand in a path."""
        kind = self.rule.kind.replace(" ", "-")
        return f"{kind}-{self.rule.burst}-{self.limit.requests}-{self.limit.per:g}"


def rows_of(limit: RateLimit) -> list[Row]:
    """Every way of counting for one setting."""

    def row(kind: str, burst: int, *, promised: bool = True) -> Row:
        rule = Rule(kind=kind, requests=limit.requests, per=limit.per, burst=burst)
        return Row(limit=limit, rule=rule, promised=promised)

    ours = burst_of(limit)
    return [
        row("sliding log", 0),
        row("fixed window", 0),
        *(row(kind, max(limit.requests, ours + 1)) for kind in ("token bucket", "GCRA")),
        *(row(kind, ours + 1) for kind in ("token bucket", "GCRA") if ours + 1 < limit.requests),
        row("GCRA", ours, promised=False),
    ]


async def measure(server: Limited, rows: list[Row], seconds: float) -> list[tuple[int, float]]:
    """Requests refused and the share used of each row's quota, all rows at the same time."""
    async with asyncio.TaskGroup() as group:
        for row in rows:
            client = client_of(server.url(row.name), row.limit)
            group.create_task(saturate(client, seconds=seconds))
    return [_figures(row, *server.counts(row.name)) for row in rows]


def _figures(row: Row, admitted: list[float], rejected: list[float]) -> tuple[int, float]:
    return len(rejected), share_used(admitted, row.limit.requests / row.limit.per)


def _print_table(seconds: float) -> None:
    print("| our setting | server counts by | its burst | promised | refused | share used |")
    print("|---|---|---|---|---|---|")
    for limit in SETTINGS:
        rows = rows_of(limit)
        with limited({row.name: row.rule for row in rows}) as server:
            figures = asyncio.run(measure(server, rows, max(seconds, 2 * limit.per)))
        for row, (refused, share) in zip(rows, figures, strict=True):
            promised = "yes" if row.promised else "no"
            print(
                f"| {_shown(limit)} | {row.rule.kind} | {row.rule.burst or ''} | {promised} "
                f"| {refused} | {share:.1%} |",
                flush=True,
            )


def _shown(limit: RateLimit) -> str:
    return f"{limit}, burst {burst_of(limit)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--nginx", action="store_true", help="against real nginx")
    what.add_argument("--headers", action="store_true", help="against real limiters, by headers")
    what.add_argument("--learned", action="store_true", help="a quota lower than the setting")
    what.add_argument("--turns", action="store_true", help="priority, shares, credentials")
    parser.add_argument("--seconds", type=float, help="for each row")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.nginx:
        print_nginx(options.seconds or 60.0)
    elif options.headers:
        print_headers(options.seconds or 20.0)
    elif options.learned:
        print_learned(options.seconds or 60.0)
    elif options.turns:
        print_turns(options.seconds or 20.0)
    else:
        _print_table(options.seconds or 30.0)


if __name__ == "__main__":
    main()
