"""The budget that is told before a run: equal to what it then takes where nothing stops early, and never below."""

import json
from dataclasses import replace

import numpy as np
import pytest

from motrain_app.cli import main
from motrain_app.data import open_dataset
from motrain_app.design import Design, DesignError, Learner, Period, box, the_rest
from motrain_app.learning.network_work import Pace, ProgramShape, usual_pace
from motrain_app.learning.places import member_atoms
from motrain_app.learning.presets import PEER, THOROUGH
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.budget import STARTING_SECONDS, Budget, budget_of_run, make_budget, workers_of
from motrain_app.runs.member_rows import count_member_rows, finite_share
from motrain_app.runs.paces import PaceStore
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import stage_design
from tests.runs.conftest import drive_here, make_dataset

HALVING = {"space": {"width": {"low": 2, "high": 6}, "learning_rate": [0.01, 0.003]}, "candidates": 5, "halving": 2}
PERIODS = [Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))]


def _layout(design):
    return design.layout(open_dataset(list(design.data)))


def _whole(**choices):
    """Return a dataset in which every time of every cell is a row."""
    data = make_dataset(**choices)
    return data.fillna(0.0)


@pytest.mark.slow
def test_model_epochs_are_those_of_a_run_in_which_nobody_stops_early(design, tmp_path):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    learner = Learner("network", {"epochs": 8, "patience": 8, "batch": 64, "hidden": [3], "search": HALVING})
    made = design(data=make_dataset(cells=2), learner=learner)
    budget = make_budget(made, _layout(made))
    folder = create_run(made, tmp_path / "runs")
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    epochs = sum(run.trials(name)["epochs"].sum() for name in run.partitions)
    assert budget.model_epochs == epochs
    assert (budget.partitions, budget.members, budget.candidates) == (2, 4, 5)


def test_a_limit_of_rows_limits_what_is_told(design):
    layout = _layout(design(data=_whole(cells=4), regions=[box("west", 4, 39, 5.5, 45), the_rest()]))
    whole, limited = count_member_rows(layout), count_member_rows(layout, max_rows=1000)
    may_train = ~(layout.folds.test | layout.folds.near_test)[layout.folds.atom_of_time]
    training = np.bincount(layout.partitions.cells.label) * may_train.sum()
    assert training.tolist() == [1098, 366]
    np.testing.assert_allclose(limited.fit[0], whole.fit[0] * 1000 / 1098, atol=1)
    for one, other in ((limited.training, whole.training), (limited.test, whole.test)):
        np.testing.assert_allclose(one[0], other[0] * 1000 / 1098, atol=1)
    np.testing.assert_array_equal(limited.fit[1], whole.fit[1])


def test_rows_of_members_are_exact_where_every_time_is_a_row(design):
    made = design(data=_whole(cells=4), regions=[box("west", 4, 39, 5.5, 45), the_rest()], periods=PERIODS)
    layout = _layout(made)
    rows, folds = count_member_rows(layout), layout.folds
    time = layout.partitions.times.label
    for number in range(len(layout.partitions)):
        region, period = divmod(number, 2)
        cells = (layout.partitions.cells.label == region).sum()
        times = np.bincount(folds.atom_of_time[time == period], minlength=folds.n_atoms)
        assert rows.training[number] == cells * times @ ~(folds.test | folds.near_test)
        assert rows.test[number] == cells * times @ folds.test
        for member in range(folds.n_members):
            fit, judge = member_atoms(folds, member, cells * times[None])
            assert rows.fit[number, member] == cells * times @ fit
            assert rows.judge[number, member] == cells * times @ judge


def test_staged_rows_tell_how_many_times_are_rows(design, tmp_path):
    made = design(filters=["a > 285"])
    dataset = open_dataset(list(made.data))
    staged = stage_design(made, dataset, tmp_path / "runs")
    share = finite_share(staged, dataset.sizes["time"])
    dense, sparse = count_member_rows(_layout(made)), count_member_rows(_layout(made), share)
    in_cell = np.zeros(6, int)
    in_cell[staged.cell_at] = np.diff(staged.row_start)
    np.testing.assert_allclose(sparse.training + sparse.test, in_cell, atol=1)  # each is rounded up
    assert (sparse.fit <= dense.fit).all()
    assert sparse.fit.sum() == pytest.approx(dense.fit.sum() * share.mean(), rel=0.02)


def test_a_fold_that_a_period_does_not_touch_has_no_member(design):
    first_year = Period("first year", intervals=[("2010-01-01", "2011-07-01")])
    made = design(data=_whole(cells=1), periods=[first_year])
    rows = count_member_rows(_layout(made))
    assert (rows.fit > 0).tolist() == [[False] * 4], "two folds are too few"
    budget = make_budget(made.change(learner="network"), _layout(made))
    assert (budget.partitions, budget.model_epochs) == (0, None)
    assert budget.words(2) == ("4 members × 0 partitions",)


@pytest.mark.parametrize("kind", ["ridge", "ridge2", "forest"])
def test_learners_without_epochs_say_members_and_partitions_only(design, kind):
    made = design(learner=kind)
    assert make_budget(made, _layout(made)).words(2) == ("4 members × 6 partitions",)


