"""Blocks follow from the design and the row counts, and hold every partition that has something to learn from."""

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.learning import resolve_learner
from motrain_app.learning.padding import pad_rows
from motrain_app.runs import cutting
from motrain_app.runs.cutting import cut, refuse_beyond_memory
from motrain_app.runs.errors import RunError
from motrain_app.runs.plan import Plan, count_rows, make_plan
from motrain_app.runs.staging import stage_rows


@pytest.fixture
def planned(design, dataset, tmp_path):
    """Return a function that plans a design on a dataset."""

    def make(data, learner="ridge", **choices):
        chosen = design(data=data, learner=learner, **choices)
        layout = chosen.layout(data)
        rows = stage_rows(data, chosen, tmp_path / "staged")
        kind = learner if isinstance(learner, Learner) else Learner(learner)
        return layout, rows, make_plan(layout, rows, *resolve_learner(kind))

    return make


def test_every_partition_with_training_rows_is_in_one_block(planned, dataset):
    data = dataset(cells=40)
    data["y"][7], data["bend"][7] = np.nan, np.nan
    _, _, made = planned(data)
    assert made.block_of[7] == -1
    together = np.concatenate([made.partitions(block) for block in range(made.n_blocks)])
    assert sorted(together) == [number for number in range(40) if number != 7]
    assert made.n_blocks >= 13


def test_counts_equal_a_loop_over_rows(planned, dataset):
    layout, rows, made = planned(dataset(), test="2014-01-01")
    read = rows.read(np.arange(6))
    test = rows.time[read.time] >= np.datetime64("2014-01-01")
    for number in range(6):
        mine = layout.partitions.number(read.cell, read.time) == number
        assert made.test_rows[number] == (mine & test).sum()
        assert made.training_rows[number] == (mine & ~test).sum()
    assert count_rows(layout, rows)[0].sum() + count_rows(layout, rows)[1].sum() == rows.n_rows


def test_padding_learners_get_partitions_of_like_size_together(planned, dataset):
    data = dataset(cells=12)
    data["a"][::2, ::3] = np.nan
    _, _, made = planned(data, learner="network")
    for block in range(made.n_blocks):
        mine = made.partitions(block)
        total = made.training_rows[mine]
        assert len(set(pad_rows(total))) == 1
        assert total.sum() <= made.padded_rows


def test_a_plan_is_read_as_it_was_written(planned, dataset, tmp_path):
    _, _, made = planned(dataset())
    made.save(tmp_path / "plan.safetensors")
    again = Plan.load(tmp_path / "plan.safetensors")
    assert again.inputs == made.inputs
    assert again.n_periods == made.n_periods
    for name in ("ids", "block_of", "padded_rows", "stack_slots", "region_of_cell", "time", "lat"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"filters": ["a > 1000"]}, r"passes the filters \(a > 1000\)"),
        ({"regions": None, "filters": ["lat > 90"]}, "passes the filters"),
    ],
)
def test_no_row_at_all_says_why(planned, dataset, choices, words):
    with pytest.raises(RunError, match=words):
        planned(dataset(), **choices)


def test_a_partition_beyond_a_workers_memory_is_refused_before_anything_runs(planned, dataset, monkeypatch):
    monkeypatch.setattr(cutting, "BLOCK_BYTES", 1000)
    with pytest.raises(RunError, match="Divide it, filter its rows, or train on a sample"):
        planned(dataset(), regions=None)


def test_more_candidates_than_a_workers_memory_holds_are_refused_before_anything_runs(planned, dataset):
    wide = {"space": {"width": [4000, 5000], "learning_rate": [1e-3, 2e-3, 3e-3]}}
    with pytest.raises(RunError, match=r"6 candidates for each of 4 members need \d+\.\d GB"):
        planned(dataset(), learner=Learner("network", {"search": wide, "hidden": [8, 8]}))


@pytest.mark.parametrize("hidden", [[10**6, 10**6], [10**9, 10**9], [10**9] * 7])
def test_networks_of_more_bytes_than_a_number_holds_are_refused_like_any_that_is_too_large(planned, dataset, hidden):
    with pytest.raises(RunError, match=r"need [\d,]+\.\d GB"):
        planned(dataset(), learner=Learner("network", {"hidden": hidden}))


def test_forests_that_no_worker_holds_are_refused_and_smaller_ones_make_smaller_blocks(planned, dataset):
    data = dataset(cells=96)
    with pytest.raises(RunError, match=r"has \d+ rows; its 4 members need \d+\.\d GB .* fewer or shallower trees"):
        planned(data, learner=Learner("forest", {"n_estimators": 30_000}))
    planned(data, learner=Learner("forest", {"n_estimators": 30_000, "max_depth": 2}))


def _needs(kept, in_making, partitions):
    """Return what so many partitions need, in shares of a block, if each has one row and one member."""
    shares = [np.full(partitions, int(share * cutting.BLOCK_BYTES)) for share in (kept, in_making)]
    return cutting.Needs(1, 1, 0, 0, *shares)


def test_a_block_holds_what_its_members_keep_and_one_of_them_in_the_making():
    rows, kind = np.ones(64, np.int64), resolve_learner(Learner("forest"))[0]
    blocks = [
        np.bincount(cut(rows, 0 * rows, _needs(0.1, in_making, 64), kind)[0]).tolist() for in_making in (0, 0.75, 3)
    ]
    assert blocks == [[4] * 16, [2] * 32, [1] * 64]


def test_a_partition_is_refused_where_a_worker_could_keep_its_members_but_not_make_them():
    rows, names = np.ones(1, np.int64), ("alps",)
    refuse_beyond_memory(rows, names, _needs(3, 0.9, 1))
    with pytest.raises(RunError, match=r"The partition 'alps' has 1 rows; its 1 members need 4\.4 GB in a worker"):
        refuse_beyond_memory(rows, names, _needs(3, 1.1, 1))


def test_candidates_make_blocks_smaller_and_stacks_fit_the_members(planned, dataset):
    data = dataset(cells=96)
    plain, searched = (
        planned(data, learner=Learner("network", options))[2]
        for options in ({}, {"search": {"space": {"l2": [i * 1e-6 for i in range(200)]}}})
    )
    assert searched.n_blocks > plain.n_blocks
    assert plain.stack_slots == 24  # of six partitions of four members
    assert searched.stack_slots == 8  # of two
