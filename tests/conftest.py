"""What holds for every test."""

from typing import Final

import pytest

# These repeat a thousand times, or through a whole system, what others cover once; the tracer
# would double what they cost.
_UNTRACED: Final = (
    "tests/json/test_any_answer.py",
    "tests/json/test_read_again.py",
    "tests/package/test_structure.py",
    "tests/end_to_end/test_leaving.py",
    "tests/integrations/brokers/test_brokers.py",
    "tests/integrations/consuming/test_scenes.py",
    "tests/jobs/test_kills.py",
    "tests/jobs/test_scenes.py",
    "tests/real_servers/",
    "tests/integrations/web/test_under_uvicorn.py",
    "tests/client/test_cancellation.py",
    "tests/client/test_left_early.py",
    "tests/client/test_limiters_headers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what measures a chance: the tracer takes as long as the client, and others work here."""
    for item in items:
        if item.nodeid.startswith(_UNTRACED):
            item.add_marker(pytest.mark.no_cover)
        if item.get_closest_marker("measures") is not None:
            item.add_marker(pytest.mark.no_cover)
            item.add_marker(pytest.mark.flaky(reruns=2))
