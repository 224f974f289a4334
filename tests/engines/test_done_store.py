"""What has ended is kept in a folder, and not asked for again."""

import os
import shutil
import stat
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capillary_interactions import (
    ConfigurationError,
    EndpointDownError,
    Identifier,
    NotFound,
    Query,
)
from capillary_interactions.engines import done_counts
from capillary_interactions.engines._done_store import DoneStore
from capillary_interactions.engines._key_index import KeyIndex
from capillary_interactions.jobs import JobStoreError, StopRules
from capillary_interactions.sandbox import Sandbox
from tests.arrow.tables_under_test import TABLE

from .batches import config_of, enriched, mobiles


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.arrows"))


async def test_gives_the_same_table_without_a_request(sandbox: Sandbox, tmp_path: Path) -> None:
    """In whatever batches the customers come then."""
    config = config_of(sandbox)

    first = await enriched(TABLE.to_batches(max_chunksize=9), config, done=tmp_path)
    asked = sandbox.counts.received
    again = await enriched(TABLE.to_batches(max_chunksize=4), config, done=tmp_path)

    assert again.equals(first)
    assert (asked, sandbox.counts.received) == (30, 30)
    assert done_counts(tmp_path) == _outcomes(first)


def _outcomes(result: Any) -> Counter[str]:
    """How the customers that were asked for have ended."""
    sent = {row["sent_identifier"]: row["outcome"] for row in result.to_pylist()}
    return Counter(outcome for customer, outcome in sent.items() if customer)


async def test_asks_each_question_for_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    """Another filter or account may have another answer; another time zone has not."""
    settings: list[dict[str, Any]] = [{}, {"source": "INSTORE"}, {"account_id": "7"}]

    for given_ in (*settings, *settings):
        await enriched([mobiles(0, 4)], config_of(sandbox, **given_), done=tmp_path)
    await enriched([mobiles(0, 4)], config_of(sandbox), done=tmp_path, network="capillary")

    assert sandbox.counts.received == 4 * (len(settings) + 1)


def _record(store: DoneStore, *customers: str, at: float = 1.0) -> None:
    for customer in customers:
        query = Query(Identifier.mobile(customer))
        store.record(customer, NotFound(query=query, reason="unknown"), at)


def test_processes_write_files_of_their_own(tmp_path: Path) -> None:
    """Which they all read as they grow, and no other user can."""
    first, second = DoneStore(tmp_path, "q"), DoneStore(tmp_path, "q")

    for number in range(3):
        for store, customer in ((first, f"91{number}"), (second, f"92{number}")):
            _record(store, customer)
            store.flush()
        found = [set(store.find(["910", "911", "921", "922"])) for store in (first, second)]
        assert found[0] == found[1]

    assert found[0] == {"910", "911", "921", "922"}
    assert len(_journals(tmp_path)) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in _journals(tmp_path)} == {0o600}
    assert stat.S_IMODE((tmp_path / "q").stat().st_mode) == 0o700


def test_loses_nothing_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is written later, and not after half of a record batch."""
    store, written = DoneStore(tmp_path, "q"), os.write
    _record(store, "910")
    store.flush()
    _record(store, "911")

    def half(fd: int, data: Any) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return written(fd, data[: len(data) // 2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        with pytest.raises(JobStoreError, match="No space left"):
            store.flush()
    _record(store, "912")
    store.flush()

    assert set(DoneStore(tmp_path, "q").find(["910", "911", "912"])) == {"910", "911", "912"}


async def test_begins_anew_where_the_folder_was_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    """In the same process, as in a notebook."""
    done = tmp_path / "done"
    for _ in range(2):
        await enriched([mobiles(0, 4)], config_of(sandbox), done=done)
        shutil.rmtree(done)

    assert sandbox.counts.received == 8


async def test_reads_what_a_killed_process_has_left(sandbox: Sandbox, tmp_path: Path) -> None:
    """All record batches that are whole, wherever the last write broke off."""
    config = config_of(sandbox)
    await enriched([mobiles(0, 4)], config, done=tmp_path)
    (journal,) = _journals(tmp_path)
    whole = journal.stat().st_size
    await enriched([mobiles(4, 4)], config, done=tmp_path)
    data = journal.read_bytes()

    for length in (*range(whole, len(data), 97), len(data) - 1):
        journal.write_bytes(data[:length])
        assert done_counts(tmp_path).total() == 4, length
    store = DoneStore(tmp_path, journal.parent.name)
    assert len(store.find(mobiles(0, 8)["mobile"].to_pylist())) == 4


async def test_an_outage_is_no_outcome(sandbox: Sandbox, tmp_path: Path) -> None:
    """Customers without an answer before the end of a run are asked for in the next."""
    sandbox.inject(*["error_500"] * 100)
    stops = StopRules(unanswered=3, give_up_after=0)

    with pytest.raises(EndpointDownError):
        await enriched([mobiles(0, 20)], config_of(sandbox), done=tmp_path, stops=stops)

    assert done_counts(tmp_path) == {}


async def test_a_refused_setting_is_no_outcome(tmp_path: Path) -> None:
    """The API refuses it for one customer after another; all of them stay open."""
    refused = {"errors": [{"status": False, "code": 8001, "message": "so it is"}]}
    answers = dict.fromkeys(mobiles(0, 20)["mobile"].to_pylist(), refused)
    async with Sandbox(answers=answers) as sandbox:
        with pytest.raises(ConfigurationError, match="refused for 5 different customers"):
            await enriched([mobiles(0, 20)], config_of(sandbox, in_flight=1), done=tmp_path)

        assert done_counts(tmp_path) == {}
        stops = StopRules(refused_settings=False)
        result = await enriched([mobiles(0, 20)], config_of(sandbox), done=tmp_path, stops=stops)

    assert result["outcome"].to_pylist() == ["rejected"] * 20


async def test_asks_again_for_those_without_an_answer(sandbox: Sandbox, tmp_path: Path) -> None:
    """Only if it is to, and for no others."""
    config, batch = config_of(sandbox, in_flight=1), mobiles(0, 3)
    sandbox.inject("error_500", "error_500")
    first = await enriched([batch], config, done=tmp_path)
    same = await enriched([batch], config, done=tmp_path)
    asked = sandbox.counts.received

    retried = await enriched([batch], config, done=tmp_path, retry=True)
    after = await enriched([batch], config, done=tmp_path)

    results = (first, same, retried, after)
    unavailable = [result["outcome"].to_pylist().count("unavailable") for result in results]
    assert unavailable == [1, 1, 0, 0]
    assert (asked, sandbox.counts.received) == (4, 5)


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=9), max_size=9))
def test_the_index_finds_all_places_of_a_key(parts: list[list[int]]) -> None:
    """As a dict of lists would, in any order, however they were added."""
    index, expected, places = KeyIndex(pa), defaultdict[int, list[int]](list), 0
    for part in parts:
        keys = [2**64 - 1 - key for key in part]
        numbers = range(places, places := places + len(keys))
        index.add(pa.array(keys, pa.uint64()), pa.array(numbers, pa.uint64()))
        for key, place in zip(keys, numbers, strict=True):
            expected[key].append(place)

    for key in (*expected, 5):
        assert sorted(index.find(key)) == expected.get(key, [])
    assert len(index) == places
