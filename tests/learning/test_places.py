"""The rows of places take the memory that blocks are cut by, however unequal their partitions are."""

import tracemalloc
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.learning import places as places_module
from motrain_app.learning import resolve_learner
from motrain_app.learning.places import PlaceRows, Shuffle, choose_places, rows_of
from motrain_app.runs.cutting import needs


def _with_sizes(block, rows):
    """Return a block with so many rows in each partition, taken from all over it."""
    taken = np.random.default_rng(0).integers(0, len(block.atom), sum(rows))
    columns = {name: getattr(block, name)[:, taken] for name in ("inputs", "outputs")}
    return replace(block, row_start=np.cumsum([0, *rows]), atom=block.atom[taken], **columns)


def _bytes_a_row(members):
    kind, options = resolve_learner(Learner("network"))
    return needs(kind, options, np.ones(1), members=members, atoms=1, n_inputs=3, n_outputs=2, seed=0).bytes_a_row


def test_one_large_partition_among_small_ones_takes_the_memory_of_its_own_rows(make_block, monkeypatch):
    monkeypatch.setattr(places_module, "AT_A_TIME", 1)
    block = _with_sizes(make_block(partitions=100, gaps=0.0, test=None), [100_000, *[100] * 99])
    places, shuffle = choose_places(block), Shuffle(block)
    assert places.present.all()
    tracemalloc.start()
    judges, order = rows_of(block, places.judge), rows_of(block, places.fit, shuffle.next())
    once = tracemalloc.get_traced_memory()[0]
    order = rows_of(block, places.fit, shuffle.next())  # an epoch's order is there until the next one is
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    members, n_rows = block.folds.n_members, len(block.atom)
    assert sum(map(len, judges)) + sum(map(len, order)) < members * n_rows
    assert once < 5 * members * n_rows  # four bytes a row, and a little of each place
    of_member = _bytes_a_row(2) - _bytes_a_row(1)
    assert peak < of_member * members * n_rows + 30 * 100_000  # of picking from the large one, member by member


def test_rows_of_a_partition_are_the_same_whatever_is_beside_it(make_block):
    block = _with_sizes(make_block(partitions=3), [600, 40, 900])
    atoms, order = choose_places(block).fit, Shuffle(block).next()
    for partition in range(3):
        rows, mine = block.rows(partition), slice(partition * 5, partition * 5 + 5)
        inside = order[partition] + rows.start
        found = list(rows_of(block, atoms, order))[mine]
        for taken, wanted in zip(found, atoms[mine], strict=True):
            assert taken.tolist() == [row for row in inside.tolist() if wanted[block.atom[row]]]


def test_each_epoch_has_all_rows_in_an_order_of_its_own(make_block):
    block = make_block(partitions=3)
    shuffle = Shuffle(block)
    epochs = [shuffle.next() for _ in range(4)]
    for partition in range(3):
        orders = [order[partition].tolist() for order in epochs]
        n = len(orders[0])
        as_they_are = list(range(n))
        assert n == block.row_start[partition + 1] - block.row_start[partition]
        assert all(sorted(order) == as_they_are for order in orders)
        for one, other in combinations([as_they_are, *orders], 2):
            assert np.equal(one, other).mean() < 0.05  # by chance one row of all is where it was
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


def test_each_partition_and_seed_has_an_order_of_its_own(make_block):
    block = _with_sizes(make_block(partitions=3), [500, 500, 500])
    block = replace(block, atom=np.tile(block.atom[:500], 3))
    first, second, third = Shuffle(block).next()
    again, other = Shuffle(block).next(), Shuffle(replace(block, seed=1)).next()
    assert again[0].tolist() == first.tolist()
    for one, another in combinations([first, second, third, other[0]], 2):
        assert np.equal(one, another).mean() < 0.05


def test_some_rows_of_a_place_are_spread_over_all_that_it_has():
    rows = PlaceRows.of_counts(np.array([3, 0, 1000, 8]))
    rows.flat[:1011] = np.arange(1011)
    some = rows.some(8)
    assert some[0].tolist() == [0, 1, 2, *[-1] * 5]
    assert (some[1] == -1).all()
    assert (np.diff(some[2]) == 125).all()
    assert some[2][0] == 3
    assert some[3].tolist() == list(range(1003, 1011))


def test_calls_give_each_slot_the_rows_of_its_place_until_it_has_no_more():
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    from motrain_app.learning.network_stack import Calls

    rows = PlaceRows.of_counts(np.array([5, 0, 170]))
    rows.flat[:175] = np.r_[:5, 10:180]
    place = np.array([2, 0, 1, 0])
    for batch in (4, 64):
        calls = Calls(rows, place, batch, 4096)
        seen = np.concatenate([call.rows[: call.steps].swapaxes(0, 1).reshape(4, -1) for call in calls], axis=1)
        assert all((call.rows[call.steps :] == -1).all() for call in calls)
        for slot, mine in zip(seen, place, strict=True):
            assert slot[slot >= 0].tolist() == rows[mine].tolist()
            assert (slot[len(rows[mine]) :] == -1).all()
        assert seen.shape[1] == -(-170 // batch) * batch
