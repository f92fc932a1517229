"""The store: nothing done is ever undone, readers see what is new, and a finished run opens from a read-only folder."""

import numpy as np
import pytest

from motrain_app.runs.errors import RunError
from motrain_app.runs.origins import Offer, Origins
from motrain_app.runs.store import Finished, RunStore


@pytest.fixture
def store(tmp_path):
    """Return a store with four partitions in two blocks."""
    rows = [(n, f"{n:016x}", f"cell-{n}", n // 2, 100, 10, "waiting", None) for n in range(4)]
    with RunStore.create(tmp_path / "run.sqlite", rows) as made:
        made.enter_wal()
        yield made


def test_a_file_brings_its_partitions_at_once(store):
    scores = np.arange(6.0)
    store.commit_file(
        "000000-0.safetensors", "ab", 0, [Finished(0, 0, scores, None), Finished(1, 1, None, "too few rows")]
    )
    rows = store.partitions()
    assert [row.state for row in rows] == ["done", "failed", "waiting", "waiting"]
    np.testing.assert_array_equal(rows[0].scores, scores)
    assert rows[1].error == "too few rows"
    assert store.files() == {"000000-0.safetensors": ("ab", 0)}


def test_what_is_done_stays_as_it_is(store):
    store.commit_file("first", "a", 0, [Finished(0, 0, np.ones(2), None)])
    store.commit_file("second", "b", 0, [Finished(0, 3, np.zeros(2), None)])
    store.fail([0], "late")
    row = store.partition("cell-0")
    assert (row.file, row.position, row.state) == ("first", 0, "done")


def test_a_reader_asks_for_what_is_new(store):
    store.commit_file("a", "a", 0, [Finished(0, 0, np.ones(1), None)])
    with RunStore(store.path) as reader:
        first = reader.partitions(since=0)
        store.commit_file("b", "b", 1, [Finished(2, 0, np.ones(1), None), Finished(3, 1, np.ones(1), None)])
        new = reader.partitions(since=max(row.seq for row in first))
    assert [row.number for row in first] == [0]
    assert [row.number for row in new] == [2, 3]


def test_a_broken_transaction_leaves_nothing(store):
    with pytest.raises(AttributeError):
        store.commit_file("a", "a", 0, [Finished(0, 0, np.ones(1), None), Finished(1, 0, "no array", None)])
    assert store.counts() == {"waiting": 4}
    assert store.files() == {}


def test_a_closed_store_opens_from_a_folder_that_can_only_be_read(tmp_path):
    rows = [(0, "0", "everywhere", 0, 1, 0, "waiting", None)]
    with RunStore.create(tmp_path / "run.sqlite", rows) as made:
        made.enter_wal()
        made.put("state", "done")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.sqlite"]
    (tmp_path / "run.sqlite").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with RunStore(tmp_path / "run.sqlite") as reader:
            assert reader.get("state") == "done"
    finally:
        tmp_path.chmod(0o755)


def test_an_unknown_partition_and_an_absent_store_are_told(store, tmp_path):
    with pytest.raises(RunError, match="no partition 'cell-9'"):
        store.partition("cell-9")
    with pytest.raises(RunError, match=r"It has cell-0, cell-1, cell-2, cell-3\.$"):
        store.partition("nope")
    rows = [(number, f"{number}", f"cell-{number}", 0, 1, 0, "waiting", None) for number in range(6)]
    with RunStore.create(tmp_path / "six.sqlite", rows) as six, pytest.raises(RunError, match=r"cell-3, cell-4, …$"):
        six.partition("nope")
    with pytest.raises(RunError, match="has no store yet"):
        RunStore(tmp_path / "absent.sqlite")


def test_a_partition_is_of_the_run_that_trained_it_until_it_waits_again(store):
    store.commit_file(
        "from.a.0-0", "abc", -1, [Finished(number, number, np.ones(2), None) for number in (0, 1)], trained_in="a"
    )
    store.commit_file("0-0", "def", 0, [Finished(number, number, np.ones(2), None) for number in (1, 2)])
    names = [row.name for row in store.partitions()]
    assert Origins(store).taken_over() == {names[0]: "a", names[1]: "a"}
    assert Origins(store).counts() == {"a": 2}
    store.wait_again([1])
    assert Origins(store).counts() == {"a": 1}


def test_fingerprints_are_renewed_of_what_waits_and_kept_of_what_is_done(store):
    origins = Origins(store)
    origins.put_fingerprints([b"a", b"b", b"c", b"d"])
    store.commit_file("0-0", "abc", 0, [Finished(0, 5, np.ones(2), None)])
    store.fail([1], "It raised an error.")
    origins.put_fingerprints([b"e", b"f", b"g", b"h"])
    assert origins.wanted() == {b"g": 2, b"h": 3}
    assert origins.offers() == [Offer(b"a", "0-0", "abc", 5, "")]
    origins.put_fingerprints([])
    assert origins.wanted() == {}
    assert len(origins.offers()) == 1
