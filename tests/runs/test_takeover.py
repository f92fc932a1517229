"""What another run of the folder has trained is taken over, exactly where nothing that decides it has changed."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from motrain_app.design import Design, Learner, LeaveBlocksOut, Period, box
from motrain_app.runs import Run, create_run
from motrain_app.runs import launch as launch_module
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.control import Control
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.origins import Origins
from motrain_app.runs.paying import pays
from motrain_app.runs.progress import Progress
from motrain_app.runs.recovery import recover
from motrain_app.runs.store import RunStore
from motrain_app.runs.task import Task, train_block
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, environment, make_dataset, thread_of_ours

pytestmark = pytest.mark.cluster

# Of six cells at 40, 41 and 42 degrees north, two each.
NORTH, MIDDLE, SOUTH = (box(name, 0, lat - 0.5, 10, lat + 0.5) for name, lat in (("n", 42), ("m", 41), ("s", 40)))
SMALLER_SOUTH = replace(box("s", 0, 39.5, 5.5, 40.5), id="s")
THREE = (NORTH, MIDDLE, SOUTH)
NETWORK = Learner("network", {"hidden": [4], "epochs": 5})


class TrainedError(Exception):
    """Something is left to train, where nothing should be."""


def _nowhere():
    raise TrainedError


def _take_over_only(design: Design, runs: Path, **options: object) -> Run:
    """Make a run, and let it take over what it can; it does not come to training."""
    folder = create_run(design, runs, **options)
    try:
        Driver(folder, _nowhere).drive()
    except TrainedError:
        assert Run.open(folder.path).counts.get("waiting")
    return Run.open(folder.path)


def _trained(design: Design, runs: Path, **options: object) -> Run:
    folder = create_run(design, runs, **options)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def _rows(run: Run) -> dict:
    with RunStore(run.path / "run.sqlite") as store:
        return {row.name: row for row in store.partitions()}


def _bits(run: Run, name: str) -> list[bytes]:
    """Return scores, members, choices and all predictions of a partition, those of sealed rows too."""
    row = _rows(run)[name]
    found = [row.scores.tobytes()]
    found += [array.tobytes() for member in run.operator(name).members for array in member.to_arrays().values()]
    with BlockFile.open(run.path / "blocks" / row.file) as file:
        found += [values.tobytes() for values in file.rows(row.position).values()]
        trials = sorted(name for name in file._file.keys() if name.startswith("trials."))  # noqa: SIM118
        found += [file.array(name)[row.position].tobytes() for name in trials]
    return found


@pytest.fixture(scope="module")
def first_of(tmp_path_factory):
    """Return a function that gives the folder of the first run of some regions by a learner, and its design."""
    made = {}

    def make(regions, learner="ridge"):
        if (regions, str(learner)) not in made:
            folder = tmp_path_factory.mktemp("first")
            make_dataset().to_netcdf(folder / "cells.nc")
            inputs, outputs = ["a", "b"], ["y", "bend"]
            design = Design(folder / "cells.nc", inputs, outputs, regions=regions, test="2014-01-01", learner=learner)
            made[regions, str(learner)] = design, _trained(design, folder / "runs")
        return made[regions, str(learner)]

    return make


@pytest.fixture
def earlier(first_of, tmp_path):
    """Return a function that gives a design and a finished run of it, alone in the test's folder of runs."""

    def make(regions=THREE, learner="ridge"):
        design, run = first_of(regions, learner)
        shutil.copytree(run.path.parent, tmp_path / "runs")
        return design, Run.open(tmp_path / "runs" / run.path.name)

    return make


@pytest.mark.parametrize("learner", ["ridge", pytest.param(NETWORK, marks=pytest.mark.slow)], ids=["ridge", "network"])
def test_where_one_of_three_regions_is_redrawn_the_two_others_are_taken_over_bit_for_bit(earlier, learner, tmp_path):
    design, before = earlier(learner=learner)
    redrawn = design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH])
    run, fresh = _trained(redrawn, tmp_path / "runs"), _trained(redrawn, tmp_path / "elsewhere")
    assert run.taken_over == {"n": before.path.name, "m": before.path.name}
    assert run.counts == {"done": 3}
    assert fresh.taken_over == {}
    for name in ("n", "m"):
        assert _bits(run, name) == _bits(before, name)
    assert _bits(run, "s") != _bits(before, "s")
    for name in ("n", "m", "s"):  # as if nothing had been taken over
        assert _bits(run, name) == _bits(fresh, name)
    pd.testing.assert_frame_equal(run.skill(), fresh.skill())


