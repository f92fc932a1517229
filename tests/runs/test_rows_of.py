"""A run bound to the rows of another learns from no other row: planned, sampled, resumed and taken over accordingly."""

import shutil

import numpy as np
import pytest

from motrain_app.design import Period, box
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.budget import budget_of_run
from motrain_app.runs.claims import Claims
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.partition_fingerprint import fingerprint_partitions
from motrain_app.runs.plan import Plan
from tests.runs.comparison.conftest import trained
from tests.runs.conftest import drive_here, make_dataset
from tests.runs.takeovers import TrainedError, nowhere

# Of six cells at 40, 41 and 42 degrees north and 5 and 6 degrees east: three in a region; the warm months in no period.
PAIR = [box("south", 4.5, 39.5, 5.5, 40.5), box("north", 4.5, 40.5, 5.5, 42.5)]
COLD = [Period("cold", months=(11, 12, 1, 2))]


def rows_of(run: Run) -> set[tuple[int, int]]:
    """Cell and time of every row that stands in a run's block files, those of the test too."""
    rows = set()
    for path in (run.path / "blocks").iterdir():
        with BlockFile.open(path) as file:
            rows |= set(zip(file.array("cell").tolist(), file.array("time").tolist(), strict=True))
    return rows


def plan_of(run) -> Plan:
    return Plan.load(RunFolder(run.path).plan)


@pytest.fixture
def pair(design, tmp_path):
    """Return a function that trains two regions in the cold months, on so many rows of each at most."""

    def make(max_rows=None):
        return trained(design(regions=PAIR, periods=COLD), tmp_path / "runs", max_rows)

    return make


@pytest.mark.parametrize("most", [None, 60])
def test_its_rows_are_those_of_the_other_run(pair, most):
    run = pair(most)
    one = trained(run.design.change(regions=None, periods=None), run.path.parent, None, run)
    assert rows_of(one) == rows_of(run)
    assert one.partitions == ["everywhere"]
    assert plan_of(one).training_rows.tolist() == [plan_of(run).training_rows.sum()]
    assert plan_of(one).region_of_cell.tolist() == [0, 0, 0, -1, -1, -1]


def test_it_has_partitions_of_its_own_within_those_rows(pair):
    run = pair()
    winter = [Period("winter", months=(1, 2, 3))]
    other = trained(run.design.change(regions="cells", periods=winter), run.path.parent, None, run)
    months = plan_of(other).time[[time for _, time in rows_of(other)]].astype("datetime64[M]").astype(int) % 12 + 1
    assert {cell for cell, _ in rows_of(other)} == {0, 1, 2}
    assert set(months.tolist()) == {1, 2}, "November is in no period of its own, March in none of the other run"
    assert other.counts == {"done": 3, "skipped": 3}


def test_a_sample_of_a_sample_takes_evenly_from_both_partitions(design, tmp_path):
    """Rows that passed a strict limit drew low numbers: by these once more, few of the other partition would stay."""
    data = make_dataset(step=1)
    few = np.arange(data.sizes["time"]) % 30 == 0
    for name in ("y", "bend"):
        data[name][0] = data[name][0].where(few)
    run = trained(design(data=data, regions=PAIR, test=None), tmp_path / "runs", 60)
    first, second = plan_of(run).training_rows.tolist()
    assert 50 < first <= 60
    assert 50 < second <= 60
    half = trained(run.design.change(regions=None), run.path.parent, 60, run)
    assert rows_of(half) < rows_of(run)
    assert sum(cell == 0 for cell, _ in rows_of(half)) == pytest.approx(30, abs=12)
    again = trained(run.design.change(regions=None, learner="ridge2"), run.path.parent, None, half)
    assert rows_of(again) == rows_of(half)


