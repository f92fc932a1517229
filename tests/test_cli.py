"""The command line: what it prints, its exit codes, and that bad input is answered in sentences."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.cli import main
from motrain_app.design import Design, Split, box
from motrain_app.runs import Run
from tests.runs.conftest import make_dataset


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    """Every command runs in the test's own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def design(tmp_path):
    """Write a design for a small dataset, with changes, and return its path."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")

    def write(**changes):
        document = Design(
            "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2014-01-01", learner="ridge"
        ).to_json()
        path = tmp_path / "design.json"
        path.write_text(json.dumps({**document, "data": ["cells.nc"], **changes}))
        return str(path)

    return write


@pytest.mark.cluster
def test_from_sample_to_exported_operators(capfd, tmp_path):
    """The walk of the README: sample, check, train, skill, open the test, export."""
    assert main(["sample", "demo", "--cells", "16", "--years", "4"]) == 0
    assert main(["check", "demo/data.zarr"]) in (0, 1)
    assert json.loads((tmp_path / "demo" / "design.json").read_text())["data"] == ["data.zarr"]
    capfd.readouterr()
    assert main(["train", "demo/design.json", "--workers", "1"]) == 0
    out, err = capfd.readouterr()
    folder = out.splitlines()[-1]
    assert "1 done" in out
    assert err == ""
    assert main(["resume", folder]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == folder
    assert main(["skill", folder]) == 0
    assert "backscatter" in capfd.readouterr().out
    assert main(["skill", folder, "--csv"]) == 0
    (tmp_path / "skill.csv").write_text(capfd.readouterr().out)
    frame = pd.read_csv(tmp_path / "skill.csv")
    expected = Run.open(folder).skill().assign(rows="out-of-fold")
    units = {variable.name: variable.unit for variable in Run.open(folder).outputs}
    of_rmse = frame[frame["metric"] == "rmse"]
    assert dict(zip(of_rmse["output"], of_rmse["unit"], strict=True)) == units
    pd.testing.assert_frame_equal(frame.drop(columns="unit"), expected, check_dtype=False)
    assert main(["skill", folder, "--json", "--open-test"]) == 0
    assert {entry["metric"] for entry in json.loads(capfd.readouterr().out)} >= {"rmse", "bias", "r"}
    assert len(Run.open(folder).openings) == 1
    assert main(["export", folder, "--to", "operators"]) == 0
    assert len(list((tmp_path / "operators").glob("*.safetensors"))) == 1
    assert main(["sample", "demo"]) == 2
    assert "data.zarr" in capfd.readouterr().err


@pytest.mark.cluster
def test_what_an_earlier_run_trained_is_taken_over_and_said_unless_it_is_to_be_fresh(capfd, design):
    path = design()
    assert main(["train", path, "--workers", "1"]) == 0
    first = capfd.readouterr().out.splitlines()[-1]
    assert main(["train", path, "--workers", "1"]) == 0
    out = capfd.readouterr().out
    assert f"6 done. 6 of 6 partitions taken over from {Path(first).name}. Scores: motrain skill" in out
    assert main(["train", path, "--workers", "1", "--fresh"]) == 0
    out_fresh = capfd.readouterr().out
    assert "taken over" not in out_fresh
    scores = []
    for folder in (out.splitlines()[-1], out_fresh.splitlines()[-1]):
        assert main(["skill", folder, "--json"]) == 0
        scores.append(json.loads(capfd.readouterr().out))
    assert {entry["taken_over"] for entry in scores[0]} == {Path(first).name}
    assert {entry["taken_over"] for entry in scores[1]} == {None}
    assert [entry | {"taken_over": None} for entry in scores[0]] == scores[1]


@pytest.mark.cluster
def test_a_design_is_trained_on_the_rows_of_another_run(capfd, design):
    west = {"type": "FeatureCollection", "features": [box("west", 4.5, 39, 5.5, 43).to_feature()]}
    assert main(["train", design(regions=west), "--workers", "1"]) == 0
    west = capfd.readouterr().out.splitlines()[-1]
    assert main(["train", design(regions=None), "--rows-of", west, "--workers", "1"]) == 0
    everywhere = capfd.readouterr().out.splitlines()[-1]
    n = [Run.open(folder).skill().query("metric == 'rmse'")["n"].tolist() for folder in (west, everywhere)]
    assert n[0] == n[1]
    assert "rows_of" in (Path(everywhere) / "run.json").read_text()


@pytest.mark.cluster
def test_some_failed_partitions_are_exit_code_1(capfd, design, tmp_path):
    path = design()
    data = make_dataset()
    data["y"][2], data["bend"][2] = np.nan, np.nan
    data.to_netcdf(tmp_path / "gaps.nc")
    assert main(["train", path, "--data", "gaps.nc", "--workers", "1"]) == 1
    assert "cell-2: It has no training row" in capfd.readouterr().err


def _refused(capfd, *arguments):
    """Return what a command says on refusing, having checked that it is sentences and nothing else."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert all(line.startswith("motrain: ") and line.endswith((".", ":", "?")) for line in err.splitlines()), err
    return err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": ["absent.nc"]}, "absent.nc"),
        ({"inputs": ["a", "TG1"]}, "no variable 'TG1'"),
        (
            {
                "regions": {
                    "type": "FeatureCollection",
                    "features": [box("far", -60, -60, -50, -50).to_feature()],
                }
            },
            "contains no cell",
        ),
        ({"test": Split("2011-01-01").to_json()}, "needs three"),
        ({"test": Split("2031-01-01").to_json()}, "no test row"),
        ({"filters": ["a > 1000"]}, "Check the filters"),
        ({"filters": ["__import__('os') > 0"]}, "Allowed are"),
        ({"learner": {"kind": "rigde"}}, "Did you mean 'ridge'"),
        ({"schema": 99}, "schema 99"),
        ({"inputs": []}, "no input"),
        ({"surprise": 1}, "unknown entry 'surprise'"),
    ],
)
def test_a_design_that_cannot_be_trained_is_refused_in_sentences(capfd, design, tmp_path, changes, words):
    assert words in _refused(capfd, "train", design(**changes), "--workers", "1")


