"""Years of a run: difficulty and influence, recomputed from predictions and operators."""

import numpy as np
import pytest

from motrain_app.design import Design
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.scores.verdicts import read_diagnoses
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here, make_dataset
from tests.runs.takeovers import rows_of

ODD = 2012


@pytest.fixture(scope="module")
def make_run(tmp_path_factory):
    def make(**choices):
        folder = tmp_path_factory.mktemp("years")
        data = make_dataset(cells=3, years=6, step=2)
        late = data["time"].dt.year.values == ODD
        data["y"][0, late] = data["y"][0, late] - 9 * (data["b"][0, late] - 0.3) + 4  # another law for a year
        data.to_netcdf(folder / "cells.nc")
        choices = {"regions": "cells", "test": "2014-01-01", "learner": "ridge"} | choices
        run = create_run(Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], **choices), folder / "runs")
        assert drive_here(run) == "done"
        return Run.open(run.path)

    return make


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


def test_difficulty_is_the_score_of_what_each_fold_withheld(run):
    years = run.years()
    assert dict(years.sizes) == {"partition": 3, "output": 2, "fold": 4}
    assert list(years["fold"].values) == ["2010", "2011", "2012", "2013"]
    for cell in run.partitions:
        rows = run.predictions(cell)
        for output in ("y", "bend"):
            error = (rows["predicted"] - rows["observed"]).sel(output=output)
            for fold in years["fold"].values:
                mine = error.values[(rows["fold"].values == fold) & np.isfinite(error.values)]
                found = years.sel(partition=cell, output=output, fold=fold)
                assert float(found["difficulty"]) == pytest.approx(np.sqrt((mine**2).mean()), rel=1e-5)
                assert int(found["n"]) == len(mine)
                if np.isfinite(found["low"]):
                    assert float(found["low"]) < float(found["difficulty"]) < float(found["high"])
    # Errors of a single year may look by chance as if they lasted for months.
    assert np.isfinite(years["low"]).mean() > 0.8


def test_the_odd_year_is_the_hardest_and_bends_its_operator_most_and_no_other(run):
    of_y = run.years().sel(output="y")
    odd = of_y.sel(partition="cell-0")
    assert str(odd["fold"][int(odd["difficulty"].argmax("fold"))].values) == str(ODD)
    assert str(odd["fold"][int(odd["influence"].argmax("fold"))].values) == str(ODD)
    assert float(odd["influence"].max()) > 3 * float(of_y["influence"].sel(partition="cell-1").max())


def test_the_influence_of_a_fold_is_that_of_its_own_partition_and_output(run):
    years, rows = run.years()["influence"], rows_of(run)
    diagnoses = read_diagnoses(run._folder, list(rows.values()))
    for name in run.partitions:
        expected = diagnoses[rows[name].number].influence
        assert expected.shape == (4, 2)
        assert len(np.unique(expected)) == expected.size
        for fold, year in enumerate(["2010", "2011", "2012", "2013"]):
            for output, called in enumerate(["y", "bend"]):
                found = years.sel(partition=name, output=called, fold=year)
                assert float(found) == expected[fold, output]


def test_units_and_the_metric_are_told(run):
    years = run.years("kge")
    assert list(years["unit"].values) == ["dB", "1"]
    assert list(years["metric_unit"].values) == ["", ""]
    assert years.attrs["metric"] == "kge"
    assert years["difficulty"].attrs["long_name"].startswith("kge")
    with pytest.raises(RunError, match="metric"):
        run.years("nse")
    with pytest.raises(RunError, match=r"metric is \['rmse'\]: give one name"):
        run.years(["rmse"])


def test_without_a_jackknife_there_are_no_years(make_run):
    with pytest.raises(RunError, match="left no year out"):
        make_run(jackknife=None).years()


def test_matrices_and_maps_of_an_interrupted_run_say_that_it_is_partial(make_run):
    run = make_run()
    for found in (run.years(), run.cross(), run.by_cell("rmse")):
        assert (found.attrs["rows"], found.attrs["partial"]) == ("out-of-fold", "")
    with RunStore(run.path / "run.sqlite", write=True) as store:
        store.wait_again([2])
    partial = Run.open(run.path)
    for found in (partial.years(), partial.cross(), partial.by_cell("rmse")):
        assert "2 of 3 partitions" in found.attrs["partial"]
