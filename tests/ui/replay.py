"""A recorded run, replayed: its partitions appear in a new run folder batch after batch, and nothing is trained.

What watches a run cannot tell it from training: a process of its own holds the run's lock, and answers to its control
files. So tests of live pages need neither workers nor their patience.
"""

import os
import shutil
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import numpy as np

from motrain_app.runs import RunFolder
from motrain_app.runs.control import Control
from motrain_app.runs.lock import RunLock
from motrain_app.runs.store import SKIPPED, WAITING, Finished, PartitionRow, RunStore

POLL_SECONDS = 0.05


def start_replay(
    recorded: Path, runs: Path, *, seconds: float, batches: int = 20
) -> tuple[RunFolder, "subprocess.Popen[bytes]"]:
    """Begin to replay a finished run, and return the new run folder and the process that fills it.

    Parameters
    ----------
    recorded
        Folder of the finished run.
    runs
        Folder to make the new run in.
    seconds
        From the first look at the run to its end.
    batches
        In which the partitions appear, in the order in which they were recorded.
    """
    source = RunFolder(recorded)
    mark = str(source.info()["fingerprint"])
    folder = RunFolder.create(source.design(), runs, fingerprint=mark, staged=source.staged())
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tests.ui.replay", str(recorded), str(folder.path), str(seconds), str(batches)]
    return folder, subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": root})


def replay(source: RunFolder, target: RunFolder, seconds: float, batches: int) -> None:
    """Fill a run folder from a finished one, as a driver would."""
    control = Control(target.path)
    with RunLock(target.path):
        control.forget()
        with RunStore(source.store) as store:
            rows, files = store.partitions(), store.files()
        for name in files:
            shutil.copy2(source.blocks / name, target.blocks / name)
        shutil.copy2(source.plan, target.plan)
        RunStore.create(target.store, map(_before_training, rows)).close()
        trained = sorted((row for row in rows if row.state not in (WAITING, SKIPPED)), key=lambda row: row.seq)
        with RunStore(target.store, write=True) as store:
            store.enter_wal()
            store.put("state", "running")
            for numbers in np.array_split(np.arange(len(trained)), batches):
                if not _wait(control, seconds / batches):
                    store.put("state", "stopped")
                    return
                _record(store, [trained[number] for number in numbers], files)
            store.put("state", "done")


def _before_training(row: PartitionRow) -> tuple[object, ...]:
    skipped = row.state == SKIPPED
    fixed = (row.number, row.id, row.name, row.block, row.training_rows, row.test_rows)
    return (*fixed, SKIPPED if skipped else WAITING, row.error if skipped else None)


def _wait(control: Control, seconds: float) -> bool:
    """Wait, longer while paused; False where the run was stopped."""
    end = time.monotonic() + seconds
    while control.asked("pause") or time.monotonic() < end:
        if control.asked("stop") or control.asked("cancel"):
            return False
        time.sleep(POLL_SECONDS)
    return True


def _record(store: RunStore, rows: list[PartitionRow], files: dict[str, tuple[str, int]]) -> None:
    for file, group in groupby(rows, key=lambda row: row.file):
        if file is None:  # failed before there was a file
            for row in group:
                store.fail([row.number], str(row.error))
            continue
        finished = [Finished(row.number, int(row.position or 0), row.scores, row.error) for row in group]
        store.commit_file(file, *files[file], finished)


if __name__ == "__main__":
    replay(RunFolder(sys.argv[1]), RunFolder(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