def test_a_plan_with_a_sample_of_a_sample_is_read_as_it_was_written(pair, tmp_path):
    run = pair(60)
    one = trained(run.design.change(regions=None, periods=None), run.path.parent, 40, run)
    made = plan_of(one)
    assert made.sample.within.digest() == Claims.of_plan(plan_of(run)).digest()
    made.save(tmp_path / "plan.safetensors")
    again = Plan.load(tmp_path / "plan.safetensors")
    assert again.sample.within.digest() == made.sample.within.digest()
    assert (again.sample.seed, again.sample.limit.tolist()) == (made.sample.seed, made.sample.limit.tolist())
    assert fingerprint_partitions(one.design, again, staged="rows") == fingerprint_partitions(
        one.design, made, staged="rows"
    )


def test_which_rows_they_are_is_part_of_the_fingerprint(pair, design, tmp_path):
    whole, sampled, other_sample = pair(), pair(60), pair(40)
    found = []
    for rows in (None, whole, sampled, other_sample):
        one = trained(whole.design.change(regions=None, periods=None), tmp_path / "runs", None, rows)
        found += fingerprint_partitions(one.design, plan_of(one), staged="rows")
        assert one.taken_over == {}
    assert len(set(found)) == 4
    again = trained(whole.design.change(regions=None, periods=None), tmp_path / "runs", None, sampled)
    assert list(again.taken_over) == ["everywhere"]


def test_a_run_bound_to_every_row_takes_over_what_an_ordinary_one_trained(design, tmp_path):
    run = trained(design(), tmp_path / "runs")
    everywhere = trained(run.design.change(regions=None), run.path.parent)
    bound = trained(run.design.change(regions=None), run.path.parent, None, run)
    assert bound.taken_over == {"everywhere": everywhere.path.name}


def test_it_is_remembered_and_held_to_when_the_run_is_resumed_and_the_other_one_is_gone(pair):
    run = pair()
    rows = rows_of(run)
    folder = create_run(
        run.design.change(regions=None, periods=None), run.path.parent, rows_of=run.path, take_over=False
    )
    assert folder.info()["rows_of"] == run.path.name
    shutil.rmtree(run.path)
    with pytest.raises(TrainedError):
        Driver(folder, nowhere).drive()  # it comes as far as a plan
    assert drive_here(RunFolder(folder.path)) == "done"
    assert rows_of(Run.open(folder.path)) == rows


def test_a_run_whose_rows_got_lost_says_so(pair):
    run = pair()
    folder = create_run(run.design.change(regions=None), run.path.parent, rows_of=run)
    folder.rows_of.unlink()
    with pytest.raises(RunError, match=r"takes the rows of .*, but rows_of.safetensors.* is gone"):
        drive_here(folder)


def test_what_it_will_take_is_told_for_those_rows(pair):
    run = pair()
    network = run.design.change(regions=None, periods=None, learner="network")
    bound, whole = (create_run(network, run.path.parent, rows_of=rows) for rows in (run, None))
    assert budget_of_run(bound).steps < 0.5 * budget_of_run(whole).steps


def test_rows_that_cannot_be_taken_are_refused_before_anything_is_written(pair, design, tmp_path):
    run = pair()
    waiting = create_run(run.design, tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    other = design(data=make_dataset(cells=7), regions=None)
    before = sorted((tmp_path / "runs").iterdir())
    for rows, words in (
        (run, r"other cells \(7 in place of 6\)"),
        (waiting.path, "is not known before it is started"),
        (tmp_path, "is no run folder"),
    ):
        with pytest.raises(RunError, match=words):
            create_run(other, tmp_path / "runs", rows_of=rows)
    assert sorted((tmp_path / "runs").iterdir()) == before


def test_regions_without_any_of_these_rows_are_told(pair):
    run = pair()
    elsewhere = run.design.change(regions=[box("east", 5.5, 39, 6.5, 43)])
    with pytest.raises(RunError, match="lies in a partition and among those of the run whose rows are to be taken"):
        drive_here(create_run(elsewhere, run.path.parent, rows_of=run))
