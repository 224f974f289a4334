"""What holds for every test."""

import gc
import os
from typing import Final

import pytest
from hypothesis import settings

# Laws look at 40 examples here, and at 2,000 with `--hypothesis-profile=thorough`.
settings.register_profile("suite", settings(), max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

# Clients obey a proxy of the environment, which would not reach a test's own servers.
for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]

# What is collected stays: nothing of it is garbage, and no later collection needs to look at it.
gc.disable()

# What these cover, others cover, too, or nearly; the tracer would double their time, which is two
# thirds of that of all tests.
_UNTRACED: Final = (
    "tests/benchmarks/",
    "tests/cli/test_bulk.py",
    "tests/cli/test_completion.py",
    "tests/cli/test_jobs_export.py",
    "tests/cli/test_piped_lists.py",
    "tests/cli/test_signals.py",
    "tests/cli/test_streams.py",
    "tests/client/test_blocked_machine.py",
    "tests/client/test_circuit_breaker.py",
    "tests/client/test_client.py",
    "tests/client/test_credential_pool.py",
    "tests/client/test_events.py",
    "tests/client/test_left_early.py",
    "tests/client/test_limiters_headers.py",
    "tests/client/test_lookup.py",
    "tests/client/test_refusals.py",
    "tests/client/test_refused_settings.py",
    "tests/client/test_retry.py",
    "tests/client/test_single_flight.py",
    "tests/client/test_state_machine.py",
    "tests/client/test_stream_share.py",
    "tests/client/test_token_in_time.py",
    "tests/config/test_credentials.py",
    "tests/config/test_limits.py",
    "tests/docs/test_references.py",
    "tests/end_to_end/test_codes.py",
    "tests/end_to_end/test_cool_down.py",
    "tests/end_to_end/test_damaged_bodies.py",
    "tests/end_to_end/test_dead_endpoint.py",
    "tests/end_to_end/test_deadlines.py",
    "tests/end_to_end/test_event_loop_is_not_blocked.py",
    "tests/end_to_end/test_leaving.py",
    "tests/end_to_end/test_mixed_faults.py",
    "tests/end_to_end/test_oauth.py",
    "tests/end_to_end/test_pace_in_any_window.py",
    "tests/end_to_end/test_pace_over_dropped_connections.py",
    "tests/end_to_end/test_refused_settings.py",
    "tests/end_to_end/test_retry_after.py",
    "tests/end_to_end/test_samples.py",
    "tests/end_to_end/test_secrecy.py",
    "tests/end_to_end/test_several_credentials.py",
    "tests/end_to_end/test_statuses.py",
    "tests/integrations/brokers/test_benchmark.py",
    "tests/integrations/brokers/test_brokers.py",
    "tests/integrations/brokers/test_brokers_end.py",
    "tests/integrations/brokers/test_recipes.py",
    "tests/integrations/consuming/test_contiguous_offsets.py",
    "tests/integrations/consuming/test_endings.py",
    "tests/integrations/consuming/test_leaving.py",
    "tests/integrations/consuming/test_misconfiguration.py",
    "tests/integrations/consuming/test_prefetch.py",
    "tests/integrations/consuming/test_restarts.py",
    "tests/integrations/telemetry/test_beside_others.py",
    "tests/integrations/telemetry/test_nothing_personal.py",
    "tests/integrations/telemetry/test_several_clients.py",
    "tests/integrations/web/test_recipes.py",
    "tests/integrations/web/test_under_uvicorn.py",
    "tests/jobs/test_cluster_zones.py",
    "tests/jobs/test_columns.py",
    "tests/jobs/test_csv_laws.py",
    "tests/jobs/test_dirty_numbers.py",
    "tests/jobs/test_export_stop.py",
    "tests/jobs/test_firewall.py",
    "tests/jobs/test_kills.py",
    "tests/jobs/test_refused_settings.py",
    "tests/jobs/test_report_in_a_browser.py",
    "tests/jobs/test_report_page.py",
    "tests/jobs/test_run.py",
    "tests/jobs/test_same_job.py",
    "tests/jobs/test_store.py",
    "tests/jobs/test_text.py",
    "tests/jobs/test_trouble.py",
    "tests/jobs/test_watchdog.py",
    "tests/jobs/test_work_queue.py",
    "tests/json/test_any_answer.py",
    "tests/json/test_reprs.py",
    "tests/json/test_zones.py",
    "tests/model/test_frozen_mapping.py",
    "tests/model/test_phone_numbers.py",
    "tests/model/test_vocabulary.py",
    "tests/pacing/test_bucket.py",
    "tests/pacing/test_pace_rate.py",
    "tests/pacing/test_send_gate.py",
    "tests/package/",
    "tests/protocol/test_reasons.py",
    "tests/protocol/test_request_url.py",
    "tests/real_servers/",
    "tests/sandbox/test_customers.py",
    "tests/sandbox/test_openapi.py",
    "tests/sandbox/test_process.py",
    "tests/sandbox/test_shapes.py",
    "tests/sync/test_recipes.py",
    "tests/testing/test_plugin.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what measures a chance: the tracer takes as long as the client, and others work here."""
    for item in items:
        if item.nodeid.startswith(_UNTRACED):
            item.add_marker(pytest.mark.no_cover)
        if item.get_closest_marker("measures") is not None:
            item.add_marker(pytest.mark.no_cover)
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among the tests."""
    gc.freeze()
    gc.enable()
