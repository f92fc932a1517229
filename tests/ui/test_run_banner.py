"""The line above a run's results: it offers to train what changed, unless something is being trained."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from motrain_app.design import Design, box
from motrain_app.design.history import DesignHistory
from motrain_app.runs import Run, create_run
from motrain_app.runs.errors import RunError
from motrain_app.ui.pages.training import state_words
from motrain_app.ui.run_banner import RunBanner
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, make_dataset

NORTH, SOUTH = box("north", 0, 41.5, 10, 45), box("south", 0, 35, 10, 41.5)
SMALLER = replace(box("south", 0, 35, 5.5, 41.5), id="south")


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A session that shows a finished run of two regions; drivers of its services work at once and in this process."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    inputs, outputs = ["a", "b"], ["y", "bend"]
    design = Design(tmp_path / "cells.nc", inputs, outputs, regions=[NORTH, SOUTH], learner="ridge")
    services = Services(tmp_path / "runs", roots=[tmp_path])
    folder = create_run(design, services.runs_folder)
    drive_here(folder)

    def start(design):
        made = create_run(design, services.runs_folder)
        drive_here(made)
        return made.path

    monkeypatch.setattr(services, "start", start)
    session = Session(DesignHistory(tmp_path / "history.json", design), services.dataset)
    session.run = Run.open(folder.path)
    follower, starter = RunFollower(session, services), RunStarter(session, services)
    yield SimpleNamespace(
        session=session,
        services=services,
        follower=follower,
        starter=starter,
        banner=RunBanner(session, follower, starter),
    )
    services.close()


def _press(shown):
    """Press the button twice, and wait for what comes of it."""

    async def press():
        for _ in range(2):
            shown.banner._train.clicks += 1
        assert shown.banner._train.disabled
        assert shown.banner._why_not.object == "Starting…"
        while shown.starter.busy:
            await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as thread:  # the browser tests of this process keep a loop in the main one
        thread.submit(asyncio.run, press()).result(PATIENCE)


def test_what_changed_is_trained_once_and_the_rest_is_taken_over(shown):
    session, first = shown.session, shown.session.run
    assert not shown.banner.view.visible
    session.change("Redrew south", regions=[NORTH, SMALLER])
    assert shown.banner.view.visible
    assert "you changed the regions" in shown.banner._words.object
    _press(shown)
    assert len(shown.services.runs()) == 2
    assert session.run.path != first.path
    assert session.run.design == session.design
    assert session.run.taken_over == {"north": first.path.name}
    assert not shown.banner.view.visible
    assert shown.follower.counts == {"done": 2}
    assert state_words(shown.follower) == f"done: 2 trained; 1 of 2 partitions taken over from {first.path.name}"


def test_while_a_run_is_going_on_it_cannot_be_pressed_and_says_why(shown):
    shown.session.change("Redrew south", regions=[NORTH, SMALLER])
    button, why_not = shown.banner._train, shown.banner._why_not
    assert (button.disabled, why_not.visible) == (False, False)
    shown.follower.state = "running"
    assert (button.disabled, why_not.visible) == (True, True)
    assert "A run is going on" in why_not.object
    shown.follower.state = "done"
    assert (button.disabled, why_not.visible) == (False, False)


def test_what_is_refused_is_told_and_can_be_asked_for_again(shown, monkeypatch):
    def refuse(design):
        raise RunError("No run can be written to <b>there</b>.")

    shown.session.change("Redrew south", regions=[NORTH, SMALLER])
    monkeypatch.setattr(shown.services, "start", refuse)
    _press(shown)
    kind, sentence = shown.session.notice
    assert kind == "error"
    assert "No run can be written" in sentence
    assert "<b>" not in sentence
    assert not shown.banner._train.disabled


def test_the_name_of_a_run_is_shown_as_it_is_and_never_as_html():
    follower = SimpleNamespace(
        state="done", counts={"done": 3}, taken_over={"<img src=x>": 2}, busy=False, remaining=None, asked="", reason=""
    )
    assert "2 of 3 partitions taken over from" in state_words(follower)
    assert "<img" not in state_words(follower)


def test_the_time_to_go_is_told_by_what_was_trained_not_by_what_was_taken_over(shown, monkeypatch):
    follower = shown.follower
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("motrain_app.ui.run_follower.time.monotonic", lambda: next(clock))
    watch = SimpleNamespace(plan=object(), counts={"done": 0, "waiting": 300}, taken_over={})
    follower.watch = watch
    assert follower._estimate("running") is None
    watch.counts, watch.taken_over = {"done": 200, "waiting": 100}, {"a": 200}
    assert follower._estimate("running") is None
    watch.counts = {"done": 210, "waiting": 90}
    assert follower._estimate("running") == pytest.approx(90)


def test_a_store_that_the_driver_is_just_closing_is_looked_at_a_moment_later(shown, monkeypatch):
    def locked(watch):
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr("motrain_app.ui.run_watch.RunWatch.look", locked)
        shown.follower.look()
        assert (shown.follower.state, shown.follower.reason) == ("done", "")
        shown.session.param.trigger("run")
        assert shown.follower.counts == {}
    shown.follower.look()
    assert shown.follower.counts == {"done": 2}
