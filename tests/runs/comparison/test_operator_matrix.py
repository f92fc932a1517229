"""Operator i on partition j: out-of-fold on both sides, against what the operators themselves say."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.design import Learner
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.comparison import operator_matrix
from tests.runs.conftest import drive_here


@pytest.fixture
def run_of(design, tmp_path):
    """Return a function that trains a design."""

    def make(*, data=None, **choices):
        folder = create_run(design(data=data, **choices), tmp_path / "runs")
        assert drive_here(folder) == "done"
        return Run.open(folder.path)

    return make


@pytest.mark.parametrize("learner", ["ridge2", Learner("svr", {"C": 1.0})])
def test_every_pair_is_judged_by_the_members_that_withheld_the_rows(run_of, dataset, learner, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.comparison.crossing.READ_ROWS", 300)
    data = dataset(cells=4)
    run = run_of(data=data, learner=learner)
    got = run.cross()
    assert got.sizes == {"operator": 4, "partition": 4, "output": 2}
    assert got["operator"].values.tolist() == got["partition"].values.tolist() == run.partitions
    training = data.sel(time=slice(None, "2013-12-31"))
    for j, partition in enumerate(run.partitions):
        cell = training.isel(space=j)
        own = run.operator(partition)(cell[["a", "b"]], crossfit=True)
        for operator in run.partitions:
            said = run.operator(operator)(cell[["a", "b"]], crossfit=True)
            for output in ("y", "bend"):
                there = np.isfinite(cell[output].values)
                observed, error = cell[output].values[there], (said[output] - cell[output]).values[there]
                pair = got.sel(operator=operator, partition=partition, output=output)
                own_error = (own[output] - cell[output]).values[there]
                change = 100 * (np.sqrt(np.mean(error**2) / np.mean(own_error**2)) - 1)
                assert float(pair["change"]) == pytest.approx(change, abs=1e-2)
                assert int(pair["n"]) == there.sum()
                assert float(pair["rmse"]) == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
                assert float(pair["r2_pooled"]) == pytest.approx(
                    1 - np.mean(error**2) / observed.var(), rel=1e-4, abs=1e-5
                )
    own = run.skill().query("metric == 'rmse'").set_index(["partition", "output"])
    for name in run.partitions:
        for output in ("y", "bend"):
            pair, alone = got.sel(operator=name, partition=name, output=output), own.loc[(name, output)]
            assert float(pair["rmse"]) == pytest.approx(alone["value"], rel=1e-5)
            assert float(pair["rmse_low"]) == pytest.approx(alone["low"], rel=0.05), "but for the length of blocks"
            assert float(pair["rmse_high"]) == pytest.approx(alone["high"], rel=0.05)
            assert float(pair["change"]) == float(pair["change_low"]) == float(pair["change_high"]) == 0
    for name in ("rmse", "r2_pooled", "change"):
        assert (got[f"{name}_low"] <= got[name] + 1e-9).all()
        assert (got[name] <= got[f"{name}_high"] + 1e-9).all()
        assert got[f"{name}_low"].attrs["long_name"] == f"lower end of the 95 % interval of {name}"
    off = ~np.eye(4, dtype=bool)
    for end in ("low", "high"):  # of the ratio in per cent, as the change is
        assert (abs(got[f"change_{end}"] - got["change"]).sel(output="y").values[off] > 1).all()
    assert (got["change"].sel(output="y").values[off] > 1).all(), "each cell has a slope of its own"


def test_intervals_of_errors_that_last_are_those_of_scores_however_short_lived_what_tells_operators_apart_is(
    run_of, dataset
):
    data = dataset(cells=3, years=6)
    lasting = lfilter([1.0], [1.0, -0.97], np.random.default_rng(5).standard_normal(data["y"].shape))
    data["y"] = data["y"] + 3 * lasting
    run = run_of(data=data)
    got, own = run.cross().sel(output="y"), run.skill().query("metric == 'rmse' and output == 'y'")
    width = (own["high"] - own["low"]).to_numpy()
    for partition, of_score in zip(own["partition"], width.tolist(), strict=True):
        matrix = got.sel(partition=partition)
        assert (matrix["rmse_high"] - matrix["rmse_low"] > 0.8 * of_score).all()


def test_rows_whose_fold_the_other_operator_lacks_have_no_prediction(run_of, dataset):
    data = dataset(cells=3, years=6)
    year = data["time"].dt.year.values
    data["a"][0, year == 2011] = np.nan
    got = run_of(data=data, test="2015-01-01").cross().sel(output="y")
    rows = [np.isfinite(data["y"].values[cell]) & (year < 2015) & (year != 2011) for cell in range(3)]
    assert got["n"].sel(operator="cell-0").values.tolist() == [some.sum() for some in rows]
    assert got["n"].sel(operator="cell-1", partition="cell-2") > rows[2].sum()
    assert np.isfinite(got["change"]).all()


def test_several_partitions_are_chosen_by_name(run_of):
    run = run_of()
    got = run.cross(["cell-4", "cell-1"])
    assert got["partition"].values.tolist() == ["cell-4", "cell-1"]
    whole = run.cross()
    assert got.identical(whole.sel(operator=["cell-4", "cell-1"], partition=["cell-4", "cell-1"]))


def test_what_cannot_be_crossed_is_refused_in_words(run_of, monkeypatch):
    run = run_of()
    with pytest.raises(RunError, match="no finished operator of nowhere"):
        run.cross(["cell-1", "nowhere"])
    with pytest.raises(RunError, match="no partition was named"):
        run.cross([])
    monkeypatch.setattr(operator_matrix, "MOST", 5)
    with pytest.raises(RunError, match="6 partitions make 36 pairs; at most 5 partitions"):
        run.cross()
    with pytest.raises(RunError, match="Nothing was withheld"):
        run_of(jackknife=None).cross()


def test_at_most_fifty_partitions_are_crossed(run_of):
    run, names = run_of(), [f"p{number}" for number in range(51)]
    with pytest.raises(RunError, match="51 partitions make 2,601 pairs; at most 50 partitions can be crossed"):
        run.cross(names)
    with pytest.raises(RunError, match="no finished operator of p0"):  # fifty are not too many
        run.cross(names[:50])


def test_one_name_brings_its_nearest_neighbours(run_of, dataset, monkeypatch):
    monkeypatch.setattr(operator_matrix, "NEIGHBOURS", 2)
    run = run_of(data=dataset(cells=6))  # two columns of three, a degree apart
    got = run.cross("cell-0")
    assert got["operator"].values.tolist()[0] == "cell-0"
    assert set(got["operator"].values.tolist()) == {"cell-0", "cell-1", "cell-3"}
    with pytest.raises(RunError, match="no finished operator of nowhere"):
        run.cross("nowhere")
