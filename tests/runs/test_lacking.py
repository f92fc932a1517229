"""What members of a run lack is told: by trials, remarks and verdicts, and by h(x), which is NaN only where all do."""

import numpy as np
import pytest

from motrain_app.cli import main
from motrain_app.design import Learner, Period
from motrain_app.runs import Run, create_run
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.lacking import NOTHING, TOO_FEW
from motrain_app.runs.scores.lacking_words import lacking_words
from tests.runs.conftest import drive_here, make_dataset

NETWORK = Learner("network", {"hidden": [4], "epochs": 4, "batch": 64})


def _trained(design, runs):
    folder = create_run(design, runs)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def _states(data, cell=0):
    return np.stack([data[name].values[cell, :3] for name in "ab"], axis=1)


def _without(data, cell, **years):
    """Take outputs away: of each name those years that it is not to have."""
    for name, gone in years.items():
        data[name].values[cell, np.isin(data["time"].dt.year.values, gone)] = np.nan
    return data


@pytest.mark.parametrize("learner", ["ridge", "ridge2", "svr", pytest.param(NETWORK, marks=pytest.mark.slow)], ids=str)
def test_an_output_that_is_missing_in_one_fold_is_no_gap_of_the_operator(design, tmp_path, learner):
    if learner is NETWORK:
        pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    data = _without(make_dataset(cells=1), 0, bend=[2012])
    run = _trained(design(data=data, learner=learner), tmp_path / "runs")
    h = run.operator("cell-0")
    assert np.isfinite(h(_states(data))).all()
    assert np.isfinite(h.spread(_states(data))).all()
    assert run.lack() == []
    test = run.open_test().query("metric == 'rmse'").set_index("output")
    assert (test["n"] > 50).all()
    assert np.isfinite(test["value"]).all()


def test_an_output_that_some_members_lack_is_the_mean_of_the_others(design, tmp_path):
    data = _without(make_dataset(cells=2), 0, bend=[2012, 2013])  # 2010 and 2011 are left
    late = (data["time"].dt.year == 2012).values.nonzero()[0][:6]
    data["bend"].values[0, late] = 0.1 * np.arange(6)  # and a few rows, by which members can be judged
    run = _trained(design(data=data), tmp_path / "runs")
    h = run.operator("cell-0")
    has = [np.isfinite(member.output_mean[1]) for member in h.members]
    assert has == [True, True, True, True]
    data = _without(data, 0, bend=[2011])  # 2010 and the few rows are left: no member can leave 2010 out
    other = _trained(design(data=data), tmp_path / "others")
    h = other.operator("cell-0")
    assert [bool(np.isfinite(member.output_mean[1])) for member in h.members] == [False, True, False, True]
    assert np.isfinite(h(_states(data))).all()
    assert h.residuals is not None
    (told,) = other.lack()
    assert told.startswith("bend: in 1 of 2 partitions a fold has no member, as too few rows are left")
    assert told.endswith("cell-0 (2010, 2012).")
    assert other.remarks()[-1] == told
    verdict = other.verdicts().set_index(["partition", "output"])["reason"]
    assert "No member for 2010, 2012: too few rows" in verdict["cell-0", "bend"]
    assert "No member" not in verdict["cell-0", "y"]
    assert "No member" not in verdict["cell-1", "bend"]


@pytest.mark.parametrize("learner", ["ridge", "boosting"])
def test_an_output_that_no_member_has_is_no_operator_and_says_why(design, tmp_path, capfd, learner):
    data = _without(make_dataset(cells=2), 0, bend=[2010, 2011, 2012, 2013])
    data["bend"].values[0, :6] = 0.3
    run = _trained(design(data=data, learner=learner), tmp_path / "runs")
    assert np.isnan(run.operator("cell-0")(_states(data))[:, 1]).all()
    assert run.failures == {}
    verdict = run.verdicts().set_index(["partition", "output"])
    assert verdict.loc[("cell-0", "bend"), "verdict"] == "no operator"
    reason = verdict.loc[("cell-0", "bend"), "reason"]
    assert reason.startswith("No member has this output. Its 6 training rows lie in 1")
    assert ("one to validate" in reason) == (learner == "ridge")  # the other sets no rows aside to judge
    assert verdict.loc[("cell-0", "y"), "verdict"] == "ready"
    assert run.lack() == ["bend: no member has it in 1 of 2 partitions: cell-0."]
    main(["resume", str(run.path)])
    assert "bend: no member has it in 1 of 2 partitions: cell-0." in capfd.readouterr().err


def test_an_output_whose_solver_did_not_end_says_so(design, tmp_path):
    data = make_dataset(cells=1)
    few = np.zeros(data["time"].size, bool)
    few[::12] = True
    data["bend"].values[0, ~few] = np.nan  # of so few rows it does
    run = _trained(design(data=data, learner=Learner("svr", {"max_iter": 150})), tmp_path / "runs")
    reasons = run.verdicts().set_index("output")["reason"]
    assert reasons["y"].startswith("No member has this output. The support vectors were not found in 150 steps")
    assert "No member" not in reasons["bend"]
    assert run.lack() == ["y: no member has it in 1 of 1 partitions: cell-0."]


