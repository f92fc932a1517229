"""One operator for all: exactly what a run with one partition trains, found again, sampled where rows are many."""

import numpy as np
import pytest

from motrain_app.runs import Run, RunError
from motrain_app.runs.comparison.one_for_all import one_for_all, static_inputs
from motrain_app.runs.comparison.partitioning_pays import measure_partitioning
from motrain_app.runs.plan import Plan
from tests.runs.comparison.conftest import SVR, salted, trained
from tests.runs.conftest import make_dataset


def never(design, runs, max_rows, rows_of):
    raise AssertionError("nothing is to be trained")


@pytest.mark.parametrize("learner", ["ridge", "ridge2"])
@pytest.mark.parametrize("jackknife", ["year", None])
def test_ridge_from_sums_is_what_a_run_with_one_partition_trains(run_of, learner, jackknife, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.comparison.row_sums.PIECE", 500)
    run = run_of(learner=learner, jackknife=jackknife)
    real = trained(run.design.change(regions=None), run.path.parent).operator("everywhere")
    one = one_for_all(run, train=never)
    assert one.run is None
    assert len(one.members) == len(real.members)
    x = np.array([[270.0, 285.0, 300.0], [0.2, 0.3, 0.45]])
    for mine, theirs in zip(one.members.values(), real.members, strict=True):
        np.testing.assert_allclose(mine.predict(x), theirs.predict(x), rtol=1e-6)
        np.testing.assert_allclose(mine.jacobian(x), theirs.jacobian(x), rtol=1e-6)
        for name in ("input_low", "input_high", "output_mean", "output_scale"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-9)


def test_one_operator_for_all_keeps_the_digits_of_squares_where_a_mean_is_far_above_the_spread(run_of, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.comparison.row_sums.PIECE", 500)
    run = run_of(learner="ridge2", data=salted(make_dataset()))
    real = trained(run.design.change(regions=None), run.path.parent).operator("everywhere")
    x = np.array([[270.0, 285.0, 300.0], [34.98, 35.0, 35.02]])
    for mine, theirs in zip(one_for_all(run, train=never).members.values(), real.members, strict=True):
        np.testing.assert_allclose(mine.predict(x), theirs.predict(x), rtol=1e-6)


def test_another_learner_trains_a_run_on_a_sample_and_finds_it_again(run_of):
    run, asked = run_of(learner=SVR), []

    def train(design, runs, max_rows, rows_of):
        asked.append(design)
        return trained(design, runs, max_rows, rows_of)

    one = one_for_all(run, max_rows=300, train=train)
    assert asked == [run.design.change(regions=None, periods=None)]
    beside = Run.open(run.path.parent / one.run)
    assert 290 <= Plan.load(beside.path / "plan.safetensors").training_rows[0] <= 300
    again = one_for_all(run, max_rows=300, train=never)
    assert again.run == one.run
    with pytest.raises(AssertionError, match="nothing is to be trained"):
        one_for_all(run, train=never)
    whole = trained(run.design.change(regions=None), run.path.parent)
    assert one_for_all(run, train=never).run == whole.path.name


def test_unless_told_otherwise_it_learns_from_a_million_rows_at_most(run_of):
    run, limits = run_of(learner=SVR), []

    def train(design, runs, max_rows, rows_of):
        limits.append(max_rows)
        raise RunError("That is all that was to be known.")

    for ask in (one_for_all, measure_partitioning):
        with pytest.raises(RunError, match="to be known"):
            ask(run, train=train)
    assert limits == [1_000_000, 1_000_000]


def test_what_lies_over_space_only_can_be_an_input(design):
    data = make_dataset()
    n = data.sizes["space"]
    flags = {"flag_values": [0, 1], "flag_meanings": "sand clay"}
    statics = {
        "altitude": np.linspace(0, 900, n),
        "soil": np.arange(n) % 2,
        "constant": np.full(n, 7.0),
        "gap": np.r_[np.nan, np.ones(n - 1) * np.arange(n - 1)],
        "name": np.array(list("abcdef")),
    }
    data = data.assign({name: ("space", values) for name, values in statics.items()})
    data["soil"].attrs = flags
    data["mean_time"] = ("time", np.arange(data.sizes["time"]))
    chosen, used = design(data=data), np.ones(n, bool)
    assert static_inputs(data, chosen, used) == ("altitude",)
    used[0] = False
    assert static_inputs(data, chosen, used) == ("altitude", "gap")
    assert static_inputs(data, chosen.change(inputs=["a", "altitude"]), used) == ("gap",)
    assert static_inputs(data.drop_vars(["altitude", "gap"]), chosen, used) == ("lat", "lon")


def test_latitude_and_longitude_are_staged_where_there_is_nothing_better(run_of):
    one = one_for_all(run_of(), static=True)
    assert [variable.name for variable in one.inputs] == ["a", "b", "lat", "lon"]
    rows = one.staged.read(np.arange(2))
    np.testing.assert_allclose(rows.inputs[2:], [one.staged.lat[rows.cell], one.staged.lon[rows.cell]])


def test_changed_data_are_refused_before_anything_is_trained(run_of, tmp_path):
    run = run_of(learner=SVR)
    (tmp_path / "cells.nc").unlink()
    make_dataset(seed=1).to_netcdf(tmp_path / "cells.nc")
    with pytest.raises(RunError, match="changed since"):
        one_for_all(run, train=never)
