"""Optimism of folds: the number is that of two runs on the same rows, and random folds are optimistic on real data."""

import json

import numpy as np
import pytest
import xarray as xr

from motrain_app.design import Design, LeaveBlocksOut, LeaveRandomOut, LeaveYearsOut, Period
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block
from motrain_app.learning.ridge import STRENGTHS, RidgeOptions, fit_ridge
from motrain_app.runs.optimism import measure_optimism
from motrain_app.runs.staged_rows import StagedRows
from tests.runs.conftest import make_dataset

INPUTS = ["TG1", "TG2", "TG3", "WG1", "WG2", "WG3", "BIOMA1", "BIOMA2"]
OUTPUTS = ["sig", "slop", "curv"]
SEASONS = [Period("cold", months=(10, 11, 12, 1, 2, 3)), Period("warm", months=(4, 5, 6, 7, 8, 9))]


def with_years(years: int = 6) -> xr.Dataset:
    """Return a dataset in which each year shifts the outputs, and an input tells the year and nothing of another."""
    data = make_dataset(cells=4, years=years, step=3)
    random = np.random.default_rng(5)
    year = data["time"].dt.year.values - 2010
    shift = random.normal(0, 3, (2, years))
    data["b"] = data["b"] + 0.5 * random.normal(size=years)[year]
    for name, of_year in zip(("y", "bend"), shift, strict=True):
        data[name] = data[name] + of_year[year]
    return data


def mean_square(rows, folds, label):
    """Judge ridge out-of-fold, row by row: [n_outputs] sums and counts over partitions."""
    squares, n = np.zeros(len(rows.outputs)), np.zeros(len(rows.outputs))
    whole = rows.read(np.arange(len(rows.cell_at)))
    for partition in range(label.max() + 1):
        mine = np.flatnonzero(label[whole.cell, whole.time] == partition)
        atom = folds.atom_of_time[whole.time[mine]]
        block = Block(
            ids=np.zeros(1, np.uint64),
            row_start=np.array([0, len(mine)]),
            inputs=whole.inputs[:, mine],
            outputs=whole.outputs[:, mine],
            atom=atom,
            folds=folds,
            seed=0,
            padded_rows=len(mine),
            masked=np.zeros(1, bool),
        )
        fitted = fit_ridge(block, RidgeOptions(strengths=STRENGTHS))
        for member in range(folds.n_members):
            held = folds.held_out[member][atom]
            error = fitted.stack.member(member).predict(block.inputs[:, held].astype(float)) - block.outputs[:, held]
            squares += np.nansum(error**2, axis=1)
            n += np.isfinite(error).sum(axis=1)
    return squares, n


@pytest.mark.parametrize("periods", [None, SEASONS], ids=["all time", "seasons"])
def test_the_number_is_that_of_two_fits_row_by_row(periods, design, tmp_path):
    data = with_years()
    chosen = design(data=data, jackknife=LeaveRandomOut(folds=5), periods=periods)
    found = measure_optimism(chosen.to_json(), str(tmp_path / "runs"))
    assert json.loads(json.dumps(found)) == found
    (path,) = (one for one in (tmp_path / "runs" / ".staged").iterdir() if one.is_dir())
    rows, layout = StagedRows(path), chosen.layout(data)
    time_label = layout.partitions.times.label
    label = layout.cells.label[:, None] * len(layout.partitions.times) + time_label
    years = make_folds(chosen.test, LeaveYearsOut(), rows.time)
    (random, n), (honest, n_honest) = (mean_square(rows, folds, label) for folds in (layout.folds, years))
    assert n.tolist() == n_honest.tolist() == [found["n"]["y"], found["n"]["bend"]]
    expected = 1 - np.sqrt(random / honest)
    np.testing.assert_allclose([found["outputs"]["y"], found["outputs"]["bend"]], expected, rtol=1e-6)
    assert (expected > 0.02).all()
    assert found["reference"] == "leaving years out"
    assert found["near"] > 0.95
    assert found["reason"] == ""


def test_without_memory_in_time_random_folds_are_not_optimistic(design, tmp_path):
    found = measure_optimism(design(jackknife=LeaveRandomOut()).to_json(), str(tmp_path / "runs"))
    assert abs(found["outputs"]["y"]) < 0.01


def test_with_two_years_the_reference_is_blocks_of_91_days(design, tmp_path):
    chosen = design(data=with_years(2), test=None, jackknife=LeaveRandomOut())
    found = measure_optimism(chosen.to_json(), str(tmp_path / "runs"))
    assert found["reference"] == "leaving blocks of 91 days out"
    assert set(found["outputs"]) == {"y", "bend"}


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"jackknife": None}, "Nothing is held out"),
        ({"jackknife": "year"}, "ask for a new time already"),
        ({"jackknife": LeaveBlocksOut(30, embargo=15)}, "Only 0 % of the held-out times lie within 10 days"),
    ],
)
def test_what_cannot_be_measured_says_why(choices, words, design, tmp_path):
    found = measure_optimism(design(**choices).to_json(), str(tmp_path / "runs"))
    assert words in found["reason"]
    assert (found["outputs"], found["n"], found["reference"]) == ({}, {}, "")
    assert not (tmp_path / "runs").exists(), "no row was staged"


def test_a_record_of_some_months_says_that_it_is_too_short(design, tmp_path):
    data = make_dataset(step=1).isel(time=slice(0, 150))
    found = measure_optimism(design(data=data, test=None, jackknife=LeaveRandomOut()).to_json(), str(tmp_path / "runs"))
    assert "too short" in found["reason"]
    assert found["near"] == pytest.approx(1, abs=0.01)


def test_blocks_without_an_embargo_are_measured_too(design, tmp_path):
    found = measure_optimism(design(data=with_years(), jackknife=LeaveBlocksOut(30)).to_json(), str(tmp_path / "runs"))
    assert found["outputs"]["y"] > 0.02


@pytest.mark.slow
def test_random_folds_are_optimistic_in_all_outputs_of_the_real_cells(shared_data, tmp_path, record_property):
    design = Design(
        shared_data / "ascat_isba_5cells.nc", INPUTS, OUTPUTS, regions="cells", test="2017-01-01",
        jackknife=LeaveRandomOut(), learner="ridge",
    )  # fmt: skip
    found = measure_optimism(design.to_json(), str(tmp_path / "runs"))
    record_property("optimism", found["outputs"])
    assert list(found["outputs"]) == OUTPUTS
    assert all(share > 0 for share in found["outputs"].values()), found
