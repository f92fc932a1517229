"""Every example runs, and gives what it promises."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from motrain_app.cli import main
from motrain_app.data.sample import sample_regions, write_sample
from motrain_app.runs import Run
from tests.conftest import PATIENCE
from tests.runs.conftest import environment

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def _run(script, *arguments, cwd):
    command = [sys.executable, str(EXAMPLES / script), *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, env=environment())
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_quickstart(tmp_path):
    said = _run("quickstart.py", cwd=tmp_path)
    assert "3 operators in operators" in said
    everywhere, regimes = (
        Run.open(path) for path in sorted(path for path in (tmp_path / "runs").iterdir() if path.name[0] != ".")
    )
    one, three = (
        run.skill().query("metric == 'rmse' and output == 'slope'")["value"].max() for run in (everywhere, regimes)
    )
    assert three < 0.7 * one


def test_real_cells(tmp_path, shared_data):
    arguments = [
        "--inputs",
        "TG1",
        "WG1",
        "BIOMA1",
        "--outputs",
        "sig",
        "slop",
        "--test",
        "2017-01-01",
        "--learner",
        "ridge2",
    ]
    said = _run("real_cells.py", shared_data / "ascat_isba_5cells.nc", *arguments, cwd=tmp_path)
    assert "{'done': 5}" in said
    assert "RMSE, test rows" in said


def test_the_regions_are_those_of_the_sample():
    assert json.loads((EXAMPLES / "regions.geojson").read_text()) == sample_regions()


@pytest.mark.parametrize(("name", "partitions"), [("ridge", 30), ("network", 3), ("seasons", 12)])
def test_each_design_trains_on_the_sample(name, partitions, tmp_path, capfd):
    write_sample(tmp_path / "data.zarr", cells=30)
    shutil.copy(EXAMPLES / f"{name}.json", tmp_path)
    document = json.loads((tmp_path / f"{name}.json").read_text())
    if name == "network":
        document["learner"]["epochs"] = 3
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    assert main(["train", str(tmp_path / f"{name}.json"), "--runs", str(tmp_path / "runs"), "--workers", "1"]) == 0
    run = Run.open(capfd.readouterr().out.splitlines()[-1])
    assert run.counts == {"done": partitions}
