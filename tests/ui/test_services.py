"""What sessions share: datasets opened once, runs that outlive the server, paths that stay below the roots."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from motrain_app.data import DataError
from motrain_app.design import Design, DesignError
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.control import Control
from motrain_app.runs.lock import RunLock
from motrain_app.ui import datasets as datasets_module
from motrain_app.ui.datasets import Datasets
from motrain_app.ui.recent import RecentPaths
from motrain_app.ui.roots import Roots
from motrain_app.ui.run_list import RunList
from motrain_app.ui.services import Cluster, Services
from tests.conftest import PATIENCE
from tests.runs.conftest import design, drive_here, make_dataset  # noqa: F401 - a fixture
from tests.ui.serving import wait_until


@pytest.fixture
def services(tmp_path):
    """Services whose root is the test's folder."""
    services = Services(tmp_path / "runs", [tmp_path], Cluster(workers=1))
    yield services
    services.close()


class TestData:
    def test_a_source_is_opened_once_for_all_until_it_changes(self, services, tmp_path):
        make_dataset().to_netcdf(tmp_path / "cells.nc")
        first = services.open("cells.nc")
        assert services.open(tmp_path / "cells.nc") is first
        assert services.dataset(Design(tmp_path / "cells.nc", ["a"], ["y"])) is first.dataset
        (tmp_path / "cells.nc").unlink()
        make_dataset(cells=3).to_netcdf(tmp_path / "cells.nc")
        assert services.open("cells.nc").dataset.sizes["space"] == 3

    def test_remedies_make_it_another_source(self, services, tmp_path):
        make_dataset().to_netcdf(tmp_path / "cells.nc")
        remedy = {"code": "declare_missing", "variable": "a", "value": -999.0}
        plain, mended = services.open("cells.nc"), services.open("cells.nc", [remedy])
        assert mended is not plain
        assert services.open("cells.nc", [dict(remedy)]) is mended

    def test_two_sessions_that_ask_at_once_open_it_once(self, tmp_path, monkeypatch):
        opened = []

        def slow(paths, *, remedies):
            opened.append(paths)
            time.sleep(0.2)
            return object()

        monkeypatch.setattr(datasets_module, "open_source", slow)
        (tmp_path / "cells.nc").touch()
        kept, found = Datasets(), []
        threads = [threading.Thread(target=lambda: found.append(kept.open([tmp_path / "cells.nc"]))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 1
        assert len(found) == 4
        assert len(set(map(id, found))) == 1

    def test_what_could_not_be_opened_is_tried_again(self, services, tmp_path):
        (tmp_path / "cells.nc").write_text("no")
        with pytest.raises(DataError):
            services.open("cells.nc")
        (tmp_path / "cells.nc").unlink()
        make_dataset().to_netcdf(tmp_path / "cells.nc")
        assert services.open("cells.nc").dataset.sizes["space"] == 6

    def test_only_so_many_are_kept(self, tmp_path):
        kept = Datasets(most=2)
        for name in "abc":
            make_dataset(cells=1, years=1).to_netcdf(tmp_path / f"{name}.nc")
        first = kept.open([tmp_path / "a.nc"])
        second = kept.open([tmp_path / "b.nc"])
        assert kept.open([tmp_path / "a.nc"]) is first
        kept.open([tmp_path / "c.nc"])
        assert kept.open([tmp_path / "a.nc"]) is first, "b was used longest ago"
        assert kept.open([tmp_path / "b.nc"]) is not second

    def test_data_outside_the_roots_are_refused_wherever_they_are_named(self, tmp_path):
        make_dataset().to_netcdf(tmp_path / "cells.nc")
        services = Services(tmp_path / "runs", [])
        outside = Design(tmp_path / "cells.nc", ["a"], ["y"], learner="ridge")
        for act in (lambda: services.open(tmp_path / "cells.nc"), lambda: services.start(outside)):
            with pytest.raises(DataError, match="outside the folders"):
                act()
        assert not (tmp_path / "runs").exists()
        services.close()

    def test_recent_paths_outlive_the_server_and_stay_below_the_roots(self, services, tmp_path):
        for name in ("a.nc", "b.nc", "c.nc"):
            (tmp_path / name).touch()
        for name in ("a.nc", "b.nc", "a.nc", "c.nc"):
            services.recent.add(tmp_path / name)
        (tmp_path / "c.nc").unlink()
        again = Services(tmp_path / "runs", [tmp_path])
        assert list(again.recent) == [tmp_path / "a.nc", tmp_path / "b.nc"]
        assert list(RecentPaths(tmp_path / "runs" / ".recent.json", Roots([tmp_path / "runs"]))) == []
        again.close()

    @pytest.mark.parametrize("content", ["", "{", "{}", "[1, null]"])
    def test_a_damaged_list_of_recent_paths_is_an_empty_one(self, tmp_path, content):
        (tmp_path / "recent.json").write_text(content)
        recent = RecentPaths(tmp_path / "recent.json", Roots([tmp_path]))
        assert list(recent) == []
        recent.add(tmp_path)
        assert list(recent) == [tmp_path]

    def test_a_folder_that_cannot_be_written_keeps_nobody_from_working(self, tmp_path):
        (tmp_path / "file").touch()
        recent = RecentPaths(tmp_path / "file" / "recent.json", Roots([tmp_path]))
        recent.add(tmp_path)
        assert list(recent) == [tmp_path]


class TestRuns:
    def test_without_a_folder_there_are_none(self, services):
        assert services.runs() == ()

    def test_what_is_no_run_is_not_listed(self, services, tmp_path, design):  # noqa: F811
        run = create_run(design(), services.runs_folder)
        for name in ("designs", ".staged", "empty"):
            (services.runs_folder / name).mkdir(exist_ok=True)
        (services.runs_folder / "notes.txt").touch()
        (services.runs_folder / "link").symlink_to(run.path)
        (entry,) = services.runs()
        assert entry.name == run.path.name
        assert entry.state == "not started"
        assert "one partition a cell × all time · test from 2014, sealed · leave one year out · ridge" in entry.sentence

    def test_a_damaged_run_is_listed_with_the_reason(self, services, design):  # noqa: F811
        run = create_run(design(), services.runs_folder)
        (run.path / "design.json").write_text("{")
        (entry,) = services.runs()
        assert entry.state == "unreadable"
        assert "cannot be read as a design" in entry.reason

    def test_the_newest_is_first(self, services, design):  # noqa: F811
        first = create_run(design(), services.runs_folder).path
        time.sleep(1.1)
        second = create_run(design(), services.runs_folder).path
        assert [entry.path for entry in services.runs()] == [second, first]

    def test_a_driver_that_could_not_begin_says_why(self, services, design):  # noqa: F811
        run = create_run(design(), services.runs_folder)
        (run.path / "driver.log").write_text("noise\nmotrain: The disk is full.\nmotrain: Free some.\n")
        (entry,) = services.runs()
        assert (entry.state, entry.reason) == ("refused", "The disk is full.\nFree some.")

    def test_the_lock_of_a_driver_that_begins_is_never_tried(self, services, design, monkeypatch):  # noqa: F811
        run = create_run(design(), services.runs_folder)
        (run.path / "lock").touch()
        monkeypatch.setattr("motrain_app.ui.run_list.is_driven", lambda path: pytest.fail("it was tried"))
        assert services.entry(run.path).state == "not started"

    def test_a_held_run_runs_and_tells_what_was_asked(self, services, design):  # noqa: F811
        run = create_run(design(), services.runs_folder)
        with RunLock(run.path):
            services.pause(run.path.name)
            entry = services.entry(run.path.name)
            assert (entry.state, entry.asked) == ("running", ("pause",))
            services.go_on(run.path)
            services.stop(run.path)
            assert services.entry(run.path).asked == ("stop",)
            with pytest.raises(RunError, match="driven already"):
                services.resume(run.path)
        assert services.entry(run.path).asked == ()

    @pytest.mark.parametrize("name", ["../elsewhere", "/etc", "no-such-run", "", ".", "a\0b"])
    def test_a_name_leads_to_no_other_folder(self, services, tmp_path, name):
        services.runs_folder.mkdir()
        for act in (services.run, services.stop, services.resume, services.entry):
            with pytest.raises(RunError):
                act(name)
        assert not list(tmp_path.rglob("stop"))

    def test_a_design_that_cannot_be_trained_makes_no_run(self, services, design):  # noqa: F811
        with pytest.raises(DesignError):
            services.start(design(learner="rigde"))
        assert services.runs() == ()

    def test_a_list_that_did_not_change_is_equal_and_reads_no_store(self, services, design, monkeypatch):  # noqa: F811
        create_run(design(), services.runs_folder)
        runs = RunList(services.runs_folder)
        monkeypatch.setattr("motrain_app.ui.run_list.AGAIN_SECONDS", 0)
        before = runs.entries()
        monkeypatch.setattr("motrain_app.ui.run_list._read_store", lambda folder: pytest.fail("it was read"))
        monkeypatch.setattr("motrain_app.ui.run_list._fixed", lambda path: pytest.fail("it was read"))
        assert runs.entries() == before


@pytest.mark.cluster
class TestTraining:
    def test_a_run_that_was_stopped_before_its_driver_was_awake_is_resumed_watched_and_read(self, services, design):  # noqa: F811
        path = services.start(design())
        assert services.entry(path).state == "starting"
        services.stop(path)
        wait_until(lambda: services.entry(path).state == "not started")
        services.resume(path)
        states = [services.entry(path).state]

        def ended():
            states.append(services.runs()[0].state)
            return states[-1] == "done"

        wait_until(ended)
        assert list(dict.fromkeys(states)) == ["starting", "running", "done"]
        assert not Control(path).asked("stop")
        entry = services.runs()[0]
        assert entry.counts == {"done": 6}
        assert (entry.reason, entry.asked, entry.openings) == ("", (), 0)
        run = services.run(path.name)
        assert isinstance(run, Run)
        run.open_test()
        wait_until(lambda: services.runs()[0].openings == 1)

    def test_a_killed_driver_is_told_and_resumed(self, services, design):  # noqa: F811
        many = design(data=make_dataset(cells=120, years=8, step=2), learner="ridge2", test="2017-01-01")
        path = services.start(many)
        wait_until(lambda: services.entry(path).counts.get("done", 0) > 5)
        services._runs._drivers[path].kill()
        wait_until(lambda: services.entry(path).state == "crashed")
        services.resume(path)
        services.cancel(path)
        wait_until(lambda: services.entry(path).state not in ("running", "starting"))

    def test_a_finished_run_of_another_server_is_seen(self, services, design):  # noqa: F811
        folder = create_run(design(), services.runs_folder)
        drive_here(folder)
        assert services.runs()[0].state == "done"
        (folder.path / "run.sqlite").write_bytes(b"damaged" * 1000)
        wait_until(lambda: services.runs()[0].state == "broken")


def test_nothing_here_loads_the_screen_or_tensorflow():
    code = (
        "import sys, motrain_app.ui.services, motrain_app.ui.escape\n"
        "print({'panel', 'bokeh', 'holoviews', 'tensorflow', 'keras'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=PATIENCE
    )
    assert said.stdout.strip() == "set()", said.stderr
