"""What holds for every test."""

import gc
from typing import Final

import pytest
from hypothesis import settings

# Laws look at 40 examples here, and at 2,000 with `--hypothesis-profile=thorough`.
settings.register_profile("suite", settings(), max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

# What is collected stays: nothing of it is garbage, and no later collection needs to look at it.
gc.disable()

# These repeat many times, or through the complete system, what others cover once; the tracer would
# double what they cost.
_UNTRACED: Final = (
    "tests/cli/test_jobs_export.py",
    "tests/cli/test_signals.py",
    "tests/cli/test_streams.py",
    "tests/client/test_blocked_machine.py",
    "tests/client/test_cancellation.py",
    "tests/client/test_left_early.py",
    "tests/client/test_limiters_headers.py",
    "tests/client/test_state_machine.py",
    "tests/client/test_stream_share.py",
    "tests/docs/",
    "tests/end_to_end/",
    "tests/integrations/brokers/test_brokers.py",
    "tests/integrations/consuming/test_scenes.py",
    "tests/integrations/telemetry/test_nothing_personal.py",
    "tests/integrations/web/test_under_uvicorn.py",
    "tests/jobs/test_csv_laws.py",
    "tests/jobs/test_firewall.py",
    "tests/jobs/test_kills.py",
    "tests/jobs/test_report_in_a_browser.py",
    "tests/jobs/test_report_page.py",
    "tests/jobs/test_run.py",
    "tests/jobs/test_same_job.py",
    "tests/jobs/test_scenes.py",
    "tests/jobs/test_store.py",
    "tests/jobs/test_text.py",
    "tests/jobs/test_timeline.py",
    "tests/jobs/test_trouble.py",
    "tests/jobs/test_watchdog.py",
    "tests/json/test_any_answer.py",
    "tests/json/test_bodies.py",
    "tests/json/test_read_again.py",
    "tests/pacing/",
    "tests/package/",
    "tests/protocol/test_request_url.py",
    "tests/real_servers/",
)
# What only these show is counted.
_TRACED: Final = tuple(
    f"tests/end_to_end/test_{name}.py"
    for name in ("fault_matrix", "few_files", "no_connection", "oauth")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what measures a chance: the tracer takes as long as the client, and others work here."""
    for item in items:
        if item.nodeid.startswith(_UNTRACED) and not item.nodeid.startswith(_TRACED):
            item.add_marker(pytest.mark.no_cover)
        if item.get_closest_marker("measures") is not None:
            item.add_marker(pytest.mark.no_cover)
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among the tests."""
    gc.freeze()
    gc.enable()
