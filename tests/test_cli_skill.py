"""The command ``motrain skill``: tables, groups, files, and that what cannot be had is said in sentences."""

import io
import json
import shutil
import sqlite3
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.cli import main
from motrain_app.design import Design
from motrain_app.operators.seasons import season_of
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.scores import score_files
from motrain_app.runs.store import RunStore
from motrain_app.skill import metric, registry
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import trained


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skill")
    data = make_dataset(years=6)
    data["y"] = data["y"] + np.array([1.5, 0, -1.5, 0])[season_of(data["time"].values)]
    data.to_netcdf(folder / "cells.nc")
    design = Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2015-01-01", learner="ridge")
    return trained(design, folder / "runs")


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy of the run that a test may change; commands run in the test's folder."""
    shutil.copytree(finished.path.parent, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return Run.open(tmp_path / "runs" / finished.path.name)


def skill(run, *arguments):
    return main(["skill", str(run.path), *map(str, arguments)])


def test_the_table_stands_alone_with_the_remarks_under_it(run, capfd):
    assert skill(run) == 0
    out, err = capfd.readouterr()
    assert "RMSE [95 % interval]" in out
    assert "cell-3" in out
    assert "y: bias −1." in out
    assert "cancel over the year" in out.splitlines()[-2]
    assert err == ""


@pytest.mark.parametrize("metrics", [(), ("kge", "bias")])
def test_the_printed_numbers_are_those_of_the_run(run, capfd, metrics):
    """Beside a baseline whose own scores differ: RMSE, interval, n, baseline and skill stand in their columns."""
    assert skill(run, *(word for name in metrics for word in ("--metric", name))) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if " cell-3 " in line]
    cells = [[cell.strip().replace("−", "-") for cell in line.split("│")[1:-1]] for line in lines]
    frame = run.skill(partitions=["cell-3"], metrics=metrics or None)
    assert len(cells) == 2 * max(len(metrics), 1)
    for partition, output, *shown in cells:
        of = frame[(frame["partition"] == partition) & (frame["output"] == output)].set_index("metric")
        if metrics:
            name, of_score, n, baseline = shown
            row, unit = of.loc[name], f" {run_unit(run, output)}" if name == "bias" else ""
        else:
            of_score, n, baseline, of_skill = shown
            row, unit, skill_row = of.loc["rmse"], f" {run_unit(run, output)}", of.loc["skill"]
            assert of_skill == f"{skill_row['value']:.2f} [{skill_row['low']:.2f}, {skill_row['high']:.2f}]"
            assert skill_row["value"] != skill_row["baseline_value"]
        assert of_score == f"{row['value']:.4g} [{row['low']:.4g}, {row['high']:.4g}]{unit}"
        of_baseline = "–" if np.isnan(row["baseline_value"]) else f"{row['baseline_value']:.4g}"
        assert (n, baseline) == (str(row["n"]), f"{row['baseline']} {of_baseline}")


def run_unit(run, output):
    return next(variable.unit for variable in run.outputs if variable.name == output)


def test_groups_are_rows_of_the_table_and_of_csv(run, capfd):
    assert skill(run, "--by", "season") == 0
    out = capfd.readouterr().out
    assert "group" in out
    assert "DJF" in out
    assert "cancel" not in out
    assert skill(run, "--by", "all", "--by", "year", "--metric", "bias", "--csv") == 0
    frame = pd.read_csv(io.StringIO(capfd.readouterr().out), dtype={"group": str})
    assert set(frame["partition"]) == {"all partitions"}
    assert set(frame["metric"]) == {"bias"}
    assert sorted(set(frame["group"])) == ["2010", "2011", "2012", "2013", "2014"]
    assert skill(run, "--by", "a", "--bins", "270", "285", "300", "--json", "--metric", "rmse") == 0
    assert {row["group"] for row in json.loads(capfd.readouterr().out)} == {"270 – 285 K", "285 – 300 K"}


def test_all_partitions_together_tell_how_cells_count(run, capfd):
    assert skill(run, "--by", "all") == 0
    assert "cells count by their area" in capfd.readouterr().out


