"""Blows to a run in mid-work: nothing finished is lost or trained again, and the bits are the same."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors import safe_open

from motrain_app.design import Design, Learner
from motrain_app.runs import Run, create_run, drive_run, resume, start_driver
from motrain_app.runs.control import Control
from motrain_app.runs.driver import Driver
from motrain_app.runs.errors import RunError
from motrain_app.runs.lock import RunLock, is_driven
from motrain_app.runs.store import RunStore
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, environment, make_dataset

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
CELLS = 240  # enough for a blow to fall in mid-run, and no more


def _results(path: Path) -> dict:
    """Return id, state, scores and all that a block file holds of each partition, as bytes."""
    run = Run.open(path)
    with RunStore(path / "run.sqlite") as store:
        rows = {row.name: row for row in store.partitions()}
    found = {}
    for name, row in rows.items():
        arrays = [array.tobytes() for member in run.operator(name).members for array in member.to_arrays().values()]
        arrays += _choices(path / "blocks" / row.file, row.position)
        found[name] = (row.id, row.state, row.scores.tobytes(), hashlib.sha256(b"".join(arrays)).hexdigest())
    return found


def _choices(file: Path, position: int) -> list[bytes]:
    """Return what was tried for a partition, and how it was judged."""
    with safe_open(file, framework="np") as arrays:
        return [
            arrays.get_tensor(name)[position].tobytes() for name in sorted(arrays.keys()) if name.startswith("trials.")
        ]


def _files(path: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted((path / "blocks").iterdir())}


def _wait_for(path: Path, done: int) -> dict:
    """Wait until some partitions are done, and return what the store says then."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (path / "run.sqlite").exists():
            with RunStore(path / "run.sqlite") as store:
                if store.counts().get("done", 0) >= done:
                    return {row.name: (row.file, row.position) for row in store.partitions() if row.state == "done"}
        time.sleep(0.005)
    raise AssertionError("the run did not get so far")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A design with many partitions, some seconds of work for two workers."""
    path = tmp_path_factory.mktemp("many") / "cells.nc"
    make_dataset(cells=CELLS, years=8, step=2).to_netcdf(path)
    return Design(path, ["a", "b"], ["y", "bend"], regions="cells", learner="ridge2", test="2017-01-01")


@pytest.fixture(scope="module")
def undisturbed(many, tmp_path_factory):
    """The folder of a run of the same design, with one worker, that nothing disturbed."""
    folder = create_run(many, tmp_path_factory.mktemp("undisturbed"))
    assert drive_here(folder) == "done"
    return folder.path


def test_a_killed_driver_is_resumed_where_it_was_and_two_workers_give_the_same_files(many, undisturbed, tmp_path):
    folder = create_run(many, tmp_path / "runs")
    driver = start_driver(folder, workers=2)
    _wait_for(folder.path, done=20)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    with RunStore(folder.path / "run.sqlite") as store:
        before = {row.name: (row.file, row.position) for row in store.partitions() if row.state == "done"}
    assert 20 <= len(before) < CELLS, "the blow must fall in mid-run"
    assert Run.open(folder.path).state == "crashed"
    resume(folder.path, workers=2)
    with RunStore(folder.path / "run.sqlite") as store:
        after = {row.name: (row.file, row.position) for row in store.partitions()}
        assert store.counts() == {"done": CELLS}
    assert {name: after[name] for name in before} == before
    assert _results(folder.path) == _results(undisturbed)

    calm = create_run(many, tmp_path / "calm")
    drive_run(calm, workers=2)
    assert _files(calm.path) == _files(undisturbed)


def test_two_workers_give_the_same_files_of_networks_as_one(design, tmp_path):
    """Whose candidates stop at different epochs, and so change their places in the stacks."""
    search = {"space": {"width": [3, 6], "learning_rate": [0.01, 0.1]}, "halving": 2}
    learner = Learner("network", {"hidden": [4], "epochs": 12, "patience": 2, "batch": 32, "search": search})
    alone, shared = (create_run(design(learner=learner), tmp_path / name) for name in ("alone", "shared"))
    assert drive_here(alone) == "done"
    drive_run(shared, workers=2)
    assert len(_files(alone.path)) > 1
    assert _files(shared.path) == _files(alone.path)


def test_killed_workers_are_replaced_and_their_blocks_trained_again(many, undisturbed, tmp_path):
    folder = create_run(many, tmp_path / "runs")
    driver = start_driver(folder, workers=2)
    _wait_for(folder.path, done=10)
    killed = _kill_workers_of(driver.pid)
    done = len(_wait_for(folder.path, done=10))
    assert driver.wait(timeout=PATIENCE) == 0
    assert killed, "the driver had no worker process that could be killed"
    assert done < CELLS, "the blow must fall in mid-run"
    assert _results(folder.path) == _results(undisturbed)


def _kill_workers_of(pid: int) -> int:
    """Kill the worker processes of a driver, and say how many there were.

    All its children are workers, but for the tracker that Python starts beside spawned processes: what a worker calls
    itself depends on what is installed.
    """
    workers = [child for child in psutil.Process(pid).children() if "resource_tracker" not in " ".join(child.cmdline())]
    for worker in workers:
        worker.kill()
    return len(workers)


def test_a_partition_that_kills_its_process_is_named_and_its_neighbours_finish(design, tmp_path):
    folder = create_run(design(data=make_dataset(cells=34)), tmp_path / "runs")
    deadly = tmp_path / "deadly.py"
    deadly.write_text(
        "import os\n"
        "from motrain_app.learning import ridge\n"
        "original = ridge._fit_partition\n"
        "def fit(block, partition, options):\n"
        f"    if int(block.ids[partition]) == {_id_of(folder, 'cell-13')}:\n"
        "        os._exit(9)\n"
        "    return original(block, partition, options)\n"
        "ridge._fit_partition = fit\n"
    )
    from distributed import WorkerPlugin

    from motrain_app.runs.cluster import local_cluster

    class Deadly(WorkerPlugin):
        def setup(self, worker):
            import runpy

            runpy.run_path(str(deadly))

    from contextlib import contextmanager

    @contextmanager
    def cluster():
        with local_cluster(2)() as client:
            client.register_plugin(Deadly())
            yield client

    Driver(folder, cluster).drive()
    run = Run.open(folder.path)
    assert run.counts == {"done": 33, "failed": 1}
    assert "killed its process" in run.failures["cell-13"]


def _id_of(folder, name):
    """Return a partition's id before the run has a store."""
    from motrain_app.data import open_dataset

    partitions = folder.design().layout(open_dataset(list(folder.design().data))).partitions
    return int(partitions.ids[partitions.names.index(name)])


