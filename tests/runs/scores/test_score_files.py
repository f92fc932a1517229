"""Tables of scores as files: the four forms hold the same numbers, and say what they describe."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.design import Design
from motrain_app.runs import Run, RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.scores.score_files import to_csv, to_json, write_scores
from motrain_app.runs.store import RunStore
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import MIDDLE, NORTH, SOUTH, trained

NAMES = ("007", "Straße, „süd“\nтундра", "NaN")  # a number, a line with comma and quotes, what is taken for a gap


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    make_dataset().to_netcdf(folder / "cells.nc")
    regions = [replace(one, name=name) for one, name in zip((NORTH, MIDDLE, SOUTH), NAMES, strict=True)]
    design = Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], regions=regions, test="2014-01-01", learner="ridge")
    return trained(design, folder / "runs")


@pytest.fixture(params=[None, "season", "cell"])
def frame(run, request):
    frame = run.skill(by=request.param, metrics=["rmse", "bias", "skill", "n"])
    assert set(frame["significant"]) == {True, False}
    return frame


NUMBERS = ["value", "low", "high", "n", "baseline_value", "p"]
TEXTS = ["partition", "output", "metric", "baseline"]
UNITS = {("y", "rmse"): "dB", ("y", "bias"): "dB", ("bend", "rmse"): "1", ("bend", "bias"): "1"}


def assert_same(frame, back):
    """Compare to the last bit, and what a table as text tells beside; an empty text may have become a gap."""
    texts = [name for name in ("partition", "by", "group", *TEXTS[1:]) if name in frame]
    for name in NUMBERS:
        np.testing.assert_array_equal(back[name].to_numpy(np.float64), frame[name].to_numpy(np.float64))
    for name in texts:
        assert back[name].fillna("").tolist() == frame[name].tolist()
    assert back["significant"].tolist() == frame["significant"].tolist()
    pairs = zip(frame["output"], frame["metric"], strict=True)
    assert back["unit"].fillna("").tolist() == [UNITS.get(pair, "") for pair in pairs]
    assert set(back["rows"]) == {"out-of-fold"}
    assert "partial" not in back


def test_csv_comes_back_to_the_last_bit(run, frame, tmp_path):
    write_scores(run, frame, tmp_path / "s.csv")
    back = pd.read_csv(tmp_path / "s.csv", dtype={"partition": str, "group": str}, keep_default_na=False, na_values={
        name: [""] for name in NUMBERS
    })  # fmt: skip
    assert_same(frame, back)
    with open(tmp_path / "s.csv", encoding="utf-8", newline="") as file:
        assert {row["partition"] for row in csv.DictReader(file)} == set(NAMES)


def test_json_comes_back_to_the_last_bit(run, frame, tmp_path):
    write_scores(run, frame, tmp_path / "s.JSON")
    rows = json.loads((tmp_path / "s.JSON").read_text(encoding="utf-8"))
    assert_same(frame, pd.DataFrame(rows))
    assert all(isinstance(row["partition"], str) for row in rows)


def test_parquet_comes_back_to_the_last_bit_with_what_it_describes(run, frame, tmp_path):
    write_scores(run, frame, tmp_path / "s.parquet")
    back = pd.read_parquet(tmp_path / "s.parquet")
    assert_same(frame, back)
    assert back["n"].dtype == "int64"
    assert back.attrs["run"] == run.path.name
    assert back.attrs["rows"] == "out-of-fold"


def test_netcdf_comes_back_to_the_last_bit(run, frame, tmp_path):
    write_scores(run, frame, tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc") as found:
        found.load()
    assert found["value"].dims[-2:] == ("output", "metric")
    for row in frame.itertuples():
        if "entry" in found.dims:
            at = found.isel(entry=((found["partition"] == row.partition) & (found["group"] == row.group)).values)
            at = at.squeeze("entry")
        else:
            at = found.sel(partition=row.partition)
            at = at.sel(group=row.group) if "group" in found.dims else at
        at = at.sel(output=row.output, metric=row.metric)
        for name in (*NUMBERS, "significant"):
            np.testing.assert_array_equal(at[name], getattr(row, name))
        assert at["baseline"] == row.baseline


def test_netcdf_says_what_it_describes(run, tmp_path):
    write_scores(run, run.skill(), tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc") as found:
        assert found["unit"].sel(output="y", metric="rmse") == "dB"
        assert found["unit"].sel(output="y", metric="r") == "1"
        assert found["metric_title"].sel(metric="rmse") == "Root-mean-square error"
        assert "⟨e²⟩" in str(found["metric_formula"].sel(metric="rmse").values)
        assert found["metric_best"].sel(metric="r") == 1
        assert found.attrs["Conventions"].startswith("CF")
        assert Design.from_json(json.loads(found.attrs["design"])) == run.design
        assert found.attrs["data_fingerprint"].startswith("sha256:")
        assert found.attrs["test_opened"] == "never"
        assert "partial" not in found.attrs
        assert all("long_name" in found[name].attrs for name in found.data_vars)
        assert "of scores over time those of the cells that have one" in found["n"].attrs["long_name"]


def test_scores_of_the_test_say_when_it_was_opened(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    opened = Run.open(tmp_path / "run")
    frame = opened.open_test()
    for ending in ("nc", "parquet"):
        write_scores(opened, frame, tmp_path / f"s.{ending}")
    back = pd.read_parquet(tmp_path / "s.parquet")
    assert (set(back["rows"]), back.attrs["rows"]) == ({"test"}, "test")
    with xr.open_dataset(tmp_path / "s.nc") as found:
        assert found.attrs["rows"] == "test"
        assert found.attrs["test_opened"] == opened.openings[0]


def test_an_interrupted_run_says_in_every_form_that_it_is_partial(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    partial = Run.open(tmp_path / "run")
    with RunStore(RunFolder(partial.path).store, write=True) as store:
        store.wait_again([1])
    for by in (None, "season"):
        frame = partial.skill(by=by, metrics=["rmse"])
        assert set(frame["partition"]) == {NAMES[0], NAMES[2]}
        told = "2 of 3 partitions"
        assert frame.attrs["partial"] == told
        assert set(pd.DataFrame(json.loads(to_json(partial, frame)))["partial"]) == {told}
        assert to_csv(partial, frame).splitlines()[0].endswith(",partial")
        for ending in ("parquet", "nc"):
            write_scores(partial, frame, tmp_path / f"s.{ending}")
        back = pd.read_parquet(tmp_path / "s.parquet")
        assert back.attrs["partial"] == told
        assert set(back["partial"]) == {told}
        with xr.open_dataset(tmp_path / "s.nc") as found:
            assert found.attrs["partial"] == told


def test_test_scores_of_an_interrupted_run_say_that_they_are_partial(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    assert Run.open(tmp_path / "run").open_test().attrs["partial"] == ""
    with RunStore(RunFolder(tmp_path / "run").store, write=True) as store:
        store.wait_again([1])
    partial = Run.open(tmp_path / "run")
    for by in (None, "season"):
        frame = partial.skill(by=by, metrics=["rmse"], rows="test")
        assert set(frame["partition"]) == {NAMES[0], NAMES[2]}
        assert frame.attrs["most_rows"] > 40  # of a season
        assert (frame.attrs["rows"], frame.attrs["partial"]) == ("test", "2 of 3 partitions")
        assert set(pd.DataFrame(json.loads(to_json(partial, frame)))["partial"]) == {"2 of 3 partitions"}


def test_a_file_is_replaced_whole_or_not_at_all(run, frame, tmp_path, monkeypatch):
    path = tmp_path / "s.parquet"
    write_scores(run, frame, path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    with pytest.raises(OSError, match="disk full"):
        write_scores(run, frame, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["s.parquet"]


def test_an_unknown_ending_and_a_table_without_scores_are_refused(run, frame, tmp_path):
    with pytest.raises(RunError, match=r"must end in \.csv, \.json, \.parquet or \.nc"):
        write_scores(run, frame, tmp_path / "s.xlsx")
    with pytest.raises(RunError, match="no score to write"):
        write_scores(run, frame.iloc[:0], tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_an_infinite_score_is_no_gap_in_json(run, frame):
    frame = frame.head(2).copy()
    frame["value"] = [np.inf, -np.inf]
    assert [row["value"] for row in json.loads(to_json(run, frame))] == ["Infinity", "-Infinity"]
