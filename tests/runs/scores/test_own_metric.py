"""A metric of a user's own, by the module that is named on the command line: trained, read, and opened."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from motrain_app.runs import create_run
from motrain_app.skill import registry
from tests.runs.conftest import environment, make_dataset

pytestmark = pytest.mark.cluster
MODULE = '''
import numpy as np
from motrain_app.skill import metric

@metric(best=0.0, direction="min", unit="output", temporal=True)
def squashed(m):
    """Root-mean-square error, halved."""
    return np.sqrt(m.mse) / 2
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    make_dataset(cells=3).to_netcdf(folder / "cells.nc")
    (folder / "own_score.py").write_text(MODULE)
    choices = {"inputs": ["a", "b"], "outputs": ["y"], "test": "2014-01-01", "learner": "ridge", "data": ["cells.nc"]}
    script = (
        "import motrain_app as mt, json; c = json.loads(input()); mt.Design(regions='cells', **c).save('design.json')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, input=json.dumps(choices), text=True, check=True)
    return folder


def motrain(folder, *arguments):
    command = [sys.executable, "-m", "motrain_app", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(), timeout=300)


@pytest.fixture(scope="module")
def run(folder):
    trained = motrain(folder, "train", "design.json", "--register", "own_score.py", "--quiet", "--workers", "1")
    assert trained.returncode == 0, trained.stderr
    return trained.stdout.splitlines()[-1]


def test_it_is_scored_while_training_with_interval_and_baseline_and_read_without_its_module(folder, run):
    read = motrain(folder, "skill", run, "--csv")
    assert read.returncode == 0, read.stderr
    frame = pd.read_csv(io.StringIO(read.stdout)).set_index(["metric", "partition"])
    mine, rmse = frame.loc["squashed"], frame.loc["rmse"]
    pd.testing.assert_series_equal(mine["value"], rmse["value"] / 2, check_names=False)
    pd.testing.assert_series_equal(mine["baseline_value"], rmse["baseline_value"] / 2, check_names=False)
    assert (mine["low"] < mine["value"]).all()
    assert (mine["value"] < mine["high"]).all()
    assert motrain(folder, "skill", run, "--to", "scores.nc").returncode == 0


def test_a_test_is_not_opened_for_a_metric_that_cannot_be_computed(folder, run):
    refused = motrain(folder, "skill", run, "--open-test")
    assert refused.returncode == 2
    assert "no metric 'squashed'" in refused.stderr
    assert "--register MODULE" in refused.stderr
    sealed = motrain(folder, "skill", run, "--metric", "rmse", "--by", "season")
    assert sealed.returncode == 0
    opened = motrain(folder, "skill", run, "--open-test", "--csv", "--register", "own_score.py")
    assert opened.returncode == 0, opened.stderr
    frame = pd.read_csv(io.StringIO(opened.stdout)).set_index(["metric", "partition"])
    pd.testing.assert_series_equal(frame.loc["squashed"]["value"], frame.loc["rmse"]["value"] / 2, check_names=False)


def test_a_module_whose_metric_fails_trains_nothing(folder):
    (folder / "broken_score.py").write_text(MODULE.replace("squashed", "broken").replace("/ 2", "/ m.nothing"))
    before = sorted(folder.glob("runs/*"))
    refused = motrain(folder, "train", "design.json", "--register", "broken_score.py", "--quiet")
    assert refused.returncode == 2
    assert "The metric broken of broken_score.py fails: AttributeError" in refused.stderr
    assert sorted(folder.glob("runs/*")) == before


def test_a_broken_metric_that_no_named_module_defines_is_not_in_the_way(design, tmp_path, monkeypatch):
    """What a notebook tried and dropped: the driver, which imports the named modules alone, never meets it."""
    broken = replace(registry.get_metric("rmse"), name="dropped", function=lambda m: 1 / 0)
    monkeypatch.setitem(registry._REGISTRY, "dropped", broken)
    (tmp_path / "plain_module.py").write_text("")
    assert create_run(design(), tmp_path / "runs", register=[tmp_path / "plain_module.py"]).info()["register"]
