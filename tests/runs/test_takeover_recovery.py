"""Taking over where files are damaged, stores lie, and runs are killed, stopped or driven meanwhile."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from motrain_app.design import Design
from motrain_app.runs import Run, create_run
from motrain_app.runs.control import Control
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.origins import Origins
from motrain_app.runs.progress import Progress
from motrain_app.runs.recovery import recover
from motrain_app.runs.store import RunStore
from motrain_app.runs.task import Task, train_block
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, environment, make_dataset, thread_of_ours
from tests.runs.takeovers import (
    MIDDLE,
    NORTH,
    SMALLER_SOUTH,
    SOUTH,
    THREE,
    TrainedError,
    bits_of,
    nowhere,
    rows_of,
    take_over_only,
    trained,
)

pytestmark = pytest.mark.cluster

# What cannot be trusted


def _damage(path: Path) -> None:
    """Change one byte of a file's last array, in a file of its own."""
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_from_a_damaged_file_nothing_is_taken(earlier, tmp_path):
    design, before = earlier()
    names = sorted((before.path / "blocks").iterdir())
    _damage(names[0])
    names[1].unlink()
    run = take_over_only(design, tmp_path / "runs")
    assert list(run.taken_over) == ["s"]
    assert run.counts == {"waiting": 2, "done": 1}
    assert len(list((run.path / "blocks").iterdir())) == 1
    drive_here(RunFolder(run.path))
    assert run.counts == {"done": 3}
    assert len({row.file for row in rows_of(run).values()}) == 3


@pytest.mark.parametrize("blow", [_damage, Path.unlink])
def test_a_file_that_was_taken_over_and_is_damaged_is_dropped_and_its_partition_trained(earlier, tmp_path, blow):
    design, before = earlier()
    run = take_over_only(design, tmp_path / "runs")
    bits = bits_of(run, "m")
    shutil.rmtree(before.path)
    file = run.path / "blocks" / rows_of(run)["m"].file
    blow(file)
    assert drive_here(RunFolder(run.path)) == "done"
    assert run.counts == {"done": 3}
    assert list(run.taken_over) == ["n", "s"]
    assert not file.exists()
    assert rows_of(run)["m"].file == "000001-0.safetensors"
    assert bits_of(run, "m") == bits


@pytest.mark.parametrize("blow", [_damage, Path.unlink])
def test_it_is_taken_over_once_more_where_the_earlier_run_is_still_there(earlier, tmp_path, blow):
    design, before = earlier()
    run = take_over_only(design, tmp_path / "runs")
    blow(run.path / "blocks" / rows_of(run)["m"].file)
    assert Driver(RunFolder(run.path), nowhere).drive() == "done"
    assert bits_of(run, "m") == bits_of(before, "m")


def test_only_what_is_done_is_taken_over(earlier, tmp_path):
    design, before = earlier(THREE)
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.wait_again([0])
        store.fail([0], "It raised an error.")
    run = take_over_only(design, tmp_path / "runs")
    assert list(run.taken_over) == ["m", "s"]
    assert run.counts == {"waiting": 1, "done": 2}


def test_a_partition_with_nothing_to_train_is_skipped_as_before(tmp_path):
    data = make_dataset()
    data["y"][5], data["bend"][5] = np.nan, np.nan
    data.to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y"], regions="cells", learner="ridge")
    trained(design, tmp_path / "runs")
    run = take_over_only(design, tmp_path / "runs")
    assert run.counts == {"done": 5, "skipped": 1}
    assert "cell-5" not in run.taken_over


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE partition SET file='../../' || file",
        "UPDATE file SET name='../../' || name",
        "UPDATE partition SET position=1",
        "UPDATE partition SET position=-1",
        "UPDATE partition SET position='x'",
        # Who stands at a place is another one, as its id tells.
        "UPDATE fingerprint SET number=number + 10; UPDATE fingerprint SET number=12 - number",
        "UPDATE file SET sha256=''",
        "DELETE FROM fingerprint",
        "DROP TABLE fingerprint",
        "DROP TABLE taken_over",
        "DROP TABLE partition",
    ],
)
def test_a_store_that_says_what_is_not_so_gives_nothing(earlier, tmp_path, change):
    design, before = earlier()
    with sqlite3.connect(before.path / "run.sqlite") as db:
        db.executescript(change)
    db.close()
    run = take_over_only(design, tmp_path / "runs")
    assert set(run.taken_over) <= ({"m"} if "12 - number" in change else set())
    assert len(list((run.path / "blocks").iterdir())) == len(run.taken_over)


def test_runs_that_cannot_be_read_are_passed_over(earlier, tmp_path):
    design, before = earlier()
    later = create_run(design, tmp_path / "runs")
    later.store.write_bytes(b"damaged" * 1000)
    (tmp_path / "runs" / "notes.txt").touch()
    (tmp_path / "runs" / "empty").mkdir()
    other = create_run(design, tmp_path / "runs")
    (other.path / "run.json").write_text("{")
    assert set(take_over_only(design, tmp_path / "runs").taken_over.values()) == {before.path.name}


