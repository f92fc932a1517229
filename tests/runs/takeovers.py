"""Runs that may take over what another has trained, and what is compared of them."""

from dataclasses import replace
from pathlib import Path

from motrain_app.design import Design, Learner, box
from motrain_app.runs import Run, create_run
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.driver import Driver
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here

# Of six cells at 40, 41 and 42 degrees north, two each.
NORTH, MIDDLE, SOUTH = (box(name, 0, lat - 0.5, 10, lat + 0.5) for name, lat in (("n", 42), ("m", 41), ("s", 40)))
SMALLER_SOUTH = replace(box("s", 0, 39.5, 5.5, 40.5), id="s")
THREE = (NORTH, MIDDLE, SOUTH)
NETWORK = Learner("network", {"hidden": [4], "epochs": 5})


class TrainedError(Exception):
    """Something is left to train, where nothing should be."""


def nowhere():
    raise TrainedError


def take_over_only(design: Design, runs: Path, **options: object) -> Run:
    """Make a run, and let it take over what it can; it does not come to training."""
    folder = create_run(design, runs, **options)
    try:
        Driver(folder, nowhere).drive()
    except TrainedError:
        assert Run.open(folder.path).counts.get("waiting")
    return Run.open(folder.path)


def trained(design: Design, runs: Path, **options: object) -> Run:
    folder = create_run(design, runs, **options)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def rows_of(run: Run) -> dict:
    with RunStore(run.path / "run.sqlite") as store:
        return {row.name: row for row in store.partitions()}


def bits_of(run: Run, name: str) -> list[bytes]:
    """Return scores, members, choices and all predictions of a partition, those of sealed rows too."""
    row = rows_of(run)[name]
    found = [row.scores.tobytes()]
    found += [array.tobytes() for member in run.operator(name).members for array in member.to_arrays().values()]
    with BlockFile.open(run.path / "blocks" / row.file) as file:
        found += [values.tobytes() for values in file.rows(row.position).values()]
        trials = sorted(name for name in file._file.keys() if name.startswith("trials."))  # noqa: SIM118
        found += [file.array(name)[row.position].tobytes() for name in trials]
    return found
