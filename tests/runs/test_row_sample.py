"""A run with a limit of rows takes a sample: seeded, of the size asked for, whatever the values and the workers."""

import json

import numpy as np
import pytest

from motrain_app.runs import Run, RunError, create_run, row_sample
from motrain_app.runs import task as task_module
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.partition_fingerprint import fingerprint_partitions
from motrain_app.runs.plan import Plan
from motrain_app.runs.row_sample import EVERY, draw_rows
from motrain_app.runs.task import Task, open_workbench, read_block
from tests.runs.conftest import drive_here, make_dataset


def rows_of(run: Run) -> set[tuple[int, int]]:
    """Cell and time of every row that stands in a run's block files, those of the test too."""
    (path,) = (run.path / "blocks").iterdir()
    with BlockFile.open(path) as file:
        return set(zip(file.array("cell").tolist(), file.array("time").tolist(), strict=True))


@pytest.fixture
def limited(design, tmp_path):
    """Return a function that trains one operator everywhere on so many rows."""

    def make(max_rows, *, data=None, **choices):
        folder = create_run(design(data=data, regions=None, **choices), tmp_path / "runs", max_rows=max_rows)
        assert drive_here(folder) == "done"
        return Run.open(folder.path)

    return make


def test_numbers_are_drawn_evenly_and_depend_on_seed_cell_and_time():
    cell, time = (part.ravel() for part in np.meshgrid(np.arange(100), np.arange(1000)))
    one = draw_rows(0, cell, time)
    assert len(np.unique(one)) == len(one)
    assert np.histogram(one / EVERY, bins=20, range=(0, 1))[0] == pytest.approx(5000, abs=300)
    for other in (draw_rows(1, cell, time), draw_rows(0, time, cell)):
        assert abs(np.corrcoef(one / EVERY, other / EVERY)[0, 1]) < 0.02


def test_as_many_training_rows_are_taken_as_asked_for_and_of_the_test_the_same_share(limited):
    everything, some = Plan.load(limited(None).path / "plan.safetensors"), limited(500)
    plan = Plan.load(some.path / "plan.safetensors")
    assert plan.training_rows[0] == 500
    assert plan.test_rows[0] == pytest.approx(500 * everything.test_rows[0] / everything.training_rows[0], rel=0.3)
    assert len(rows_of(some)) == plan.training_rows[0] + plan.test_rows[0]
    assert plan.padded_rows < everything.padded_rows


@pytest.mark.parametrize("most", [1, 3, 200, 99_000])
@pytest.mark.parametrize("entries", [1 << 23, 1])
def test_the_lowest_numbers_of_each_set_are_taken_however_many_rows_there_are(most, entries, monkeypatch):
    monkeypatch.setattr(row_sample, "_TABLE_ENTRIES", entries)
    cell, time = (part.ravel() for part in np.meshgrid(np.arange(1000), np.arange(200)))
    number, of_set = draw_rows(5, cell, time), cell % 2
    pieces = np.array_split(np.arange(len(cell)), 7)
    limits = row_sample._limits(lambda: ((of_set[some], number[some]) for some in pieces), 2, most)
    for one, limit in enumerate(limits):
        kept = np.sort(number[(of_set == one) & (number <= limit)])
        np.testing.assert_array_equal(kept, np.sort(number[of_set == one])[:most])


def test_below_the_limit_all_rows_are_taken_and_a_run_without_one_may_take_them_over(limited, design):
    whole, capped = limited(None), limited(1_000_000)
    assert Plan.load(capped.path / "plan.safetensors").sample is None
    assert capped.taken_over == dict.fromkeys(whole.partitions, whole.path.name)


def test_the_sample_depends_on_the_seed_and_never_on_the_values(limited, tmp_path):
    one = rows_of(limited(500))
    assert rows_of(limited(500, seed=1)) != one
    (tmp_path / "cells.nc").unlink()
    other = make_dataset()
    for name in ("a", "b", "y", "bend"):
        other[name] = other[name] * 0.5 + 100  # gaps stay where they are
    assert rows_of(limited(500, data=other)) == one


def test_test_rows_do_not_decide_which_training_rows_are_taken(limited, tmp_path):
    def training(run):
        return {row for row in rows_of(run) if run._plan.time[row[1]] < np.datetime64("2014-01-01")}

    one = training(limited(500))
    (tmp_path / "cells.nc").unlink()
    data = make_dataset()
    data["a"][:, 400:] = np.nan  # fewer test rows
    assert data["time"].values[400] > np.datetime64("2014-01-01")
    assert training(limited(500, data=data)) == one


def test_the_limit_enters_the_fingerprint_of_the_partitions_that_it_limits(design, tmp_path):
    data = make_dataset()
    data["a"][0, ::2] = np.nan
    found = {}
    for most in (None, 250, 100, 10_000):
        folder = create_run(design(data=data), tmp_path / "runs", max_rows=most)
        drive_here(folder)
        plan = Plan.load(folder.plan)
        found[most] = fingerprint_partitions(folder.design(), plan, staged="rows")
        if most == 250:
            assert plan.sample.limit[0] == EVERY
            assert (plan.sample.limit[1:] < EVERY).all()
    assert found[10_000] == found[None]
    assert found[250][0] == found[None][0]
    assert not {*found[250][1:]} & {*found[None]}
    assert not {*found[100]} & {*found[None], *found[250]}


def test_rows_that_are_left_out_are_never_in_memory_together(limited, monkeypatch):
    run = limited(100)
    bench, read = open_workbench(str(run.path)), []
    whole = read_block(bench, Task(0), np.arange(1), None)
    original = type(bench.rows).read
    monkeypatch.setattr(task_module, "SAMPLED_FROM", 300)
    monkeypatch.setattr(
        type(bench.rows), "read", lambda self, positions: read.append(len(positions)) or original(self, positions)
    )
    in_pieces = read_block(bench, Task(0), np.arange(1), None)
    assert sum(read) == 6
    assert max(read) == 1
    for one, other in zip(whole[:2], in_pieces[:2], strict=True):
        for name in ("inputs", "outputs", "atom", "row_start", "cell", "time"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_references_stay_beside_the_rows_that_are_taken(limited, monkeypatch):
    data = make_dataset()
    data["model"] = data["y"] + 1
    run = limited(200, data=data, references={"y": "model"})
    monkeypatch.setattr(task_module, "SAMPLED_FROM", 300)
    block, _, references = read_block(open_workbench(str(run.path)), Task(0), np.arange(1), None)
    np.testing.assert_allclose(references[0], block.outputs[0] + 1, rtol=1e-5)


def test_a_run_remembers_its_limit_and_one_of_an_earlier_version_has_none(design, tmp_path):
    folder = create_run(design(), tmp_path / "runs", max_rows=77)
    assert folder.info()["max_rows"] == 77
    path = folder.path / "run.json"
    info = json.loads(path.read_text())
    del info["max_rows"]
    path.write_text(json.dumps(info))
    assert drive_here(RunFolder(folder.path)) == "done"
    assert Plan.load(folder.plan).sample is None


@pytest.mark.parametrize(("wrong", "said"), [(0, "At most 0 rows"), (True, "max_rows is True")])
def test_what_is_no_limit_is_refused_before_a_run_is_made(design, tmp_path, wrong, said):
    with pytest.raises(RunError, match=said):
        create_run(design(regions=None), tmp_path / "runs", max_rows=wrong)
    assert not (tmp_path / "runs").exists()
