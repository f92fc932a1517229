"""Verdicts on operators, and what they rest on: recomputed from operators and data, for rows that members withheld."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.design import Design
from motrain_app.operators import Member
from motrain_app.runs import Run, create_run
from motrain_app.runs.axes import Axes
from motrain_app.runs.diagnosing import diagnose
from motrain_app.runs.scores.verdicts import VERDICT_COLUMNS, read_diagnoses
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here, make_dataset

FAR = 999


def _trained(data, folder, **choices):
    folder.mkdir(parents=True, exist_ok=True)
    data.to_netcdf(folder / "cells.nc")
    choices = {"regions": "cells", "test": "2014-01-01", "learner": "ridge2"} | choices
    run = create_run(Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], **choices), folder / "runs")
    assert drive_here(run) == "done"
    return Run.open(run.path)


@pytest.fixture(scope="module")
def data():
    data = make_dataset(cells=3, years=6, step=2)
    data["y"][2], data["bend"][2] = np.nan, np.nan
    data["a"][0, data["time"].dt.year.values == 2012] += 40  # a year like no other
    return data


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return _trained(data, tmp_path_factory.mktemp("verdicts"))


def _diagnosis(run, name):
    with RunStore(run.path / "run.sqlite") as store:
        row = store.partition(name)
    return read_diagnoses(run._folder, [row])[row.number]


def _inputs(data, run, name, cell):
    """The withheld rows of a cell: inputs in physical units, and the member that withheld each."""
    got = run.predictions(name)
    states = data.isel(space=cell).sel(time=got["time"])
    return np.stack([states["a"].values, states["b"].values]), got["fold"].values


@pytest.mark.parametrize("step", [16, 5])
def test_an_operator_that_knows_nothing_is_never_ready_however_many_cells_it_has(tmp_path, step):
    """What 80 cells fit to 45 rows, or 146, as their own climatology, or mean, is noise, which a constant beats."""
    random = np.random.default_rng(1)
    data = make_dataset(cells=80, years=3, step=step)
    for name in ("y", "bend"):
        data[name].values = random.normal(size=data[name].shape)
    run = _trained(data, tmp_path, regions=None, test=None, learner="ridge")
    assert (run.verdicts()["verdict"] == "no better than climatology").all()
    if step == 16:  # too few for a climatology of its own
        frame = run.skill()
        assert not frame.loc[frame["metric"] == "skill_over_climatology", "significant"].astype(bool).any()


def test_the_season_that_cells_share_is_no_knowledge(tmp_path):
    """Every cell's own climatology takes up some noise: who has learnt but the season is better, and not ready."""
    random = np.random.default_rng(1)
    data = make_dataset(cells=80, years=3, step=5)
    season = 2 * np.pi * data["time"].dt.dayofyear.values / 365.2425
    data["a"].values[:], data["b"].values[:] = np.cos(season), np.sin(season)
    for name in ("y", "bend"):
        data[name].values = 2 * np.cos(season) + random.normal(size=data[name].shape)
    run = _trained(data, tmp_path, regions=None, test=None, learner="ridge")
    verdicts, frame = run.verdicts(), run.skill().set_index(["output", "metric"])
    for output in ("y", "bend"):
        assert frame.loc[(output, "skill_over_climatology"), "low"] > 0
        assert frame.loc[(output, "skill"), "baseline"] == "shared_climatology"
        assert abs(frame.loc[(output, "skill"), "value"]) < 0.001
    assert (verdicts["verdict"] == "no better than climatology").all()
    assert verdicts["reason"].str.contains("over the climatology that its cells share").all()


@pytest.mark.parametrize(("step", "years", "memory"), [(5, 3, 0.0), (2, 5, 0.97), (16, 3, 0.0)])
def test_place_and_season_are_no_knowledge(tmp_path, step, years, memory):
    """Of cells of unlike levels: errors that last are noise of each cell's climatology; few rows leave it none."""
    random = np.random.default_rng(1)
    data = make_dataset(cells=60, years=years, step=step)
    season, place = 2 * np.pi * data["time"].dt.dayofyear.values / 365.2425, random.normal(size=(60, 1))
    data["a"].values[:], data["b"].values[:] = np.cos(season), place
    phi = memory**step
    for name in ("y", "bend"):
        noise = random.normal(size=(60, len(season) + 300)) * np.sqrt(1 - phi**2)
        data[name].values = 2 * np.cos(season) + place + lfilter([1.0], [1.0, -phi], noise, axis=1)[:, 300:]
    run = _trained(data, tmp_path, regions=None, test=None, learner="ridge")
    frame = run.skill().set_index(["output", "metric"])
    assert (run.verdicts()["verdict"] == "no better than climatology").all()
    assert frame.loc[("y", "skill_over_climatology"), "value"] > 0.01
    assert frame.loc[("y", "skill"), "baseline"] == "shared_climatology"
    assert frame.loc[("y", "skill"), "value"] < 0.06


