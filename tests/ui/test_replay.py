"""A replayed run looks like one in training, and ends as the recorded one."""

import time

import numpy as np
import pandas as pd
import pytest

from motrain_app.design import Design
from motrain_app.runs import Run, create_run
from motrain_app.runs.control import Control
from motrain_app.runs.store import RunStore
from motrain_app.ui.run_watch import RunWatch
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, make_dataset
from tests.ui.replay import start_replay


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run of six cells, one of which has nothing to learn from, and one of which failed before it had a file."""
    folder = tmp_path_factory.mktemp("recorded")
    data = make_dataset()
    data["y"][5], data["bend"][5] = np.nan, np.nan
    data.to_netcdf(folder / "cells.nc")
    design = Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2014-01-01", learner="ridge")
    run = create_run(design, folder / "runs")
    assert drive_here(run) == "done"
    with RunStore(run.store, write=True) as store:
        store.wait_again([4])
        store.fail([4], "It killed its process.")
    return Run.open(run.path)


def _looks(run, process, until):
    """Look until something holds, and return what each look saw."""
    watch, seen, end = RunWatch(run), [], time.monotonic() + PATIENCE
    while not until(run):
        assert time.monotonic() < end
        watch.look()
        seen.append((run.state, watch.counts))
        time.sleep(0.02)
    watch.look()
    return watch, seen


def test_a_watch_sees_a_run_go_from_running_to_done_with_the_recorded_skill(recorded, tmp_path):
    folder, process = start_replay(recorded.path, tmp_path / "runs", seconds=1.5, batches=5)
    run = Run.open(folder.path)
    watch, seen = _looks(run, process, until=lambda run: process.poll() is not None)
    assert process.returncode == 0
    assert run.state == "done"
    assert {state for state, counts in seen if counts} <= {"running", "done"}
    done = [counts.get("done", 0) for state, counts in seen if state == "running" and counts]
    assert done == sorted(done)
    assert len(set(done)) >= 3, "they appear one after the other"
    truth = RunWatch(recorded)
    truth.look()
    assert watch.counts == truth.counts == {"done": 4, "failed": 1, "skipped": 1}
    np.testing.assert_array_equal(watch.skill, truth.skill)
    pd.testing.assert_frame_equal(run.skill(), recorded.skill())
    assert run.failures == recorded.failures
    assert run.predictions("cell-2").identical(recorded.predictions("cell-2"))
    x = np.array([[285.0, 0.3]])
    np.testing.assert_array_equal(run.operator("cell-1")(x), recorded.operator("cell-1")(x))


@pytest.mark.parametrize("request_", ["stop", "cancel"])
def test_a_replay_that_is_asked_to_stop_stops(recorded, tmp_path, request_):
    folder, process = start_replay(recorded.path, tmp_path / "runs", seconds=600, batches=600)
    run, control = Run.open(folder.path), Control(folder.path)
    _looks(run, process, until=lambda run: run.has_store and run.counts.get("done", 0) > 0)
    assert run.state == "running"
    control.ask("pause")
    time.sleep(1.2)
    paused = run.counts
    time.sleep(1.2)
    assert run.counts == paused, "a pause feeds nothing new"
    control.ask(request_)
    assert process.wait(timeout=PATIENCE) == 0
    assert run.state == "stopped"
    assert 0 < run.counts["done"] < 4