def test_any_metric_has_a_table(run, capfd):
    assert skill(run, "--metric", "kge", "--metric", "bias") == 0
    out = capfd.readouterr().out
    assert "kge" in out
    assert "RMSE" not in out
    assert skill(run, *(word for name in ("rmse", "skill", "kge") for word in ("--metric", name))) == 0
    assert "kge" in capfd.readouterr().out


def test_a_metric_or_group_that_is_named_twice_is_shown_once(run, capfd):
    assert (
        skill(run, "--metric", "rmse", "--metric", "rmse", "--metric", "skill", "--by", "season", "--by", "season") == 0
    )
    twice = capfd.readouterr().out
    assert skill(run, "--metric", "rmse", "--metric", "skill", "--by", "season") == 0
    assert capfd.readouterr().out == twice


def test_text_says_which_rows_were_scored(run, capfd):
    for arguments, rows in (([], "out-of-fold"), (["--open-test"], "test")):
        assert skill(run, "--csv", *arguments) == 0
        assert set(pd.read_csv(io.StringIO(capfd.readouterr().out))["rows"]) == {rows}
        assert skill(run, "--json", *arguments) == 0
        assert {row["rows"] for row in json.loads(capfd.readouterr().out)} == {rows}


def _read_json(path):
    return pd.DataFrame(json.loads(path.read_text()))


@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "nc"])
def test_files_hold_what_the_run_says(run, capfd, tmp_path, ending):
    path = tmp_path / f"scores.{ending}"
    assert skill(run, "--to", path) == 0
    out = capfd.readouterr().out
    assert str(path) in out
    assert "in place of" not in out
    read = {"csv": pd.read_csv, "json": _read_json, "parquet": pd.read_parquet}
    expected = run.skill()
    if ending == "nc":
        with xr.open_dataset(path) as found:
            assert found["value"].size == len(expected)
    else:
        np.testing.assert_array_equal(read[ending](path)["value"], expected["value"])
    assert skill(run, "--to", path) == 0
    assert "in place of the file that was there" in capfd.readouterr().out


def test_a_file_of_no_known_form_is_refused_before_the_test_is_opened(run, capfd, tmp_path):
    assert skill(run, "--open-test", "--to", tmp_path / "scores.xlsx") == 2
    assert "must end in .csv" in capfd.readouterr().err
    assert run.openings == []


def test_a_file_that_cannot_be_written_is_refused_before_the_test_is_opened(run, capfd, tmp_path):
    (tmp_path / "scores.csv").mkdir()
    targets = {
        tmp_path / "nowhere" / "scores.csv": f"there is no folder {tmp_path / 'nowhere'}",
        tmp_path / "scores.csv": "it is a folder",
        tmp_path / f"{'s' * 250}.csv": "File name too long",
        "/proc/scores.csv": "Scores cannot be written to /proc/scores.csv: ",
    }
    for target, words in targets.items():
        assert skill(run, "--open-test", "--to", target) == 2
        out, err = capfd.readouterr()
        assert words in err
        assert ".new" not in err
        assert out == ""
    assert run.openings == []


def test_a_file_that_is_there_is_not_touched_by_a_question_that_is_refused(run, tmp_path):
    (tmp_path / "scores.csv").write_text("mine")
    assert skill(run, "--open-test", "--by", "sesaon", "--to", tmp_path / "scores.csv") == 2
    assert (tmp_path / "scores.csv").read_text() == "mine"
    assert {one.name for one in tmp_path.iterdir()} == {"runs", "scores.csv"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("NetCDF: HDF error")])