def test_a_run_of_an_earlier_version_gives_nothing_is_read_and_is_resumed(earlier, tmp_path):
    design, before = earlier()
    with sqlite3.connect(before.path / "run.sqlite") as db:
        db.executescript("DROP TABLE fingerprint; DROP TABLE taken_over;")
        db.execute("UPDATE partition SET state='waiting', file=NULL, position=NULL, scores=NULL WHERE number=1")
        db.execute("DELETE FROM file WHERE name LIKE '000001%'")
    db.close()
    next((before.path / "blocks").glob("000001*")).unlink()
    assert before.taken_over == {}
    assert Progress.of_run(before.path).taken_over_words == ""
    assert take_over_only(design, tmp_path / "runs").taken_over == {}
    assert drive_here(RunFolder(before.path)) == "done"
    assert list(take_over_only(design, tmp_path / "runs").taken_over) == ["m"], "the one whose version is known"


# While other things happen


def test_a_run_that_is_driven_gives_what_it_has_committed(earlier, tmp_path):
    design, before = earlier()
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.enter_wal()
        store.wait_again([2])
        assert list(take_over_only(design, tmp_path / "runs").taken_over) == ["n", "m"]


def test_a_file_of_another_run_that_was_not_recorded_is_dropped_not_adopted(earlier, tmp_path):
    """Its partitions have other numbers: adopted as one of ours, it would bring the results of the wrong regions."""
    design, before = earlier()
    turned = design.change(regions=[SOUTH, MIDDLE, NORTH])
    run = take_over_only(turned, tmp_path / "runs", take_over=False)
    leftover = run.path / "blocks" / f"from.{before.path.name}.000000-0.safetensors"
    shutil.copy(before.path / "blocks" / "000000-0.safetensors", leftover)
    with pytest.raises(TrainedError):
        Driver(RunFolder(run.path), nowhere).drive()
    assert run.counts == {"waiting": 3}
    assert not leftover.exists()


KILLED = """
import os, signal, sys
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.store import RunStore

commit, calls = RunStore.commit_file, []

def commit_file(self, *arguments, **options):
    calls.append(arguments)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return commit(self, *arguments, **options)

RunStore.commit_file = commit_file
Driver(RunFolder(sys.argv[1]), None).drive()
"""


def test_killed_in_the_midst_of_it_a_run_goes_on_where_it_was(earlier, tmp_path):
    design, before = earlier("cells")
    folder = create_run(design, tmp_path / "runs")
    command = [sys.executable, "-c", KILLED, str(folder.path)]
    killed = subprocess.run(command, env=environment(), capture_output=True, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = Run.open(folder.path)
    assert run.state == "crashed"
    assert run.counts == {"waiting": 4, "done": 2}
    assert len(list(folder.blocks.iterdir())) == 3, "the blow fell between file and record"
    kept = list(run.taken_over)
    assert Driver(folder, nowhere).drive() == "done"
    assert run.counts == {"done": 6}
    assert list(run.taken_over) == run.partitions
    assert set(kept) <= set(run.taken_over)
    assert [bits_of(run, name) for name in run.partitions] == [bits_of(before, name) for name in run.partitions]
    assert len(list(folder.blocks.iterdir())) == 6


def test_asked_to_stop_it_ends_between_files(earlier, tmp_path):
    design, _ = earlier("cells")
    folder = create_run(design, tmp_path / "runs")
    shares = []

    def watch(progress):
        if progress.phase == "taking over":
            shares.append(progress.share)
            Control(folder.path).ask("stop")

    def cluster():
        raise AssertionError("nothing is trained any more")

    assert Driver(folder, cluster, watch).drive() == "stopped"
    assert shares == [pytest.approx(1 / 6)]
    assert Run.open(folder.path).counts == {"waiting": 5, "done": 1}


def test_a_block_in_part_taken_over_is_trained_in_part(tmp_path):
    data = make_dataset(cells=34, years=4)
    data.to_netcdf(tmp_path / "cells.nc")
    everything = Design(tmp_path / "cells.nc", ["a", "b"], ["y"], regions="cells", learner="ridge")
    before = trained(everything, tmp_path / "runs")
    assert len(list((before.path / "blocks").iterdir())) < 34
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.wait_again(range(0, 34, 3))
    run = trained(everything, tmp_path / "runs")
    assert len(run.taken_over) == 34 - 12
    rows = rows_of(run)
    here = {name for name, row in rows.items() if not row.file.startswith("from.")}
    assert here == {f"cell-{number}" for number in range(0, 34, 3)}
    fresh = trained(everything, tmp_path / "elsewhere")
    assert [bits_of(run, name) for name in run.partitions] == [bits_of(fresh, name) for name in run.partitions]
    with RunStore(run.path / "run.sqlite") as store:
        assert len(Origins(store).offers()) == 34


def test_progress_says_how_many_were_taken_over(earlier, tmp_path):
    design, before = earlier()
    seen = []
    folder = create_run(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    Driver(folder, thread_of_ours, seen.append).drive()
    words = f"2 of 3 partitions taken over from {before.path.name}"
    assert {progress.taken_over_words for progress in seen if progress.counts} == {words}
    assert seen[-1].phase == "done"
    assert Progress.of_run(folder.path).taken_over_words == words


def test_an_attempt_has_a_number_of_its_own_beside_files_of_other_runs(earlier, tmp_path):
    design, _ = earlier()
    run = trained(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    assert train_block(str(run.path), Task(2, None, 5)).file == "000002-5.safetensors"
    with RunStore(run.path / "run.sqlite", write=True) as store:
        assert recover(RunFolder(run.path), store) == 6
    assert run.counts == {"done": 3}
