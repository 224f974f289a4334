"""What does this client cost over HTTP, beside bare aiohttp and what else one would write?"""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks._suite.clients import (
    SERVER_CORE,
    Contender,
    installed,
    interleaved,
    with_before,
)
from benchmarks._suite.figures import (
    BEFORE,
    Report,
    Series,
    Spread,
    differences,
    markdown,
    ratios,
    spread,
)
from benchmarks._suite.options import Options
from benchmarks.servers.fastest_http import fast_server, production_server

_BARE: Final = Contender(name="bare aiohttp, bytes", target="bare_aiohttp:reading_bytes")
_LOOKUP: Final = Contender(name="lookup", target="this_client:lookup")
_STREAM: Final = Contender(name="stream", target="this_client:stream", style="in bulk")
_AIOHTTP_RETRY: Final = Contender(
    name="aiohttp_retry + pydantic",
    target="retrying_aiohttp:reading_models",
    needs=("aiohttp_retry", "pydantic"),
)
_HTTPX: Final = Contender(
    name="httpx + tenacity + pydantic",
    target="retrying_httpx:reading_models",
    needs=("httpx", "pydantic"),
    pace=0.1,
)
OVERHEAD: Final = (
    _BARE,
    _LOOKUP,
    _STREAM,
    Contender(name="lookup, uvloop", target=_LOOKUP.target, loop="uvloop"),
    Contender(name="stream, uvloop", target=_STREAM.target, style=_STREAM.style, loop="uvloop"),
    Contender(name="bare aiohttp, uvloop", target=_BARE.target, loop="uvloop"),
    Contender(name="bare aiohttp, orjson.loads", target="bare_aiohttp:reading_json"),
    Contender(
        name="... gathered with a semaphore", target="gathering:with_semaphore", style="in bulk"
    ),
    Contender(
        name="... by aiometer", target="metered:with_amap", style="in bulk", needs=("aiometer",)
    ),
    Contender(name="five libraries, composed", target="five_libraries:paced_and_retrying"),
    _AIOHTTP_RETRY,
    Contender(
        name="niquests + pydantic",
        target="retrying_niquests:reading_models",
        needs=("niquests", "pydantic"),
        pace=0.1,
    ),
    _HTTPX,
)
_PRODUCTION: Final = (_BARE, _LOOKUP, _STREAM, _AIOHTTP_RETRY)
SINGLE: Final = (
    Contender(name=_BARE.name, target=_BARE.target, style="one by one"),
    Contender(name=_LOOKUP.name, target=_LOOKUP.target, style="one by one"),
)


def overhead(options: Options) -> Report:
    """Plain HTTP, 32 at once."""
    contenders = installed(with_before(OVERHEAD, options.before))
    with fast_server(SERVER_CORE) as base_url:
        series = interleaved(contenders, base_url, rounds=options.rounds, items=options.requests)
    return Report(
        title="Plain HTTP, 32 at once",
        text=_table(series),
        figures={**_shares(series), **_versus(series, _HTTPX), **_versus(series, _AIOHTTP_RETRY)},
    )


def production(options: Options) -> Report:
    """TLS, gzip and a dozen headers, 32 at once."""
    contenders = installed(with_before(_PRODUCTION, options.before))
    with production_server(SERVER_CORE) as (base_url, authorities):
        series = interleaved(
            contenders,
            base_url,
            rounds=options.rounds,
            items=options.requests,
            environment={"SSL_CERT_FILE": authorities},
        )
    return Report(
        title="TLS, gzip and 13 headers, 32 at once",
        text=_table(series),
        figures={f"production {name}": share for name, share in _shares(series).items()},
    )


def single(options: Options) -> Report:
    """One lookup at a time, with nothing beside it."""
    contenders = with_before(SINGLE, options.before)
    with fast_server(SERVER_CORE) as base_url:
        series = interleaved(
            contenders, base_url, rounds=options.rounds, items=max(1, options.requests // 2)
        )
    bare = series[_BARE.name]
    added = {
        name: [
            spread([seconds * 1e6 for seconds in differences(mine, its)])
            for mine, its in ((one.cpu, bare.cpu), (one.wall, bare.wall))
        ]
        for name, one in series.items()
        if one is not bare
    }
    rows = [(name, *_micros(one), *added.get(name, ("", ""))) for name, one in series.items()]
    heads = ("median of single lookups", "CPU µs", "wall µs", "CPU µs added", "wall µs added")
    figures = {f"added by {name}": cpu for name, (cpu, _) in added.items()}
    return Report(title="One lookup at a time", text=markdown(heads, rows), figures=figures)


def _micros(one: Series) -> tuple[str, str]:
    return f"{spread(one.cpu).median * 1e6:.0f}", f"{spread(one.wall).median * 1e6:.0f}"


def _table(series: Mapping[str, Series]) -> str:
    bare = series[_BARE.name]
    rows = []
    for name, one in series.items():
        throughput = f"{1 / spread(one.wall).median:,.0f}"
        compared = (spread(ratios(bare.cpu, one.cpu)), spread(ratios(bare.wall, one.wall)))
        rows.append((name, throughput, _micros(one)[0], *compared))
    heads = ("client", "requests/s", "CPU µs", "share of bare aiohttp, CPU", "wall")
    return markdown(heads, rows)


def _shares(series: Mapping[str, Series]) -> dict[str, Spread]:
    """What each reaches of bare aiohttp, by CPU time."""
    bare = series[_BARE.name].cpu
    return {name: spread(ratios(bare, one.cpu)) for name, one in series.items()}


def _versus(series: Mapping[str, Series], rival: Contender) -> dict[str, Spread]:
    """How many times as fast as a rival the slower of lookup and stream is."""
    if rival.name not in series:
        return {}
    compared = {}
    for suffix in ("", BEFORE):
        pair: Sequence[Series] = [
            series[one.name + suffix] for one in (_LOOKUP, _STREAM) if one.name + suffix in series
        ]
        faster = [spread(ratios(series[rival.name].cpu, one.cpu)) for one in pair]
        if faster:
            compared[f"times {rival.name}{suffix}"] = min(faster, key=lambda one: one.median)
    return compared