def test_every_partition_and_output_has_a_verdict_and_a_reason(run):
    frame = run.verdicts()
    assert tuple(frame.columns) == VERDICT_COLUMNS
    assert list(frame["partition"]) == ["cell-0", "cell-0", "cell-1", "cell-1", "cell-2", "cell-2"]
    assert list(frame["output"]) == ["y", "bend"] * 3
    assert frame["reason"].str.len().min() > 10
    assert (frame["verdict"][4:] == "no operator").all()
    assert "no training row" in frame["reason"][4]
    assert (frame["verdict"][2:4] == "ready").all()
    skill = run.skill().query("metric == 'skill_over_climatology'")
    np.testing.assert_array_equal(frame["low"][:4], skill["low"])
    np.testing.assert_array_equal(frame["n"][:4], skill["n"])


def test_the_numbers_of_a_verdict_are_the_scores_of_its_output(run):
    verdicts = run.verdicts().set_index(["partition", "output"])
    scores = run.skill().set_index(["partition", "output", "metric"])
    told = [(partition, output) for partition in ("cell-0", "cell-1") for output in ("y", "bend")]
    for place in told:
        line, over = verdicts.loc[place], scores.loc[(*place, "skill_over_climatology")]
        assert (line["skill"], line["low"], line["high"]) == (over["value"], over["low"], over["high"])
        assert line["low"] < line["skill"] < line["high"]
        rows = scores.loc[(*place, "n_effective")]
        assert (line["n"], line["n_effective"]) == (rows["n"], rows["value"])
        if line["verdict"] == "ready":
            assert f"over climatology is {line['low']:.2f} to {line['high']:.2f}," in line["reason"]
    assert (verdicts.loc["cell-1", "verdict"] == "ready").all()
    for name in ("n", "n_effective", "skill", "low", "high"):
        assert verdicts.loc[told, name].nunique() == 4, name


def _law(data, slope=0.0, noise=0.3):
    """An output by the law of `b`, and by `a` with a slope, of standard deviations each; with noise."""
    a, b = (data["a"].values - 285) / 8, (data["b"].values - 0.3) / 0.05
    return slope * a + b + noise * np.random.default_rng(2).normal(size=a.shape)


def test_an_output_whose_slope_a_year_turns_round_is_unstable_and_the_other_is_not(tmp_path):
    data = make_dataset(cells=1, years=5, step=2)
    odd = data["time"].dt.year.values == 2012
    data["y"].values, data["bend"].values = _law(data), _law(data, np.where(odd, -0.6, 0.15))
    found = _trained(data, tmp_path).verdicts()
    assert found["verdict"].tolist() == ["ready", "unstable"]
    assert found["reason"][1] == "Members disagree on the sign of its derivative by a."
    assert (found["low"] > 0.5).all()
    assert (found["outside"] < 0.05).all()


def test_an_operator_that_holds_in_a_year_it_had_to_extrapolate_to_is_outside_its_range(tmp_path):
    data = make_dataset(cells=1, years=5, step=2)
    data["b"][0, data["time"].dt.year.values == 2012] += 0.3
    data["y"].values, data["bend"].values = _law(data, 0.5), _law(data, -0.5)
    found = _trained(data, tmp_path).verdicts()
    assert found["verdict"].tolist() == ["outside its range"] * 2
    assert found["reason"].str.fullmatch(r"2\d % of its rows lie outside what members learned from, by b\.").all()
    assert (found["low"] > 0.5).all()


def test_an_output_of_few_rows_is_thin_and_the_other_is_not(tmp_path):
    data = make_dataset(cells=1, years=5, step=2)
    data["y"].values, data["bend"].values = _law(data, 0.5), _law(data, -0.5)
    data["bend"][0, np.arange(data.sizes["time"]) % 30 > 0] = np.nan
    found = _trained(data, tmp_path).verdicts()
    assert found["verdict"].tolist() == ["ready", "thin"]
    assert found["reason"][1].startswith(f"Its {found['n'][1]} withheld rows are worth")
    assert found["n_effective"][1] < 30 < found["n_effective"][0]
    ends = f"{found['low'][0]:.2f} to {found['high'][0]:.2f}"
    assert found["reason"][0].startswith(f"Skill over climatology is {ends}, over the mean is ")


def test_an_output_of_few_rows_a_cell_is_thin_however_many_cells_there_are(tmp_path):
    """It has skill; whether beyond place and season, no cell can tell."""
    data = make_dataset(cells=40, years=5, step=8)
    data["y"].values, data["bend"].values = _law(data, 0.5), _law(data, -0.5)
    sparse = (np.arange(data.sizes["time"]) + np.arange(40)[:, None]) % 24 > 0
    data["bend"].values[sparse] = np.nan
    run = _trained(data, tmp_path, regions=None)
    found = run.verdicts()
    assert found["verdict"].tolist() == ["ready", "thin"]
    assert found["reason"][1].startswith("No cell has ten withheld rows")
    assert (found["low"] > 0.5).all()
    assert np.isnan(_diagnosis(run, "everywhere").beyond_season).tolist() == [False, True]