def test_where_a_solver_did_not_end_in_one_fold_its_rows_are_not_said_to_be_too_few(design, tmp_path):
    """Of an output that lies almost all in one year, who leaves out the other year learns from many rows."""
    data = make_dataset(cells=1)
    year, number = data["time"].dt.year.values, np.arange(data["time"].size)
    some = (year == 2013) | ((year == 2010) & (number < 20))
    data["bend"].values[0, ~some] = np.nan
    data["y"].values[0, number % 12 > 0] = np.nan  # of so few rows the solver ends
    run = _trained(design(data=data, learner=Learner("svr", {"max_iter": 60})), tmp_path / "runs")
    (told,) = run.lack()
    assert told.startswith(
        "bend: in 1 of 1 partitions a fold has no member, as what was learnt is no number, absurd or "
    )
    assert told.endswith("cell-0 (2010, 2011, 2012).")


def test_of_a_run_of_before_this_was_kept_nothing_is_told(design, tmp_path, monkeypatch):
    data = _without(make_dataset(cells=1), 0, bend=[2010, 2011, 2012, 2013])
    run = _trained(design(data=data), tmp_path / "runs")
    assert run.lack() == ["bend: no member has it in 1 of 1 partitions: cell-0."]
    monkeypatch.setattr(BlockFile, "lacking", None)
    assert run.lack() == []
    assert run.verdicts().set_index("output").loc["bend", "verdict"] == "thin"


@pytest.mark.slow
def test_a_partition_that_the_design_does_not_fit_is_told_in_its_own_words(design, tmp_path):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    data = make_dataset(cells=2)
    data[["y", "bend"]] = data[["y", "bend"]] + 100
    data["y"].values[0, 3] = -1.0
    weighted = Learner("network", {**NETWORK.options, "emphasis": 1.0, "emphasis_power": 0.5})
    folder = create_run(design(data=data, learner=weighted), tmp_path / "runs")
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    assert list(run.failures) == ["cell-0"]
    assert run.failures["cell-0"].startswith("1 observed values are negative")


@pytest.mark.slow
def test_a_member_that_diverged_alone_is_told(design, tmp_path, capfd):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    data = make_dataset(cells=2, years=6, step=12)
    data["y"].values[0, 5] = 1e30
    made = design(data=data, learner=NETWORK, test="2015-01-01")
    run = _trained(made, tmp_path / "runs")
    members = {member.name for member in run.operator("cell-0").members}
    lost = {"2010", "2011", "2012", "2013", "2014"} - members
    assert lost
    trials = run.trials("cell-0").set_index("fold")
    assert set(trials.index) == members | lost
    assert np.isinf(trials.loc[sorted(lost), "validation_loss"]).all()
    assert not trials.loc[sorted(lost), "chosen"].any()
    assert (trials.loc[sorted(members), "chosen"]).all()
    (told,) = run.lack()
    assert told.startswith(
        "y, bend: in 1 of 2 partitions a fold has no member, as what was learnt is no number, absurd or unfinished"
    )
    assert told.endswith(f"cell-0 ({', '.join(sorted(lost))}).")
    reasons = run.verdicts().set_index(["partition", "output"])["reason"]
    assert "what was learnt is no number" in reasons["cell-0", "bend"]
    assert "no number" not in reasons["cell-1", "bend"]
    main(["skill", str(run.path)])
    assert told in capfd.readouterr().out


@pytest.mark.parametrize("learner", ["ridge", "svr", pytest.param(NETWORK, marks=pytest.mark.slow)], ids=str)
def test_without_a_jackknife_a_partition_that_ends_early_is_trained_all_the_same(design, tmp_path, learner):
    if learner is NETWORK:
        pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    early = Period("early", intervals=[("2010-01-01", "2012-01-01")])
    late = Period("late", intervals=[("2012-01-01", "2015-01-01")])
    data = make_dataset(cells=2)
    for name in ("y", "bend"):
        data[name].values[1, 8:] = np.nan  # a cell with a few rows alone
    run = _trained(design(data=data, learner=learner, periods=[early, late], jackknife=None), tmp_path / "runs")
    assert {"cell-0 · early", "cell-0 · late"} <= run.finished
    assert np.isfinite(run.operator("cell-0 · early")(_states(data))).all()
    reason = run.failures["cell-1 · early"]
    needs = "it needs at least 10" if learner == "svr" else "the last fifth of their times, which judges, leaves"
    assert f"training rows, too few: {needs}" in reason


def test_many_folds_are_named_by_the_first():
    codes, names = np.array([TOO_FEW, NOTHING, *[TOO_FEW] * 4]), [str(year) for year in range(2010, 2016)]
    assert "No member for 2010, 2012, 2013 and 2 more: too few rows" in lacking_words(codes, names)
    assert lacking_words(0 * codes, names) == ""
