"""The trial table of a run: all that was tried for each member, as the members themselves show it."""

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.learning import LEARNER_KINDS
from motrain_app.learning.ridge import STRENGTHS
from motrain_app.runs import Run, RunError, create_run
from tests.runs.conftest import drive_here, make_dataset

SEARCH = {"space": {"hidden": [[3], [6], [4, 4]], "learning_rate": [0.01, 0.003]}}
NETWORK = Learner("network", {"epochs": 5, "patience": 5, "batch": 64, "search": SEARCH})


def _trained(design, runs):
    folder = create_run(design, runs)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def test_ridge_has_a_row_for_each_fold_output_and_strength(design, tmp_path):
    run = _trained(design(data=make_dataset(cells=2)), tmp_path / "runs")
    trials = run.trials("cell-1")
    assert list(trials) == ["fold", "output", "candidate", "strength", "validation_loss", "chosen"]
    folds = [member.name for member in run.operator("cell-1").members]
    assert len(trials) == len(folds) * 2 * len(STRENGTHS)
    assert trials["fold"].drop_duplicates().tolist() == folds
    for _, one in trials.groupby(["fold", "output"]):
        assert one["strength"].tolist() == list(STRENGTHS)
        assert one["candidate"].tolist() == list(range(len(STRENGTHS)))
        assert one["chosen"].tolist() == (one["validation_loss"] == one["validation_loss"].min()).tolist()
    # In the output's squared unit: y has noise of 0.3 dB beside what is linear, bend is far from linear.
    best = trials[trials["chosen"]].groupby("output")["validation_loss"].mean()
    assert best["y"] == pytest.approx(0.3**2, rel=0.3)
    rmse = run.skill().query("metric == 'rmse' and partition == 'cell-1'").set_index("output")["value"]
    np.testing.assert_allclose(best[["y", "bend"]], rmse[["y", "bend"]] ** 2, rtol=0.15)


@pytest.mark.slow
def test_a_network_has_a_row_for_each_fold_and_candidate_and_its_members_are_the_chosen_ones(design, tmp_path):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    run = _trained(design(data=make_dataset(cells=1), learner=NETWORK), tmp_path / "runs")
    trials, members = run.trials("cell-0"), run.operator("cell-0").members
    assert list(trials) == ["fold", "candidate", "hidden", "learning_rate", "validation_loss", "epochs", "chosen"]
    assert len(trials) == len(members) * 6
    assert (trials["epochs"] == 5).all()
    chosen = trials[trials["chosen"]].set_index("fold")
    assert chosen.index.is_unique
    for member in members:
        assert tuple(len(bias) for bias in member.biases[:-1]) == chosen.loc[member.name, "hidden"]
    assert (chosen["validation_loss"] == trials.groupby("fold")["validation_loss"].min()).all()
    assert chosen["validation_loss"].between(0, 1.5).all(), "in standard deviations, squared"


def test_a_fold_without_a_member_has_no_row(design, tmp_path):
    data = make_dataset(cells=2)
    gone = (data["time"].dt.year == 2011).values
    data["y"].values[1, gone] = data["bend"].values[1, gone] = np.nan
    run = _trained(design(data=data), tmp_path / "runs")
    assert "2011" in set(run.trials("cell-0")["fold"])
    assert "2011" not in set(run.trials("cell-1")["fold"])
    assert set(run.trials("cell-1")["fold"]) == {member.name for member in run.operator("cell-1").members}


def test_an_output_that_could_not_be_trained_has_no_row(design, tmp_path):
    data = make_dataset(cells=1)
    data["bend"].values[:] = np.nan
    run = _trained(design(data=data), tmp_path / "runs")
    assert set(run.trials("cell-0")["output"]) == {"y"}


def test_test_rows_never_enter(design, tmp_path):
    run = _trained(design(data=make_dataset(cells=1)), tmp_path / "runs")
    noisy = make_dataset(cells=1)
    test = noisy["time"].values >= np.datetime64("2014-01-01")
    noisy["y"].values[:, test] *= -50
    (tmp_path / "cells.nc").unlink()
    again = _trained(design(data=noisy), tmp_path / "again")
    assert run.trials("cell-0").equals(again.trials("cell-0"))
    assert not np.array_equal(run.open_test()["value"], again.open_test()["value"])


def test_a_learner_that_chooses_nothing_has_an_empty_table(design, tmp_path):
    boosting = Learner("boosting", {"max_iter": 2})
    run = _trained(design(data=make_dataset(cells=1), learner=boosting), tmp_path / "runs")
    trials = run.trials("cell-0")
    assert trials.empty
    assert {"fold", "candidate", "validation_loss", "chosen"} <= set(trials)


def test_candidates_that_are_others_now_are_not_told_for_those_that_were_tried(design, tmp_path, monkeypatch):
    run = _trained(design(data=make_dataset(cells=1)), tmp_path / "runs")
    other = LEARNER_KINDS["ridge"].__class__(**{**vars(LEARNER_KINDS["ridge"]), "tried": lambda options, seed: ({},)})
    monkeypatch.setitem(LEARNER_KINDS, "ridge", other)
    with pytest.raises(RunError, match=r"holds 7 candidates, and the learner has 1 now"):
        run.trials("cell-0")


def test_a_partition_without_an_operator_has_no_trials(design, tmp_path):
    run = Run.open(create_run(design(), tmp_path / "runs").path)
    with pytest.raises(RunError):
        run.trials("cell-0")
