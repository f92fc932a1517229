"""A partition's fingerprint is the same where all that decides its result is, and nowhere else."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design import Design, Learner, LeaveBlocksOut, Split
from motrain_app.design.identity import combine_ids
from motrain_app.learning.registering import Registered
from motrain_app.operators import Variable
from motrain_app.runs import partition_fingerprint
from motrain_app.runs.partition_fingerprint import fingerprint_partitions
from motrain_app.runs.plan import Plan

TIME = np.arange("2010-01", "2015-01", dtype="datetime64[M]").astype("datetime64[us]")
DESIGN = Design("cells.nc", ["a"], ["y"], test="2014-01-01", learner="ridge")
NETWORK = DESIGN.change(learner=Learner("network", {"hidden": [4]}))
MODULE = Registered("near_ones", "/somewhere/near_ones.py", "ab" * 32)


def make_plan(region, period, *, regions=3, periods=2):
    """Return a plan with these labels of cells and times."""
    n = regions * periods
    return Plan(
        ids=combine_ids(np.arange(regions, dtype=np.uint64)[:, None], np.arange(periods, dtype=np.uint64)).reshape(-1),
        block_of=np.zeros(n, np.int32),
        training_rows=np.ones(n, np.int64),
        test_rows=np.zeros(n, np.int64),
        region_of_cell=np.asarray(region, np.int32),
        period_of_time=np.asarray(period, np.int32),
        lat=np.zeros(len(region)),
        lon=np.zeros(len(region)),
        time=TIME,
        n_periods=periods,
        inputs=(Variable("a", "K"),),
        outputs=(Variable("y", "dB"),),
        metrics=("rmse", "bias"),
        baselines=("mean", "climatology", "ridge"),
        padded_rows=1024,
        stack_slots=8,
    )


PLAN = make_plan([0, 0, 1, 2, -1, 1], np.arange(len(TIME)) % 2)
fingerprints = partial(fingerprint_partitions, DESIGN, PLAN, staged="rows")

labels = partial(st.lists, min_size=6, max_size=6)


@given(
    labels(st.integers(-1, 2)),
    labels(st.integers(-1, 2)),
    st.lists(st.integers(-1, 1), min_size=len(TIME), max_size=len(TIME)),
    st.sampled_from([0, 1, 17, len(TIME) - 1]),
)
def test_it_is_the_same_exactly_where_cells_and_times_are(cells, other_cells, times, step):
    other_times = list(times)
    other_times[step] = 0
    one = fingerprint_partitions(DESIGN, make_plan(cells, times), staged="rows")
    other = fingerprint_partitions(DESIGN, make_plan(other_cells, other_times), staged="rows")
    assert len({*one}) == 6
    for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        region, period = divmod(number, 2)
        same = [a == region for a in cells] == [a == region for a in other_cells]
        same &= [a == period for a in times] == [a == period for a in other_times]
        assert (mine == theirs) == same
        assert mine not in other[:number] + other[number + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        {"design": DESIGN.change(seed=1)},
        {"design": DESIGN.change(test="2013-12-01")},
        {"design": DESIGN.change(test=Split("2014-01-01", embargo=5))},
        {"design": DESIGN.change(test=None)},
        {"design": DESIGN.change(jackknife=LeaveBlocksOut(days=200))},
        {"design": DESIGN.change(jackknife=None)},
        {"design": DESIGN.change(learner="ridge2")},
        {"design": DESIGN.change(learner=Learner("ridge", {"strengths": [0.1, 1.0]}))},
        {"plan": replace(PLAN, ids=PLAN.ids + np.uint64(10))},
        {"plan": replace(PLAN, metrics=("rmse",))},
        {"plan": replace(PLAN, baselines=("mean", "climatology"))},
        {"staged": "other rows"},
        {"modules": [MODULE]},
    ],
)
def test_whatever_decides_results_changes_that_of_every_partition(change):
    given = {"design": DESIGN, "plan": PLAN, "staged": "rows", **change}
    changed = fingerprint_partitions(given.pop("design"), given.pop("plan"), **given)
    assert not set(changed) & set(fingerprints())


@pytest.mark.parametrize("name", ["__version__", "RESULTS", "REPLICATES"])
def test_so_does_another_version(monkeypatch, name):
    before = fingerprints()
    monkeypatch.setattr(partition_fingerprint, name, 99)
    assert not set(before) & set(fingerprints())


def test_so_does_another_version_of_what_computes(monkeypatch):
    before = fingerprints()
    monkeypatch.setattr(partition_fingerprint, "versions_of", lambda *names: dict.fromkeys(names, "99"))
    assert not set(before) & set(fingerprints())


def test_what_the_other_partitions_are_has_no_say():
    blocks = replace(PLAN, block_of=np.arange(6, dtype=np.int32), padded_rows=4096, stack_slots=3)
    assert fingerprint_partitions(DESIGN, blocks, staged="rows") == fingerprints()


def test_of_stacked_networks_the_size_of_the_stack_decides_and_not_the_padding():
    before = fingerprint_partitions(NETWORK, PLAN, staged="rows")
    assert fingerprint_partitions(NETWORK, replace(PLAN, padded_rows=4096), staged="rows") == before
    assert not set(fingerprint_partitions(NETWORK, replace(PLAN, stack_slots=1), staged="rows")) & set(before)


@pytest.mark.parametrize("change", [{"padded_rows": 4096}, {"stack_slots": 3}], ids=str)
def test_of_a_learner_that_is_not_ours_any_size_may_decide(change):
    changed = fingerprint_partitions(DESIGN, replace(PLAN, **change), staged="rows", modules=[MODULE])
    assert not set(changed) & set(fingerprints(modules=[MODULE]))


def test_a_module_is_known_by_its_content_wherever_it_lies_and_not_at_all_without_a_file():
    elsewhere, changed = replace(MODULE, given="near_ones"), replace(MODULE, sha256="cd" * 32)
    assert fingerprints(modules=[elsewhere]) == fingerprints(modules=[MODULE])
    assert not set(fingerprints(modules=[changed])) & set(fingerprints(modules=[MODULE]))
    assert fingerprints(modules=[replace(MODULE, sha256="")]) == []
