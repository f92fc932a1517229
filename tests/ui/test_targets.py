"""What a person names on the command line is told by what it holds."""

import json
import os

import pytest

from motrain_app.data import DataError
from motrain_app.design import Design, DesignError
from motrain_app.runs import RunError, create_run
from motrain_app.ui import targets
from motrain_app.ui.services import open_services
from motrain_app.ui.targets import recognise, sample_target
from tests.runs.conftest import make_dataset


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    """A folder with data, a design and a run; the user's cache is in it too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    make_dataset().to_netcdf("cells.nc")


def make_design():
    return Design("cells.nc", ["a", "b"], ["y"], learner="ridge").save("design")


def test_data_are_told_by_their_content(tmp_path):
    os.rename("cells.nc", "cells")
    target = recognise("cells")
    assert (target.kind, target.path) == ("data", tmp_path / "work" / "cells")
    assert target.files() == (target.path,)
    make_dataset(cells=2).to_zarr("store", zarr_format=2)
    assert recognise("store").kind == "data"


def test_a_design_is_told_by_its_content_and_brings_its_data(tmp_path):
    make_design()
    target = recognise("design")
    assert target.kind == "design"
    assert target.files() == (tmp_path / "work" / "design", tmp_path / "work" / "cells.nc")


def test_a_run_brings_its_data_and_the_folder_that_it_lies_in(tmp_path):
    folder = create_run(Design.load(make_design()), "elsewhere")
    target = recognise(folder.path)
    assert target.kind == "run"
    assert target.files() == (tmp_path / "work" / folder.path, tmp_path / "work" / "cells.nc")
    services = open_services(folder.path, roots=["cells.nc"])
    assert services.runs_folder == tmp_path / "work" / "elsewhere"
    assert [entry.path for entry in services.runs()] == [target.path]


def test_the_folder_that_motrain_sample_writes_opens_with_its_design(tmp_path):
    os.mkdir("demo")
    Design.load(make_design()).save("demo/design.json")
    assert recognise("demo").path == tmp_path / "work" / "demo" / "design.json"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, DataError, "no such file"),
        ("", DataError, "no content"),
        ("<html>404</html>", DataError, "web page"),
        ('{"schema": 1, "inputs": []}', DesignError, "no 'outputs'"),
        ("{", DesignError, "cannot be read as a design"),
        ('{"type": "FeatureCollection"}', DesignError, "schema None"),
    ],
)
def test_what_cannot_be_opened_is_told(content, error, words):
    if content is not None:
        with open("thing", "w") as file:
            file.write(content)
    with pytest.raises(error, match=words):
        recognise("thing")


def test_a_folder_that_is_nothing_and_a_run_that_is_damaged_are_told():
    os.mkdir("nothing")
    with pytest.raises(DataError, match="no Zarr store"):
        recognise("nothing")
    with open("nothing/run.json", "w") as file:
        file.write("{")
    with pytest.raises(RunError, match="no run folder"):
        recognise("nothing")


def test_data_that_cannot_be_used_are_told_before_anything_is_served():
    make_dataset().drop_vars(["lat", "lon"]).to_netcdf("nowhere.nc")
    with pytest.raises(DataError, match="further dimension"):
        open_services("nowhere.nc")


@pytest.mark.slow
def test_the_sample_is_written_once_and_its_design_is_always_the_one_of_this_version(tmp_path, monkeypatch):
    first = sample_target()
    assert first.kind == "design"
    assert tmp_path / "cache" in first.path.parents
    monkeypatch.setattr(targets, "write_sample", lambda path: pytest.fail("it is there"))
    document = json.loads(first.path.read_text())
    first.path.write_text(json.dumps({**document, "seed": 7}))
    assert sample_target() == first
    assert Design.load(first.path).seed == 0
    services = open_services()
    assert services.target == first
    assert services.dataset(Design.load(first.path)).sizes["space"] == 400


def test_roots_are_the_present_folder_unless_others_are_named(tmp_path):
    (tmp_path / "data").mkdir()
    assert open_services("cells.nc").roots.paths[0] == tmp_path / "work"
    named = open_services("cells.nc", roots=[tmp_path / "data"])
    assert named.roots.paths == (
        tmp_path / "data",
        tmp_path / "work" / "cells.nc",
        tmp_path / "work" / "runs",
    )
    assert named.open(tmp_path / "work" / "cells.nc").dataset.sizes["space"] == 6
