"""Whether partitioning pays: found beside one operator everywhere, said in one sentence."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from motrain_app.data.sample import STATES, sample_regions, write_sample
from motrain_app.design import Design, LeaveBlocksOut
from motrain_app.runs import Run, create_run
from motrain_app.runs.comparison.paying import Payoff, find_one_for_all, pays
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here, make_dataset

FEW = "no interval: by how long errors last the days are worth fewer than ten blocks"
LOST = "Whether partitioning pays cannot be told: "
NOTHING = Payoff("y", 0.0, np.nan, np.nan, 100, 0, 2)


@pytest.mark.parametrize(
    ("change", "low", "high", "said"),
    [
        (-12.34, -15.0, -9.06, "Partitioning pays: RMSE −12.3 % [−15.0, −9.1]."),
        (3.2, 0.1, 5.0, "Partitioning does not pay: RMSE +3.2 % [+0.1, +5.0]."),
        (-0.5, -2.0, 1.1, "Whether partitioning pays cannot be told: RMSE −0.5 % [−2.0, +1.1]."),
        (0.0, 0.0, 0.0, "Whether partitioning pays cannot be told: RMSE +0.0 % [+0.0, +0.0]."),
        (0.04, 0.01, 46.1, f"{LOST}RMSE +0.0 % [+0.0, +46.1], a change too small to be seen in it."),
        (-0.04, -46.1, -0.01, f"{LOST}RMSE −0.0 % [−46.1, −0.0], a change too small to be seen in it."),
        (0.06, 0.01, 0.1, "Partitioning does not pay: RMSE +0.1 % [+0.0, +0.1]."),
        (
            -4.0,
            np.nan,
            np.nan,
            f"{LOST}RMSE −4.0 % ({FEW}).",
        ),
    ],
)
def test_what_the_interval_allows_to_say(change, low, high, said):
    payoff = replace(NOTHING, change=change, low=low, high=high)
    assert payoff.sentence(named=False) == said
    assert payoff.verdict in said or payoff.verdict == "cannot be told"


@pytest.mark.parametrize(
    ("change", "rmse", "other_rmse", "said"),
    [
        (np.nan, 1.0, 0.0, "no change of the RMSE can be told (the other one is zero)."),
        (np.nan, np.inf, 0.0, "no change of the RMSE can be told (the other one is zero)."),
        (np.nan, np.inf, np.inf, "no change of the RMSE can be told (both are infinite, as some predictions are)."),
        (
            -100.0,
            1.0,
            np.inf,
            "no change of the RMSE can be told (the other one is infinite, as some predictions are).",
        ),
        (
            -100.0,
            0.0,
            1.0,
            f"RMSE −100.0 % ({FEW}).",
        ),
    ],
)
def test_why_no_change_or_interval_can_be_told(change, rmse, other_rmse, said):
    payoff = replace(NOTHING, change=change, rmse=rmse, other_rmse=other_rmse)
    assert payoff.sentence(named=False) == f"Whether partitioning pays cannot be told: {said}"


def test_an_interval_that_zero_errors_prevent_is_not_told_as_too_few_days():
    payoff = replace(NOTHING, change=-50.2, rmse=0.018, other_rmse=0.037)
    zero = "no interval, as the other one is zero in over a tenth of the draws of days"
    for blocks, why in (
        (9.9, FEW),
        (10.0, zero),
    ):
        assert replace(payoff, blocks=blocks).sentence().endswith(f"cannot be told: RMSE −50.2 % ({why}).")


def test_several_outputs_are_named():
    one, two = replace(NOTHING, low=-2, high=-1, change=-1.5), replace(NOTHING, output="z", low=1, high=2, change=1.5)
    assert one.sentence() == "Partitioning pays for y: RMSE −1.5 % [−2.0, −1.0]."
    assert two.sentence() == "Partitioning does not pay for z: RMSE +1.5 % [+1.0, +2.0]."


@pytest.fixture
def one_and_many(design, tmp_path):
    """Run folders of a design with one operator everywhere, and with one a cell; the latter is not trained."""
    many = create_run(design(data=make_dataset(cells=3), regions="cells"), tmp_path / "runs")
    one = create_run(design(regions=None), tmp_path / "runs")
    drive_here(one)
    return one, many


def test_the_newest_finished_run_of_one_operator_that_is_alike_is_found(one_and_many, design, tmp_path):
    one, many = one_and_many
    unlike = ({"test": "2013-01-01"}, {"learner": "ridge2"}, {"seed": 1}, {"filters": ["a > 280"]})
    for changes in (*unlike, {"jackknife": LeaveBlocksOut(90)}, {"inputs": ["a"]}, {"outputs": ["y"]}):
        assert drive_here(create_run(design(regions=None).change(**changes), tmp_path / "runs")) == "done"
    unfinished = create_run(design(regions=None), tmp_path / "runs")
    assert not unfinished.store.exists()
    (tmp_path / "runs" / "notes").mkdir()
    run = Run.open(many.path)
    assert find_one_for_all(tmp_path / "runs", run).path == one.path
    assert find_one_for_all(tmp_path / "runs", Run.open(one.path)) is None, "it has no partition that could pay"
    assert find_one_for_all(tmp_path / "nowhere", run) is None
    newer = tmp_path / "runs" / "99990101-000000-ridge"
    shutil.copytree(one.path, newer)
    (newer / "run.json").write_text((newer / "run.json").read_text().replace('"created": "2', '"created": "3'))
    assert find_one_for_all(tmp_path / "runs", run).path == newer
    with RunStore(newer / "run.sqlite", write=True) as store:
        store.put("state", "stopped")
    assert find_one_for_all(tmp_path / "runs", run).path == one.path


def test_other_data_are_not_alike(one_and_many, design, tmp_path):
    (tmp_path / "cells.nc").unlink()
    other = create_run(design(data=make_dataset(cells=3, seed=4), regions="cells"), tmp_path / "runs")
    assert find_one_for_all(tmp_path / "runs", Run.open(other.path)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"versions": {"motrain_app": "0.0.1"}},
        {"register": [{"name": "mine", "given": "mine.py", "sha256": "0" * 64}]},
    ],
)
def test_what_other_code_trained_is_not_alike(one_and_many, tmp_path, change):
    one, many = one_and_many
    info = one.path / "run.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | change))
    assert find_one_for_all(tmp_path / "runs", Run.open(many.path)) is None


@pytest.mark.slow
def test_partitions_along_the_regimes_of_the_sample_pay(tmp_path):
    path = write_sample(tmp_path / "sample.zarr", cells=100, years=5)
    design = Design(path, STATES, ["slope"], regions=sample_regions(), test="2014-01-01", learner="ridge")
    for chosen in (design.change(regions=None), design):
        folder = create_run(chosen, tmp_path / "runs")
        assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    (payoff,) = pays(run, find_one_for_all(tmp_path / "runs", run))
    assert payoff.high < -5
    assert payoff.verdict == "pays"
    assert payoff.wins == payoff.partitions == 3
    assert payoff.n == int(run.skill().query("metric == 'rmse'")["n"].sum())
