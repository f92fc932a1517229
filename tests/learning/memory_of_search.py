"""Prints the bytes that a search of many folds is reckoned to take, and those that it takes; run as a process."""

import ast
import sys
from pathlib import Path

import numpy as np

import motrain_app.learning.network_tensorflow  # noqa: F401 - imported before memory is measured
from motrain_app.design import LeaveBlocksOut
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block
from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.network_work import network_bytes

ROWS, CANDIDATES = 2560, 40


def memory(name: str) -> int:
    """Return the bytes that this process has (VmRSS), or has had at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Train one partition with 122 folds."""
    time = np.arange("2007-01-01", "2017-01-01", dtype="datetime64[D]")
    folds, random = make_folds(None, LeaveBlocksOut(days=30), time), np.random.default_rng(0)
    inputs = random.normal(size=(8, ROWS)).astype(np.float32)
    atom = folds.atom_of_time[np.sort(random.integers(0, len(time), ROWS))]
    one = np.ones(1, np.uint64), np.array([0, ROWS]), inputs, inputs[:3], atom, folds, 0, ROWS, np.zeros(1, bool)
    block, own = Block(*one, stack_slots=32), ast.literal_eval(sys.argv[1])
    search = {"space": {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}, "candidates": CANDIDATES}
    options = NetworkOptions(**own, epochs=1, search=search)
    fit_network(block, NetworkOptions(**own, epochs=1))  # compiles the program
    before = memory("VmRSS")
    fit_network(block, options)
    of_member = network_bytes(options, 0, n_inputs=8, n_outputs=3, rows=np.array([ROWS]))
    print(folds.n_members * of_member, memory("VmHWM") - before)


if __name__ == "__main__":
    main()