def test_a_period_more_leaves_the_seasons_that_were_there(earlier, tmp_path):
    design, _ = earlier(THREE)
    warm, cold = Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))
    seasons = design.change(periods=[warm, cold])
    before = _trained(seasons, tmp_path / "runs")
    assert before.taken_over == {}, "half of the times are not all of them"
    spring = Period("spring", months=(10, 11))
    run = _take_over_only(design.change(periods=[spring, warm, cold]), tmp_path / "runs")
    assert sorted(run.taken_over) == ["m · warm", "n · warm", "s · warm"], "autumn took its months from the cold season"


CHANGES = {
    "seed": {"seed": 1},
    "option": {"learner": Learner("ridge", {"strengths": [0.1, 1.0]})},
    "learner": {"learner": "ridge2"},
    "test date": {"test": "2013-12-01"},
    "no test": {"test": None},
    "jackknife": {"jackknife": LeaveBlocksOut(days=200)},
    "filter": {"filters": ["a > 250"]},  # which every row passes
    "remedy": {"remedies": [{"code": "declare_missing", "variable": "a", "value": -999.0}]},  # which changes nothing
    "order of inputs": {"inputs": ["b", "a"]},
    "outputs": {"outputs": ["y"]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_taken_over_where_something_else_changed(earlier, change, tmp_path):
    design, _ = earlier()
    run = _take_over_only(design.change(**CHANGES[change]), tmp_path / "runs")
    assert run.taken_over == {}
    assert run.counts == {"waiting": 3}
    assert list((run.path / "blocks").iterdir()) == []


def test_nothing_is_taken_over_where_one_value_of_the_data_changed(earlier, tmp_path):
    design, _ = earlier()
    data = make_dataset()
    data["a"][0, 0] += 1e-3
    data.to_netcdf(tmp_path / "cells.nc")
    assert _take_over_only(design.change(data=tmp_path / "cells.nc"), tmp_path / "runs").taken_over == {}
    make_dataset().to_netcdf(tmp_path / "same.nc")
    assert len(_take_over_only(design.change(data=tmp_path / "same.nc"), tmp_path / "runs").taken_over) == 3


def test_another_name_or_order_of_the_regions_is_no_change(earlier, tmp_path):
    design, before = earlier()
    renamed = [SOUTH, replace(NORTH, name="the far north"), MIDDLE]
    run = _take_over_only(design.change(regions=renamed), tmp_path / "runs")
    assert list(run.taken_over) == ["s", "the far north", "m"]
    assert run.state == "done"
    assert _bits(run, "the far north") == _bits(before, "n")
    assert run.operator("the far north").name == "the far north"


def test_it_can_be_left_out_and_a_resumed_run_remembers_that(earlier, tmp_path):
    design, _ = earlier()
    run = _take_over_only(design, tmp_path / "runs", take_over=False)
    assert run.counts == {"waiting": 3}
    with pytest.raises(TrainedError):
        Driver(RunFolder(run.path), _nowhere).drive()


def test_train_hands_on_whether_to_take_over(earlier, monkeypatch, tmp_path):
    design, _ = earlier()
    monkeypatch.setattr(launch_module, "start_driver", lambda folder, **options: folder)
    monkeypatch.setattr(launch_module, "_follow", lambda folder, driver: folder.info()["take_over"])
    assert launch_module.train(design, tmp_path / "runs") is True
    assert launch_module.train(design, tmp_path / "runs", take_over=False) is False


def test_two_folders_of_runs_do_not_mix(earlier, tmp_path):
    design, before = earlier()
    shutil.copytree(before.path.parent / ".staged", tmp_path / "others" / ".staged")
    assert _take_over_only(design, tmp_path / "others").taken_over == {}
    (tmp_path / "others" / "link").symlink_to(before.path)
    assert _take_over_only(design, tmp_path / "others").taken_over == {}


# Without the earlier run


def test_a_run_that_took_over_reads_like_any_other_when_the_earlier_ones_are_gone(earlier, tmp_path):
    design, before = earlier("cells")
    fresh = _trained(design, tmp_path / "elsewhere")
    fewer = design.change(regions=[box("all", 0, 41.5, 10, 50), *design.regions])
    run = _trained(fewer, tmp_path / "runs")
    assert len(run.taken_over) == 4
    shutil.rmtree(before.path)
    run.open_test()
    fresh.open_test()
    names = [name for name in run.partitions if name in run.taken_over]
    for read in (Run.skill, Run.test_skill):
        mine, theirs = (table[table["partition"].isin(names)] for table in map(read, (run, fresh)))
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), theirs.reset_index(drop=True))
    cells = [0, 1, 3, 4]
    pd.testing.assert_frame_equal(
        run.by_cell("rmse").isel(space=cells).to_dataframe(), fresh.by_cell("rmse").isel(space=cells).to_dataframe()
    )
    for name in names:
        mine, theirs = run.predictions(name), fresh.predictions(name)
        assert "test" in mine["rows"].values
        assert mine.identical(theirs)
        pd.testing.assert_frame_equal(run.coverage(name), fresh.coverage(name))
    compared = run.compare(fresh).set_index("partition")
    assert (compared["n"] > 0).all()
    assert compared.loc[names, "change"].tolist() == pytest.approx([0] * 8, abs=1e-9)
    paths = run.export(tmp_path / "operators")
    theirs = {path.name[7:]: path for path in fresh.export(tmp_path / "others")}
    assert [path.read_bytes() == theirs[path.name[7:]].read_bytes() for path in paths if "cell" in path.name] == [
        True
    ] * 4
    everywhere = _trained(design.change(regions=None), tmp_path / "runs")
    assert [payoff.n for payoff in pays(run, everywhere)] == [payoff.n for payoff in pays(fresh, everywhere)]