def test_the_peers_search_on_five_cells_is_told_as_it_is(design):
    made = design(data=_whole(cells=5, years=6), learner=PEER.learner, test=None)
    budget = make_budget(made, _layout(made))
    what, epochs, time = budget.words(2)
    assert what == "11 candidates × 6 members × 5 partitions"
    assert epochs == "at most 33,000 model-epochs"
    assert time.startswith("roughly ")
    assert time.endswith(" on 2 workers")
    assert budget.words(None)[2].endswith(" of one core")


def test_more_workers_take_less_time_but_never_less_than_a_block():
    budget = Budget(5, 10, 1, 1000, 9, cpu_seconds=100.0, blocks=5)
    seconds = [budget.seconds(workers) - STARTING_SECONDS for workers in (1, 2, 4, 5, 50)]
    assert seconds == [100, 60, 40, 20, 20]


def test_measured_paces_decide_and_the_others_of_a_search_follow_them(design):
    made = design(learner=THOROUGH.learner)
    layout = _layout(made)
    first = make_budget(made, layout)
    assert not first.measured
    assert len(first.unmeasured) == 2

    def slower(shape, factor):
        usual = usual_pace(shape)
        return Pace(factor * usual.call, factor * usual.step, factor * usual.compiling)

    paces = {shape: slower(shape, 3) for shape in first.unmeasured}
    second = make_budget(made, layout, paces)
    assert second.measured
    assert second.unmeasured == ()
    assert second.cpu_seconds == pytest.approx(3 * first.cpu_seconds)
    assert second.compiling_seconds == pytest.approx(3 * first.compiling_seconds)
    assert second.words(2)[2].startswith("about ")
    assert (second.model_epochs, second.steps) == (first.model_epochs, first.steps)


def test_a_learner_that_makes_no_sense_is_refused(design):
    made = design(learner=Learner("network", {"low": [0.0]}))
    with pytest.raises(DesignError, match="low has 1 entries"):
        make_budget(made, _layout(made))


def test_workers_are_those_asked_for_and_unknown_on_a_cluster_of_somebody_else():
    assert workers_of(3, None) == 3
    assert workers_of(None, None) >= 1
    assert workers_of(None, "tcp://127.0.0.1:8786") is None


# Paces

SHAPE = ProgramShape("relu", 16, (3,), n_inputs=2, n_outputs=1, slots=2)


@pytest.mark.slow
def test_a_pace_is_measured_once_and_kept_beside_the_runs(tmp_path):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    PaceStore(tmp_path).measure([SHAPE])
    known = PaceStore(tmp_path).known()
    assert set(known) == {SHAPE}
    assert 0 < known[SHAPE].step < 1e-3
    other = replace(SHAPE, slots=4)
    PaceStore(tmp_path).measure([other])
    assert PaceStore(tmp_path).known()[SHAPE] == known[SHAPE]
    assert other in PaceStore(tmp_path).known()


def test_a_damaged_file_of_paces_is_as_good_as_none(tmp_path):
    store = PaceStore(tmp_path)
    assert store.known() == {}
    store.path.parent.mkdir()
    for text in ("", "{", "[1]", '[[{"hidden": 3}, [1]]]', json.dumps([[{"batch": 1}, [1, 2, 3]]])):
        store.path.write_text(text)
        assert store.known() == {}


def test_a_calibration_that_fails_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.paces.sys.executable", str(tmp_path / "no-python"))
    with pytest.raises(RunError, match="could not be measured"):
        PaceStore(tmp_path).measure([SHAPE])


# The command line


def _before_driving(monkeypatch):
    monkeypatch.setattr("motrain_app.cli._drive", lambda folder, options: print(folder.path) or 0)


def test_train_says_first_what_it_will_take(design, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _before_driving(monkeypatch)
    path = design(data=_whole(cells=3), learner=PEER.learner).save(tmp_path / "design.json")
    assert main(["train", str(path), "--workers", "2"]) == 0
    first, folder = capsys.readouterr().out.splitlines()
    assert first.startswith("11 candidates × 4 members × 3 partitions: at most 13,200 model-epochs, roughly ")
    assert first.endswith(" on 2 workers")
    assert Run.open(folder).design.learner == PEER.learner


def test_train_takes_staged_rows_and_measured_paces_into_account(design, tmp_path):
    made = design(learner="network", filters=["a > 285"])
    folder = create_run(made, tmp_path / "runs")
    dense = budget_of_run(folder)
    staged = stage_design(made, open_dataset(list(made.data)), tmp_path / "runs")
    assert isinstance(staged, StagedRows)
    sparse = budget_of_run(folder)
    assert sparse.steps < dense.steps
    assert sparse.model_epochs == dense.model_epochs
    store = PaceStore(tmp_path / "runs")
    store._keep({shape: Pace(1.0, 1.0, 1.0) for shape in sparse.unmeasured})
    measured = budget_of_run(folder)
    assert measured.measured
    assert measured.cpu_seconds > sparse.steps


def test_a_design_of_ridge_says_only_what_is_trained(design, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _before_driving(monkeypatch)
    path = design().save(tmp_path / "design.json")
    assert isinstance(Design.load(path), Design)
    assert main(["train", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "4 members × 6 partitions"
