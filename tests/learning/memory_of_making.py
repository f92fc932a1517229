"""Prints the bytes that a learner is reckoned to take for one large partition, and those it takes; run as a process."""

import ast
import sys
from pathlib import Path

import numpy as np

from motrain_app.design import Learner, LeaveYearsOut
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block, resolve_learner
from motrain_app.runs.cutting import needs

YEARS = LeaveYearsOut(embargo=10)
JACKKNIFE = {"ridge": YEARS, "ridge2": YEARS}  # whose matrices are there for all folds at once
SMALL = {"forest": {"n_estimators": 2}, "boosting": {"max_iter": 2}}


def memory(name: str) -> int:
    """Return the bytes that this process has (VmRSS), or has had at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def make(kind: str, rows: int, n_inputs: int) -> Block:
    """Return a partition with one output, which is a product of inputs and noise; with one member, or ten of ridge."""
    time, random = np.arange("2007-01-01", "2017-01-01", dtype="datetime64[D]"), np.random.default_rng(0)
    folds = make_folds(None, JACKKNIFE.get(kind), time)
    inputs = random.normal(size=(n_inputs, rows)).astype(np.float32)
    outputs = inputs[:1] * inputs[1:2] + random.normal(size=(1, rows)).astype(np.float32)
    atom = folds.atom_of_time[np.sort(random.integers(0, len(time), rows))]
    return Block(np.ones(1, np.uint64), np.array([0, rows]), inputs, outputs, atom, folds, 0, rows, np.zeros(1, bool))


def main() -> None:
    """Train a learner, by its kind and options, on so many rows, with so many inputs."""
    kind, options = resolve_learner(Learner(sys.argv[1], ast.literal_eval(sys.argv[2])))
    n_inputs = int(sys.argv[4])
    block = make(sys.argv[1], int(sys.argv[3]), n_inputs)
    small = resolve_learner(Learner(sys.argv[1], SMALL.get(sys.argv[1], {})))[1]
    kind.fit(make(sys.argv[1], 300, 2), small)  # loads what it imports, and leaves little memory to use again
    before = memory("VmRSS")
    kind.fit(block, options)
    taken = memory("VmHWM") - before
    sizes = {"members": block.folds.n_members, "atoms": block.folds.n_atoms, "n_inputs": n_inputs, "n_outputs": 1}
    need = needs(kind, options, np.diff(block.row_start), **sizes, seed=0)
    print(int(len(block.atom) * need.bytes_a_row + need.bytes_of_members[0] + need.bytes_in_making[0]), taken)


if __name__ == "__main__":
    main()