def test_what_was_taken_over_is_taken_over_again_and_says_who_trained_it(earlier, tmp_path):
    design, first = earlier()
    second = _trained(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    bits = {name: _bits(second, name) for name in second.partitions}
    shutil.rmtree(first.path)
    third = _take_over_only(second.design, tmp_path / "runs")
    assert third.taken_over == {"n": first.path.name, "m": first.path.name, "s": second.path.name}
    shutil.rmtree(second.path)
    assert {name: _bits(third, name) for name in third.partitions} == bits
    fourth = _take_over_only(design, tmp_path / "runs")
    assert fourth.taken_over == {"n": first.path.name, "m": first.path.name}
    names = sorted(path.name for path in (fourth.path / "blocks").iterdir())
    assert names == [f"from.{first.path.name}.{block:06d}-0.safetensors" for block in (0, 1)]


def test_the_newest_run_is_asked_first_and_an_older_one_for_what_it_has_not(earlier, tmp_path):
    design, first = earlier()
    second = _trained(design.change(regions=[NORTH, SMALLER_SOUTH]), tmp_path / "runs", take_over=False)
    run = _take_over_only(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    assert run.taken_over == {"n": second.path.name, "m": first.path.name, "s": second.path.name}


def test_a_file_has_a_second_name_where_that_is_possible_and_else_a_copy(earlier, tmp_path, monkeypatch):
    design, before = earlier()
    linked = _take_over_only(design, tmp_path / "runs")

    def refuse(*names):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    copied = _take_over_only(design, tmp_path / "runs")
    for block in range(3):
        source = before.path / "blocks" / f"{block:06d}-0.safetensors"
        name = f"from.{before.path.name}.{source.name}"
        one, other = linked.path / "blocks" / name, copied.path / "blocks" / name
        assert one.samefile(source)
        assert not other.samefile(source)
        assert other.read_bytes() == source.read_bytes()


# The test stays sealed


def test_the_test_stays_sealed_although_the_earlier_run_opened_it(earlier, tmp_path):
    design, before = earlier()
    before.open_test()
    run = _take_over_only(design, tmp_path / "runs")
    assert run.openings == []
    assert all(row.test_scores is None for row in _rows(run).values())
    assert set(run.predictions("n")["rows"].values) == {"held-out"}
    pd.testing.assert_frame_equal(run.open_test(), before.test_skill())
    assert len(run.openings) == 1
    assert len(before.openings) == 1


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
    run = _take_over_only(design, tmp_path / "runs")
    assert list(run.taken_over) == ["s"]
    assert run.counts == {"waiting": 2, "done": 1}
    assert len(list((run.path / "blocks").iterdir())) == 1
    drive_here(RunFolder(run.path))
    assert run.counts == {"done": 3}
    assert len({row.file for row in _rows(run).values()}) == 3


@pytest.mark.parametrize("blow", [_damage, Path.unlink])
def test_a_file_that_was_taken_over_and_is_damaged_is_dropped_and_its_partition_trained(earlier, tmp_path, blow):
    design, before = earlier()
    run = _take_over_only(design, tmp_path / "runs")
    bits = _bits(run, "m")
    shutil.rmtree(before.path)
    file = run.path / "blocks" / _rows(run)["m"].file
    blow(file)
    assert drive_here(RunFolder(run.path)) == "done"
    assert run.counts == {"done": 3}
    assert list(run.taken_over) == ["n", "s"]
    assert not file.exists()
    assert _rows(run)["m"].file == "000001-0.safetensors"
    assert _bits(run, "m") == bits


@pytest.mark.parametrize("blow", [_damage, Path.unlink])
def test_it_is_taken_over_once_more_where_the_earlier_run_is_still_there(earlier, tmp_path, blow):
    design, before = earlier()
    run = _take_over_only(design, tmp_path / "runs")
    blow(run.path / "blocks" / _rows(run)["m"].file)
    assert Driver(RunFolder(run.path), _nowhere).drive() == "done"
    assert _bits(run, "m") == _bits(before, "m")


def test_only_what_is_done_is_taken_over(earlier, tmp_path):
    design, before = earlier(THREE)
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.wait_again([0])
        store.fail([0], "It raised an error.")
    run = _take_over_only(design, tmp_path / "runs")
    assert list(run.taken_over) == ["m", "s"]
    assert run.counts == {"waiting": 1, "done": 2}


def test_a_partition_with_nothing_to_train_is_skipped_as_before(tmp_path):
    data = make_dataset()
    data["y"][5], data["bend"][5] = np.nan, np.nan
    data.to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y"], regions="cells", learner="ridge")
    _trained(design, tmp_path / "runs")
    run = _take_over_only(design, tmp_path / "runs")
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
    run = _take_over_only(design, tmp_path / "runs")
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
    assert set(_take_over_only(design, tmp_path / "runs").taken_over.values()) == {before.path.name}


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
    assert _take_over_only(design, tmp_path / "runs").taken_over == {}
    assert drive_here(RunFolder(before.path)) == "done"
    assert list(_take_over_only(design, tmp_path / "runs").taken_over) == ["m"], "the one whose version is known"


# While other things happen


def test_a_run_that_is_driven_gives_what_it_has_committed(earlier, tmp_path):
    design, before = earlier()
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.enter_wal()
        store.wait_again([2])
        assert list(_take_over_only(design, tmp_path / "runs").taken_over) == ["n", "m"]


def test_a_file_of_another_run_that_was_not_recorded_is_dropped_not_adopted(earlier, tmp_path):
    """Its partitions have other numbers: adopted as one of ours, it would bring the results of the wrong regions."""
    design, before = earlier()
    turned = design.change(regions=[SOUTH, MIDDLE, NORTH])
    run = _take_over_only(turned, tmp_path / "runs", take_over=False)
    leftover = run.path / "blocks" / f"from.{before.path.name}.000000-0.safetensors"
    shutil.copy(before.path / "blocks" / "000000-0.safetensors", leftover)
    with pytest.raises(TrainedError):
        Driver(RunFolder(run.path), _nowhere).drive()
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
    assert Driver(folder, _nowhere).drive() == "done"
    assert run.counts == {"done": 6}
    assert list(run.taken_over) == run.partitions
    assert set(kept) <= set(run.taken_over)
    assert [_bits(run, name) for name in run.partitions] == [_bits(before, name) for name in run.partitions]
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
    before = _trained(everything, tmp_path / "runs")
    assert len(list((before.path / "blocks").iterdir())) < 34
    with RunStore(before.path / "run.sqlite", write=True) as store:
        store.wait_again(range(0, 34, 3))
    run = _trained(everything, tmp_path / "runs")
    assert len(run.taken_over) == 34 - 12
    rows = _rows(run)
    trained = {name for name, row in rows.items() if not row.file.startswith("from.")}
    assert trained == {f"cell-{number}" for number in range(0, 34, 3)}
    fresh = _trained(everything, tmp_path / "elsewhere")
    assert [_bits(run, name) for name in run.partitions] == [_bits(fresh, name) for name in run.partitions]
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
    run = _trained(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    assert train_block(str(run.path), Task(2, None, 5)).file == "000002-5.safetensors"
    with RunStore(run.path / "run.sqlite", write=True) as store:
        assert recover(RunFolder(run.path), store) == 6
    assert run.counts == {"done": 3}
