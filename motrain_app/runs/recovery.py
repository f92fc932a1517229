"""What block files bring to the store: as they come, and anew after whatever interrupted a run."""

import re

import numpy as np

from motrain_app.runs.blockfile import BlockFile, sha256_of
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.store import Finished, RunStore

_TRAINED_HERE = re.compile(r"(\d+)-(\d+)\.safetensors")  # block and attempt


def record_file(run: RunFolder, store: RunStore, name: str, sha256: str) -> None:
    """Record a block file of this run, and every partition that it brings."""
    with BlockFile.open(run.blocks / name) as file:
        scores, present, errors = file.array("scores"), np.asarray(file.array("present").any(axis=1)), file.errors
        finished = [
            Finished(number, position, scores[position] if present[position] else None, errors.get(position))
            for position, number in enumerate(file.array("numbers").tolist())
            if present[position] or position in errors
        ]
    store.commit_file(name, sha256, int(name.split("-")[0]), finished)


def recover(run: RunFolder, store: RunStore) -> int:
    """Trust only what is whole: adopt files that were written but not recorded, drop damaged ones that were.

    Returns
    -------
    int
        The first number that no attempt has yet.
    """
    files = store.files()
    damaged = [name for name, (sha256, _) in files.items() if sha256_of(run.blocks / name) != sha256]
    if damaged:
        store.wait_again([row.number for row in store.partitions() if row.file in damaged])
    names = {path.name for path in run.blocks.glob("*.safetensors")}
    trained = {name: int(match[2]) for name in sorted(names) if (match := _TRAINED_HERE.fullmatch(name))}
    for name in sorted(trained.keys() - files.keys()):
        _adopt(run, store, name)
    for name in (names - files.keys() | set(damaged)) - trained.keys():
        # From another run, where its partitions had other numbers: who is in it, the store alone could say.
        store.forget_file(name)
        (run.blocks / name).unlink(missing_ok=True)
    return max(trained.values(), default=-1) + 1


def _adopt(run: RunFolder, store: RunStore, name: str) -> None:
    path = run.blocks / name
    try:
        record_file(run, store, name, sha256_of(path))
    except (RunError, KeyError, ValueError):
        path.unlink()  # written by a process that died meanwhile; its partitions still wait