def test_scores_of_a_file_that_fails_after_the_opening_are_printed(run, capfd, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setitem(score_files._WRITERS, ".nc", fail)
    assert skill(run, "--open-test", "--to", tmp_path / "scores.nc") == 2
    out, err = capfd.readouterr()
    assert f"({error.args[-1]}); the scores are printed instead, as CSV." in err
    np.testing.assert_array_equal(pd.read_csv(io.StringIO(out))["value"], run.test_skill()["value"])
    assert len(run.openings) == 1


def test_a_question_that_no_test_row_answers_does_not_open_the_test(run, capfd):
    assert skill(run, "--open-test", "--by", "a", "--bins", "9000", "9001") == 2
    assert (
        "No test row of a finished partition lies in a group of a, whose bins are 9000, 9001" in capfd.readouterr().err
    )
    assert skill(run, "--open-test", "--by", "all", "--by", "a", "--bins", "9000", "9001") == 2
    with RunStore(RunFolder(run.path).store, write=True) as store:
        store.wait_again(range(6))
    assert skill(run, "--open-test") == 2
    assert "No partition is finished yet" in capfd.readouterr().err
    assert run.openings == []


def test_a_test_without_a_row_is_not_opened(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_dataset()
    data["y"] = data["y"].where(data["time"].dt.year < 2014)
    data.to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a"], ["y"], regions=None, test="2014-01-01", learner="ridge")
    run = trained(design, tmp_path / "runs")
    nothing = {(): "No finished partition has a test row", ("--by", "season"): "lies in a group of season: there"}
    for arguments, words in nothing.items():
        assert skill(run, "--open-test", *arguments) == 2
        assert words in capfd.readouterr().err
    with pytest.raises(RunError, match="No finished partition has a test row"):
        run.open_test()
    assert run.openings == []


def test_nothing_is_no_group(run, capfd):
    for nothing in ("", " "):
        assert skill(run, "--open-test", "--by", nothing) == 2
        assert "give season, year, month, fold, cell, all, or a variable's name" in capfd.readouterr().err
        assert skill(run, "--by", "all", "--by", nothing) == 2
    with pytest.raises(RunError, match="Scores cannot be grouped by nothing"):
        run.skill(by="")
    assert run.openings == []


def test_without_a_withheld_row_classes_are_not_told_to_be_ranges(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_dataset()
    data["soil"] = ("space", np.arange(6) % 2, {"flag_values": [0, 1], "flag_meanings": "sand clay"})
    data.to_netcdf(tmp_path / "cells.nc")
    whole = {"regions": None, "test": "2014-01-01", "jackknife": None, "learner": "ridge"}
    run = trained(Design(tmp_path / "cells.nc", ["a"], ["y"], **whole), tmp_path / "runs")
    assert skill(run, "--by", "soil") == 2
    err = capfd.readouterr().err
    assert "No row was withheld, so none has a class of soil" in err
    assert "bins" not in err
    assert skill(run, "--open-test", "--by", "soil", "--csv") == 0
    assert set(pd.read_csv(io.StringIO(capfd.readouterr().out))["group"]) == {"sand", "clay"}


def test_processes_may_be_counted_and_none_at_all_does_not_open_the_test(run, capfd):
    assert skill(run, "--by", "season", "--csv", "--workers", 2) == 0
    by_two = capfd.readouterr().out
    assert skill(run, "--by", "season", "--csv", "--workers", 1) == 0
    assert capfd.readouterr().out == by_two
    assert skill(run, "--open-test", "--workers", 0) == 2
    assert "workers is 0" in capfd.readouterr().err
    assert run.openings == []


def test_the_test_is_opened_only_as_asked(run, capfd, tmp_path):
    assert skill(run, "--by", "season", "--to", tmp_path / "held-out.nc") == 0
    assert run.openings == []
    assert skill(run, "--open-test", "--by", "season", "--to", tmp_path / "test.nc") == 0
    assert len(run.openings) == 1
    with xr.open_dataset(tmp_path / "test.nc") as found:
        assert found.attrs["test_opened"] == run.openings[0]
        assert found.attrs["rows"] == "test"
    capfd.readouterr()
    assert skill(run, "--open-test") == 0
    assert "test rows, mean of the members" in capfd.readouterr().out


def test_a_question_that_cannot_be_answered_does_not_open_the_test(run, capfd):
    for question in (["--by", "sesaon"], ["--metric", "rmsd"], ["--by", "fold"], ["--by", "cell", "--by", "all"]):
        assert skill(run, "--open-test", *question) == 2
        err = capfd.readouterr().err
        assert err.startswith("motrain: ")
        assert "Traceback" not in err
    assert run.openings == []


def test_a_run_without_test_rows_says_so(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    run = trained(Design(tmp_path / "cells.nc", ["a"], ["y"], regions=None, test=None, learner="ridge"), tmp_path / "r")
    assert skill(run, "--open-test") == 2
    assert "has no test rows" in capfd.readouterr().err


def test_an_interrupted_run_gives_what_is_there_and_says_that_it_is_partial(run, capfd, tmp_path):
    with RunStore(RunFolder(run.path).store, write=True) as store:
        store.wait_again([1, 4])
    assert skill(run) == 0
    assert "4 of 6 partitions; the run is" in capfd.readouterr().out
    assert skill(run, "--csv") == 0
    out, err = capfd.readouterr()
    assert set(pd.read_csv(io.StringIO(out))["partial"]) == {"4 of 6 partitions"}
    assert "partial: 4 of 6 partitions" in err


def test_of_partitions_that_failed_nobody_is_told_to_wait(run, capfd):
    with sqlite3.connect(RunFolder(run.path).store) as store:
        store.execute("UPDATE partition SET state = 'failed', error = 'It diverged.' WHERE number IN (1, 4)")
    told = "4 of 6 partitions, 2 failed: run.failures says why"
    assert skill(run) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert f"{told}; the run is" in printed
    assert skill(run, "--csv") == 0
    out, err = capfd.readouterr()
    assert set(pd.read_csv(io.StringIO(out))["partial"]) == {told}
    assert f"The scores are partial: {told}; the run is" in err


def test_a_run_without_a_finished_partition_has_no_scores_and_says_how_to_go_on(run, capfd, tmp_path):
    with RunStore(RunFolder(run.path).store, write=True) as store:
        store.wait_again(range(6))
    for arguments in ([], ["--csv"], ["--json"], ["--by", "season"], ["--by", "all"], ["--by", "cell"]):
        assert skill(run, *arguments) == 1
        err = capfd.readouterr().err
        assert "no partition is finished yet" in err
        assert f"motrain resume {run.path}" in err
    assert skill(run, "--to", tmp_path / "s.nc") == 2
    assert not (tmp_path / "s.nc").exists()


def test_a_run_without_a_jackknife_has_no_groups_and_says_why(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a"], ["y"], regions=None, jackknife=None, learner="ridge")
    run = trained(design, tmp_path / "runs")
    for by in ("season", "cell", "all"):
        assert skill(run, "--by", by) == 1
        assert "no member withheld a row. Train with a jackknife" in capfd.readouterr().err
    assert skill(run, "--csv") == 1
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    assert "There is no score: no member withheld a row. Train with a jackknife" in err
    assert skill(run) == 1
    assert "[–, –]" not in capfd.readouterr().out
    assert skill(run, "--to", tmp_path / "s.csv") == 2
    assert not (tmp_path / "s.csv").exists()


def test_without_a_jackknife_ranges_that_cannot_be_made_do_not_open_the_test(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    whole = {"regions": None, "test": "2014-01-01", "jackknife": None, "learner": "ridge"}
    run = trained(Design(tmp_path / "cells.nc", ["a"], ["y"], **whole), tmp_path / "runs")
    assert skill(run, "--open-test", "--by", "a") == 2
    assert "No row was withheld" in capfd.readouterr().err
    assert run.openings == []
    assert skill(run, "--open-test", "--by", "a", "--bins", "200", "285", "400", "--csv") == 0
    assert len(pd.read_csv(io.StringIO(capfd.readouterr().out))["group"].unique()) == 2


def test_a_run_that_never_started_says_so(run, capfd, tmp_path):
    folder = create_run(run.design, tmp_path / "new")
    assert main(["skill", str(folder.path)]) == 2
    assert "its rows are still being staged, or it was refused before" in capfd.readouterr().err


def test_the_run_may_stand_behind_bins_and_bins_may_be_negative(run, capfd):
    given = ["--by", "a", "--metric", "rmse", "--csv", "--bins"]
    for ends in (["270", "285", "300"], ["270,285,300"], ["2.7e2", "285,300"]):
        assert main(["skill", *given, *ends, str(run.path)]) == 0
        assert set(pd.read_csv(io.StringIO(capfd.readouterr().out))["group"]) == {"270 – 285 K", "285 – 300 K"}
    assert skill(run, *given, "-1e1", "-5", "400") == 0
    assert set(pd.read_csv(io.StringIO(capfd.readouterr().out))["group"]) == {"-5 – 400 K"}


@pytest.fixture
def own_metric():
    """Register a metric for the time of a test."""
    known = dict(registry._REGISTRY)
    yield metric(best=0.0, direction="min", unit="output")
    registry._REGISTRY.clear()
    registry._REGISTRY.update(known)


def test_a_metric_that_fails_does_not_open_the_test(run, capfd, own_metric):
    def my_boom(m):
        return 1 / 0

    own_metric(my_boom)
    assert skill(run, "--open-test", "--metric", "my_boom") == 2
    err = capfd.readouterr().err
    assert "The metric my_boom of test_cli_skill.py fails: ZeroDivisionError: division by zero." in err
    assert "fault of motrain" not in err
    with pytest.raises(RunError, match=r"my_boom of test_cli_skill\.py fails"):
        run.skill(metrics=["my_boom"])
    assert run.openings == []


def test_a_metric_of_the_run_that_fails_by_now_does_not_open_the_test(run, own_metric, monkeypatch):
    monkeypatch.setitem(registry._REGISTRY, "rmse", replace(registry.get_metric("rmse"), function=lambda m: 1 / 0))
    with pytest.raises(RunError, match=r"The metric rmse of test_cli_skill\.py fails: ZeroDivisionError"):
        run.open_test()
    assert run.openings == []


def test_a_metric_of_another_shape_does_not_open_the_test(run, capfd, own_metric):
    def my_sum(m):
        return np.sqrt(m.mse).sum(axis=-1)

    own_metric(my_sum)
    assert skill(run, "--open-test", "--metric", "my_sum") == 2
    assert "returns shape (2,) for moments of shape (2, 3)" in capfd.readouterr().err
    assert run.openings == []


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_name_that_the_terminal_cannot_write_stops_nothing(run, monkeypatch, encoding):
    with RunStore(RunFolder(run.path).store, write=True) as store:
        store.database.execute("update partition set name = 'тундра' where number = 0")
    for form in ([], ["--csv"], ["--json"]):
        content = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding))
        assert skill(run, "--metric", "bias", *form) == 0
        sys.stdout.flush()
        text = content.getvalue().decode("utf-8" if form else encoding)
        assert ("тундра" if form else "\\u0442\\u0443") in text
        assert form or "\\u2212" not in text  # a minus sign stays one


def test_json_is_the_same_on_the_terminal_and_in_a_file_and_tells_units(run, capfd, tmp_path):
    assert skill(run, "--json") == 0
    printed = json.loads(capfd.readouterr().out)
    assert skill(run, "--to", tmp_path / "s.json") == 0
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == printed
    units = {(row["output"], row["metric"]): row["unit"] for row in printed}
    assert (units["y", "rmse"], units["y", "r"]) == ("dB", "")
    assert all("taken_over" in row for row in printed)


def test_netcdf_says_what_groups_are_groups_of_and_where_cells_lie(run, tmp_path):
    for by, units in (("season", None), ("a", "K"), ("cell", None)):
        assert skill(run, "--by", by, "--metric", "rmse", "--to", tmp_path / f"{by}.nc") == 0
        with xr.open_dataset(tmp_path / f"{by}.nc") as found:
            assert found.attrs["grouped_by"] == by
            assert found["group"].attrs.get("units") == units
            assert by in found["group"].attrs["long_name"]
            if by == "cell":
                cell = found["group"].values.astype(int)
                np.testing.assert_array_equal(found["lat"], 40 + cell % 3)
                np.testing.assert_array_equal(found["lon"], 5 + cell // 3)