def test_all_reasons_are_told_at_once(capfd, design):
    said = _refused(
        capfd,
        "train",
        design(inputs=["a", "q"], test=Split("2011-01-01").to_json(), learner={"kind": "rigde"}),
    )
    assert len(said.splitlines()) == 3


def test_files_that_are_no_data_are_refused_in_sentences(capfd, tmp_path):
    (tmp_path / "text.nc").write_text("<html>404</html>")
    (tmp_path / "table.pickle").write_bytes(pickle.dumps({"a": 1}))
    make_dataset().drop_vars(["lat", "lon"]).to_netcdf(tmp_path / "nowhere.nc")
    xr.Dataset({"y": ("space", np.zeros(3))}, {"lat": ("space", np.zeros(3)), "lon": ("space", np.zeros(3))}).to_netcdf(
        "timeless.nc"
    )
    assert "text.nc" in _refused(capfd, "train", _design_for("text.nc"))
    for name, words in {
        "absent.nc": "",
        "text.nc": "",
        "table.pickle": "pickle",
        "nowhere.nc": "",
        "timeless.nc": "time",
    }.items():
        assert main(["check", name]) == 2, name
        out, err = capfd.readouterr()
        assert words in out + err
        assert "Traceback" not in out + err


def _design_for(data):
    return Design(data, ["a"], ["y"]).save("other.json")


def test_things_that_are_not_there_are_told(capfd, tmp_path):
    assert "no design" in _refused(capfd, "train", "absent.json")
    assert "no run folder" in _refused(capfd, "skill", "nowhere")
    assert "no run folder" in _refused(capfd, "resume", "nowhere")
    (tmp_path / "half.json").write_text("{")
    assert "cannot be read as a design" in _refused(capfd, "train", "half.json")


def test_check_as_json_is_a_list_of_problems(capfd, tmp_path):
    data = make_dataset()
    data["y"][0, :40] = -9999.0
    data.to_netcdf(tmp_path / "cells.nc")
    assert main(["check", "cells.nc", "--json"]) == 1
    problems = json.loads(capfd.readouterr().out)
    assert any(
        problem["code"] and problem["severity"] == "warning" and "9999" in problem["what"] for problem in problems
    )


def test_a_fault_of_ours_is_one_sentence_with_the_place_of_the_details(capfd, monkeypatch, tmp_path):
    def broken(path):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Design, "load", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = _refused(capfd, "train", "x.json")
    assert "fault of motrain (ZeroDivisionError: oh)" in said
    assert "ZeroDivisionError" in next(tmp_path.glob("motrain-*.log")).read_text()
