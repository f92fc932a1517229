"""A session changes its design by gestures that can be undone, and tells what makes no sense."""

import numpy as np
import pytest

from motrain_app.data import open_dataset
from motrain_app.design import Design, box
from motrain_app.design.history import DesignHistory
from motrain_app.ui.session import Session
from tests.runs.conftest import make_dataset


@pytest.fixture
def session(tmp_path):
    """A session on a small dataset."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y"], test="2014-01-01", learner="ridge")
    return Session(DesignHistory(tmp_path / "history.json", design), lambda d: open_dataset(list(d.data)))


def test_a_gesture_changes_design_and_layout_as_one_event(session):
    seen = []
    session.param.watch(lambda *events: seen.append({event.name for event in events}), ["design", "layout"])
    assert session.layout.partitions.names == ("everywhere",)
    assert session.change("Drew the region north", regions=[box("north", 0, 41.5, 10, 50)])
    assert seen == [{"design", "layout"}]
    assert session.layout.partitions.names == ("north",)
    assert session.can_undo == "Drew the region north"


def test_undo_and_redo_bring_the_layout_with_them(session):
    session.change("Drew the region north", regions=[box("north", 0, 41.5, 10, 50)])
    session.undo()
    assert session.layout.partitions.names == ("everywhere",)
    assert session.notice == ("info", "Undone: Drew the region north.")
    session.redo()
    assert session.layout.partitions.names == ("north",)
    session.redo()
    assert session.can_redo == ""


def test_a_choice_that_makes_no_sense_is_told_and_changes_nothing(session):
    before = session.design
    assert not session.change("Named the filter", filters=["TG1 >"])
    assert session.design is before
    assert session.notice[0] == "error"
    assert "cannot be read" in session.notice[1]
    assert session.can_undo == ""


def test_a_design_that_fits_no_data_keeps_its_place_and_says_why(session):
    assert session.change("Drew far away", regions=[box("far", -60, -60, -50, -50)])
    assert session.layout is None
    assert "contains no cell" in session.reasons[0]
    session.undo()
    assert session.reasons == []
    assert session.layout is not None


def test_data_that_cannot_be_read_are_told_and_come_back_with_undo(session, tmp_path):
    assert session.change("Opened another file", data=[tmp_path / "absent.nc"])
    assert session.dataset is None
    assert "absent.nc" in session.reasons[0]
    session.undo()
    assert session.dataset is not None


def test_the_selection_falls_away_with_what_was_selected(session):
    session.change("Drew two", regions=[box("north", 0, 41.5, 10, 50), box("south", 0, 30, 10, 41.4)])
    session.partition = "south"
    session.change("Deleted north", regions=[box("south", 0, 30, 10, 41.4)])
    assert session.partition == "south"
    session.change("Deleted all", regions=None)
    assert session.partition == ""


def test_a_partition_that_was_chosen_by_a_cell_is_that_of_the_cell_however_regions_change(session):
    session.cell = int(np.argmin(session.dataset["lat"].values))
    assert session.partition == "everywhere"
    session.change("Drew two", regions=[box("north", 0, 41.5, 10, 50), box("south", 0, 30, 10, 41.4)])
    assert session.partition == "south"
    session.change("Deleted south", regions=[box("north", 0, 41.5, 10, 50)])
    assert session.partition == "", "it lies in none"
    session.partition = "north"
    session.change("Drew south", regions=[box("north", 0, 41.5, 10, 50), box("south", 0, 30, 10, 41.4)])
    assert session.partition == "north", "chosen by name"
