"""A run that was interrupted before its rows were staged says so, whatever it is asked; nothing is recorded of it."""

import inspect
import shutil

import pytest

from motrain_app.cli import main
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.folder import RunFolder
from tests.runs.conftest import drive_here

KNOWN = {"path", "design", "has_store", "state", "openings"}  # also before
NEEDED = {"cell": 0, "partition": "cell-0"}  # of methods that need one


@pytest.fixture(params=["nothing", "its plan alone"])
def unstaged(request, design, tmp_path):
    """A run whose driver was ended before it wrote anything, or before it made the store."""
    run = create_run(design(), tmp_path / "runs")
    if request.param == "its plan alone":
        beside = create_run(design(), tmp_path / "beside")
        drive_here(beside)
        shutil.copy(beside.plan, run.plan)
    return Run.open(run.path)


def _ask(run, name, to):
    """Ask a run for one of its public names."""
    value = getattr(run, name)
    if not callable(value):
        return
    given = {**NEEDED, "other": run, "to": to}
    needed = [one.name for one in inspect.signature(value).parameters.values() if one.default is one.empty]
    value(**{one: given[one] for one in needed})


def test_whatever_is_asked_of_a_run_that_is_not_staged_it_says_so(unstaged, tmp_path):
    from_plan = {"inputs", "outputs"} if RunFolder(unstaged.path).plan.exists() else set()
    for name in KNOWN | from_plan:
        _ask(unstaged, name, tmp_path / "out")
    for name in sorted({name for name in dir(Run) if not name.startswith("_")} - {"open"} - KNOWN - from_plan):
        with pytest.raises(RunError, match=f"The run {unstaged.path} has no store yet: its rows are still"):
            _ask(unstaged, name, tmp_path / "out")
    assert unstaged.openings == [], "a test of which nothing was scored stays sealed"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "command", [("skill",), ("skill", "--open-test"), ("skill", "--by", "all"), ("export", "--to", "out")]
)
def test_commands_say_that_a_run_is_not_staged(unstaged, capfd, command):
    name, *options = command
    assert main([name, str(unstaged.path), *options]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"motrain: The run {unstaged.path} has no store yet")
    assert unstaged.openings == []