def test_a_year_like_no_other_is_outside_the_range(run, data):
    outside = _diagnosis(run, "cell-0").outside
    x, fold = _inputs(data, run, "cell-0", 0)
    members = {member.name: member for member in run.operator("cell-0").members}
    low = np.stack([members[name].input_low for name in fold], axis=1)
    high = np.stack([members[name].input_high for name in fold], axis=1)
    beyond = (x < low - 1e-4) | (x > high + 1e-4)
    np.testing.assert_allclose(outside, [*beyond.mean(axis=1), beyond.any(axis=0).mean()], atol=0.003)
    assert outside[0] > 0.1
    frame = run.verdicts().set_index(["partition", "output"])
    assert frame.loc[("cell-0", "bend"), "outside"] == outside[-1]


def test_the_influence_of_a_year_is_the_change_when_it_is_left_out(run, data):
    influence = _diagnosis(run, "cell-1").influence
    x, _ = _inputs(data, run, "cell-1", 1)
    x = x[:, np.linspace(0, x.shape[1] - 1, 500).round().astype(int)]
    h = run.operator("cell-1")
    said = np.stack([member.predict(x) for member in h.members])
    change = np.sqrt(((said - said.mean(axis=0)) ** 2).mean(axis=-1))
    np.testing.assert_allclose(influence, change, rtol=1e-3)
    # The year like no other bends the operator of its cell most.
    of_cell = _diagnosis(run, "cell-0").influence
    assert [member.name for member in run.operator("cell-0").members][int(of_cell[:, 1].argmax())] == "2012"


def test_the_sensitivity_is_the_mean_derivative_in_standard_units(run, data):
    found = _diagnosis(run, "cell-1").sensitivity
    x, _ = _inputs(data, run, "cell-1", 1)
    few = x[:, np.linspace(0, x.shape[1] - 1, 200).round().astype(int)]
    observed = run.predictions("cell-1")["observed"].values
    unit = np.nanstd(observed, axis=1)[:, None] / x.std(axis=1)
    for number, member in enumerate(run.operator("cell-1").members):
        np.testing.assert_allclose(found[number], member.jacobian(few).mean(axis=-1) / unit, rtol=2e-3, atol=1e-4)


def test_test_rows_do_not_touch_a_verdict(data, run, tmp_path):
    changed = data.copy(deep=True)
    late = changed["time"].values >= np.datetime64("2014-01-01")
    for name in ("a", "b", "y", "bend"):
        changed[name][:, late] = changed[name][:, late] * 1.5 + FAR
    other = _trained(changed, tmp_path)
    assert other.verdicts().equals(run.verdicts())
    for part in ("influence", "sensitivity", "outside"):
        mine, theirs = (getattr(_diagnosis(one, "cell-0"), part) for one in (run, other))
        np.testing.assert_array_equal(mine, theirs)


def test_without_a_jackknife_nothing_is_known(data, tmp_path):
    frame = _trained(data, tmp_path, jackknife=None).verdicts()
    assert list(frame["verdict"][:4]) == ["thin"] * 4
    assert frame["reason"][0] == "No withheld row was predicted, so nothing is known of its skill."


def _member(slope):
    arrays = {"input_mean": [0.0], "input_scale": [1.0], "input_low": [-9.0], "input_high": [9.0]}
    ones = {name: np.array(value) for name, value in arrays.items()}
    return Member(
        name="m",
        features="linear",
        weights=(np.array([[slope]]),),
        biases=(np.zeros(1),),
        output_mean=np.zeros(1),
        output_scale=np.ones(1),
        **ones,
    )


def test_members_of_opposite_slopes_are_found():
    x = np.random.default_rng(0).standard_normal((1, 300))
    fold = np.arange(300) % 3
    observed = 2 * x
    axes = Axes(np.zeros(300, np.int32), np.arange(300, dtype=np.int32), np.datetime64("2010-01-01") + np.arange(300))
    found = diagnose({0: _member(1.0), 2: _member(-1.0)}, x, observed, 0.5 * observed, axes, fold, n_members=3)
    assert 0.7 < found.beyond_season[0] < 0.8
    np.testing.assert_allclose(found.sensitivity[:, 0, 0], [0.5, np.nan, -0.5])
    np.testing.assert_allclose(found.influence[[0, 2], 0], np.sqrt((x**2).mean()), rtol=1e-6)
    assert np.isnan(found.influence[1]).all()
    assert found.outside[0] == 0
