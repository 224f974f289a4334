"""`python -m benchmarks.without_async` measures what it says."""

from benchmarks.servers.fastest_http import fast_server
from benchmarks.without_async import CLIENTS, WORDS, rows, turns


def test_every_client_looks_customers_up() -> None:
    """In each of the ways that it has; the asynchronous one adds nothing to itself."""
    with fast_server() as base_url:
        figures = turns(base_url, 40, 1)

    assert {way for way, _ in figures} == set(WORDS)
    assert {client for _, client in figures} == set(CLIENTS)
    assert all(cpu > 0 and wall > 0 for pairs in figures.values() for cpu, wall in pairs)
    lines = list(rows(figures))
    assert len(lines) == len(figures)
    assert all(line.endswith("| 0 | 0 |") for line in lines if "| asynchronous |" in line)