def test_a_stopped_run_says_so_and_goes_on_later(many, tmp_path):
    folder = create_run(many, tmp_path / "runs")
    driver = start_driver(folder, workers=1)
    _wait_for(folder.path, done=10)
    Control(folder.path).ask("stop")
    assert driver.wait(timeout=PATIENCE) == 1
    run = Run.open(folder.path)
    assert run.state == "stopped"
    assert 10 <= run.counts["done"] < CELLS
    assert resume(run, workers=2).counts == {"done": CELLS}


def test_a_second_driver_is_refused_and_told_who_holds_the_run(design, tmp_path):
    folder = create_run(design(), tmp_path / "runs")
    with RunLock(folder.path):
        assert is_driven(folder.path)
        with pytest.raises(RunError, match=f"driven by process {os.getpid()} on"):
            drive_run(folder, workers=1)
    assert not is_driven(folder.path)


def test_who_looks_at_a_lock_just_then_does_not_keep_a_driver_out(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with open(tmp_path / "lock", "a+") as look:
        fcntl.flock(look, fcntl.LOCK_EX)
        threading.Timer(0.1, fcntl.flock, (look, fcntl.LOCK_UN)).start()
        with RunLock(tmp_path):
            assert is_driven(tmp_path)


def test_a_damaged_block_file_is_found_and_trained_again(design, tmp_path):
    folder = create_run(design(), tmp_path / "runs")
    drive_here(folder)
    before = _results(folder.path)
    first, second = sorted((folder.path / "blocks").iterdir())[:2]
    first.write_bytes(first.read_bytes()[:-100])
    second.unlink()
    drive_here(folder)
    assert Run.open(folder.path).counts == {"done": 6}
    assert _results(folder.path) == before


def test_a_file_written_but_not_recorded_is_adopted_not_trained_again(design, tmp_path):
    folder = create_run(design(), tmp_path / "runs")
    drive_here(folder)
    before = _files(folder.path)
    import sqlite3

    db = sqlite3.connect(folder.path / "run.sqlite")
    db.execute("UPDATE partition SET state='waiting', file=NULL, position=NULL, scores=NULL")
    db.execute("DELETE FROM file")
    db.commit()
    db.close()
    (folder.path / "blocks" / "000099-7.safetensors").write_bytes(b"half a file")

    def nowhere():
        raise AssertionError("nothing is left to train")

    assert Driver(folder, nowhere).drive() == "done"
    assert _files(folder.path) == before
    assert Run.open(folder.path).counts == {"done": 6}


def test_an_existing_scheduler_with_its_own_workers_gives_the_same_files(design, tmp_path):
    chosen = design()
    ours = create_run(chosen, tmp_path / "ours")
    drive_here(ours)
    theirs = create_run(chosen, tmp_path / "theirs")
    address_file = tmp_path / "scheduler.json"
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "env": environment(),
        "cwd": tmp_path,
    }
    dask = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen(
        [
            *dask,
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--scheduler-file",
            address_file,
            "--no-dashboard",
        ],
        **quiet,
    )
    workers = [
        subprocess.Popen(
            [*dask, "worker", "--scheduler-file", address_file, "--nthreads", "1", "--no-dashboard"], **quiet
        )
        for _ in range(2)
    ]
    try:
        end = time.monotonic() + PATIENCE
        while not address_file.exists():
            assert scheduler.poll() is None
            assert time.monotonic() < end, "the scheduler did not say where it is"
            time.sleep(0.05)
        assert drive_run(theirs, scheduler=str(address_file)) == "done"
        assert scheduler.poll() is None, "a cluster that is not ours stays"
        assert all(worker.poll() is None for worker in workers)
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait(timeout=PATIENCE)
    assert _files(theirs.path) == _files(ours.path)


