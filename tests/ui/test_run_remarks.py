"""What scores hide is told beside them, once nothing is trained any more: on the Skill page, and below a live map."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from motrain_app.design import Design
from motrain_app.design.history import DesignHistory
from motrain_app.runs import Run, create_run
from motrain_app.ui.pages.training import TrainingPage
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_remarks import RunRemarks
from motrain_app.ui.run_scores import RunScores
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, make_dataset

TOLD = "bend: no member has it in 1 of 6 partitions: cell-0."


@pytest.fixture
def shown(tmp_path):
    """A session that shows a finished run in which no member of one partition has an output."""
    data = make_dataset()
    data["bend"].values[0] = np.nan
    data.to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge")
    services = Services(tmp_path / "runs", roots=[tmp_path])
    folder = create_run(design, services.runs_folder)
    assert drive_here(folder) == "done"
    session = Session(DesignHistory(tmp_path / "history.json", design), services.dataset)
    session.run = Run.open(folder.path)
    follower = RunFollower(session, services)
    yield SimpleNamespace(session=session, services=services, follower=follower, scores=RunScores(follower))
    services.close()


def until(begin, true):
    """Begin something on a loop of its own and wait until something is true."""

    async def wait():
        begin()
        for _ in range(int(PATIENCE / 0.05)):
            if true():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("It never came.")

    with ThreadPoolExecutor(1) as thread:  # browser tests of this process keep a loop in the main one
        thread.submit(asyncio.run, wait()).result()


def lines(remarks):
    return [line.object for line in remarks.view]


def test_remarks_of_a_run_that_ended_are_listed_and_those_of_one_at_work_are_not(shown):
    remarks = RunRemarks(shown.services, shown.follower, shown.scores)
    until(remarks, lambda: lines(remarks))
    assert lines(remarks) == shown.session.run.remarks()
    assert TOLD in lines(remarks)
    remarks.forget()
    assert lines(remarks) == []
    shown.follower.state = "running"
    until(remarks, lambda: not remarks._reading.is_on_its_way)
    assert lines(remarks) == []


def test_what_cannot_be_read_is_told_in_its_place(shown):
    remarks = RunRemarks(shown.services, shown.follower, shown.scores)
    (next((shown.session.run.path / "blocks").iterdir())).unlink()
    until(remarks, lambda: lines(remarks))
    (said,) = lines(remarks)
    assert "blocks" in said


def test_the_training_page_says_what_members_lack_where_no_partition_failed(shown):
    page = TrainingPage(
        shown.session,
        Stage(shown.session),
        shown.services,
        shown.follower,
        RunStarter(shown.session, shown.services),
        shown.scores,
    )
    until(lambda: shown.session.param.update(page="training"), lambda: page._told.object)
    assert page._told.object == f"No partition has failed. {TOLD}"
    assert page._told in page.drawer().objects