def test_a_scheduler_that_does_not_answer_is_told(design, tmp_path, monkeypatch):
    folder = create_run(design(), tmp_path / "runs")
    monkeypatch.setattr("motrain_app.runs.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(RunError, match=r"No dask scheduler answers at tcp://127\.0\.0\.1:9"):
        drive_run(folder, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("learner", ["ridge", "network"])
def test_test_observations_replaced_by_noise_leave_weights_scalers_and_choices_bit_identical(design, tmp_path, learner):
    data = make_dataset(cells=3)
    options = {"kind": learner} | ({"epochs": 5} if learner == "network" else {})
    folder = create_run(design(data=data, learner=options), tmp_path / "runs")
    drive_here(folder)
    sealed = data["time"].values >= np.datetime64("2014-01-01")
    noisy = data.copy(deep=True)
    random = np.random.default_rng(1)
    for name in ("y", "bend"):
        values = noisy[name].values
        there = np.isfinite(values) & sealed
        values[there] = 100 * random.normal(size=there.sum())
    (tmp_path / "cells.nc").unlink()
    again = create_run(design(data=noisy, learner=options), tmp_path / "again")
    drive_here(again)
    before, after = _results(folder.path), _results(again.path)
    assert before == after
    first, second = Run.open(folder.path), Run.open(again.path)
    for name in first.partitions:
        one, other = first.predictions(name), second.predictions(name)
        assert one.equals(other), "out-of-fold predictions are the same, too"
    assert not first.open_test()["value"].equals(second.open_test()["value"])


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_stops_a_second_one_cancels_and_what_is_finished_stays(many, tmp_path, presses):
    """The terminal's interrupt reaches the whole group: the workers must not mind it."""
    path = many.save(tmp_path / "many.json")
    command = [
        sys.executable,
        "-m",
        "motrain_app",
        "train",
        str(path),
        "--runs",
        str(tmp_path / "runs"),
        "--workers",
        "2",
    ]
    driver = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    folder = _run_folder(tmp_path / "runs")
    _wait_for(folder, done=10)
    os.killpg(driver.pid, signal.SIGINT)
    if presses == 2:
        time.sleep(0.3)
        os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1
    assert "Traceback" not in out + err
    assert out.splitlines()[-1] == str(folder)
    assert f"motrain resume {folder}" in err
    run = Run.open(folder)
    assert run.state == "stopped"
    assert 10 <= run.counts["done"] < CELLS
    assert len(run.skill()) == run.counts["done"] * 2 * run.skill()["metric"].nunique()


def _run_folder(runs: Path) -> Path:
    """Wait for the one run in a folder."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for path in runs.glob("2*/run.json"):
            return path.parent
        time.sleep(0.02)
    raise AssertionError("no run was made")


def test_a_full_disk_ends_the_run_and_loses_nothing(design, tmp_path):
    from contextlib import contextmanager

    from distributed import WorkerPlugin

    from motrain_app.runs.cluster import local_cluster

    class FullDisk(WorkerPlugin):
        """The disk is full after the first block file."""

        def setup(self, worker):
            import errno

            from motrain_app.runs import blockfile

            write, written = blockfile.write_durably, []

            def full(path, content):
                if written:
                    raise OSError(errno.ENOSPC, "No space left on device")
                written.append(path)
                write(path, content)

            blockfile.write_durably = full

    @contextmanager
    def cluster():
        with local_cluster(1)() as client:
            client.register_plugin(FullDisk())
            yield client

    folder = create_run(design(), tmp_path / "runs")
    with pytest.raises(RunError, match=r"is full\. Free some; then: motrain resume"):
        Driver(folder, cluster).drive()
    run = Run.open(folder.path)
    assert run.counts == {"done": 1, "waiting": 5}
    assert run.state.startswith("broken: The disk")
    assert resume(run, workers=1).counts == {"done": 6}


def test_without_file_locks_a_heartbeat_holds_the_run(design, tmp_path, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.lock.fcntl", None)
    folder = create_run(design(), tmp_path / "runs")
    with RunLock(folder.path):
        assert is_driven(folder.path)
        long_ago = time.time() - 3600
        os.utime(folder.path / "lock", (long_ago, long_ago))
        assert not is_driven(folder.path), "a driver that gives no sign of life for half a minute is dead"


def test_data_that_changed_under_a_run_are_refused(design, tmp_path):
    folder = create_run(design(), tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    make_dataset(seed=9).to_netcdf(tmp_path / "cells.nc")
    with pytest.raises(RunError, match="changed since the run was made"):
        drive_here(folder)
