"""The stacked network: CPU-seconds and memory of a partition, two workers against one, and the machine's own peak."""

import math
import os
import resource
import time
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.runs import Run

pytestmark = pytest.mark.benchmark

PARTITIONS = 50  # of 1,000: what one costs does not depend on how many there are, but for what is paid once
SEARCH = {
    "space": {
        "hidden": [[4], [8], [16], [8, 8], [16, 16]],
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
        "l2": [0.0, 1e-5, 1e-3],
    },
    "candidates": 12,
    "halving": 3,
}
OPTIONS = {"hidden": [16, 16], "batch": 256, "epochs": 90, "search": SEARCH}
CPU_ASKED, BYTES_AT_MOST, SPEED_UP_AT_LEAST = 3.0, 2.5e9, 1.7
# What is asked, on a machine that takes half a second for such a fit. Machines differ by a factor of three, so that
# seconds alone would judge the machine.
FITS_AT_MOST = 6.0


@pytest.fixture(scope="module")
def trained(make_cells, make_design, python, tmp_path_factory):
    """Return a function that trains so many partitions with so many workers, in a folder of its own."""

    def train(workers, partitions=PARTITIONS):
        folder = tmp_path_factory.mktemp("network-speed")
        make_cells(partitions).to_netcdf(folder / "cells.nc")
        design = make_design(folder / "cells.nc", learner=Learner("network", OPTIONS)).save(folder / "design.json")
        runs = folder / "runs"
        finished = python("-m", "motrain_app", "train", design, "--runs", runs, "--workers", workers, "--quiet")
        return Run.open(finished.output.splitlines()[-1]), finished.cpu

    return train


@pytest.fixture(scope="module")
def by_one(beside_fits):
    """The run of one worker, and what it cost."""
    return beside_fits(1)


@dataclass(frozen=True)
class Cost:
    """CPU-seconds of all processes; memory of the largest, in bytes; CPU-seconds of a fit by scikit-learn beside it."""

    cpu: float
    memory: int
    fit: float


@pytest.fixture(scope="module")
def beside_fits(trained, make_block):
    """Return a function that trains as `trained` does, and times scikit-learn's fits just before and after."""

    def train(workers, partitions=PARTITIONS):
        before = _fit_by_sklearn(make_block)
        run, cpu = trained(workers, partitions)
        memory = _memory()
        return run, Cost(cpu, memory, (before + _fit_by_sklearn(make_block)) / 2)

    return train


def _fit_by_sklearn(make_block):
    """Return the CPU-seconds of one network of two layers on 5,400 rows: as many epochs as ours, batches as large."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from threadpoolctl import threadpool_limits

    block = make_block(1)
    x, y = ((one - one.mean(axis=0)) / one.std(axis=0) for one in (block.inputs.T[:5400], block.outputs.T[:5400]))
    epochs = OPTIONS["epochs"]
    network = MLPRegressor(
        hidden_layer_sizes=OPTIONS["hidden"],
        batch_size=OPTIONS["batch"],
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it has trained all epochs: that is what is timed
        begin = time.process_time()
        network.fit(x, y)
    return time.process_time() - begin


def _memory():
    """Return the memory of the largest process so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def test_cpu_seconds_and_memory_of_a_partition(by_one, table):
    _tell_and_judge(table, PARTITIONS, *by_one)


@pytest.mark.skipif("THOUSAND" not in os.environ, reason="takes a quarter of an hour: asked for by THOUSAND=1")
def test_cpu_seconds_and_memory_of_one_of_a_thousand(beside_fits, table):
    _tell_and_judge(table, 1000, *beside_fits(2, partitions=1000))


def _tell_and_judge(table, partitions, run, cost):
    rows = table(
        "Search among 12 candidates (halving), 10 folds, 5,400 rows × 8 inputs × 3 outputs, batch 256, start-up and "
        f"compilation included; {partitions:,} partitions",
        ["", "measured", "at most"],
    )
    each, fits = cost.cpu / partitions, cost.cpu / partitions / cost.fit
    rows.add(f"CPU-seconds a partition, all processes; asked are {CPU_ASKED:.0f}", f"{each:.2f}", "")
    rows.add(
        f"the same in fits of one network by scikit-learn, of {cost.fit:.2f} s", f"{fits:.1f}", f"{FITS_AT_MOST:.0f}"
    )
    rows.add("memory of the largest process, GB", f"{cost.memory / 1e9:.2f}", f"{BYTES_AT_MOST / 1e9:.1f}")
    assert len(run.finished) == partitions
    assert fits < FITS_AT_MOST
    assert cost.memory < BYTES_AT_MOST


def _seconds_a_block(run):
    """Return the time between ends of blocks, once every worker has ended its first: the start-up is not in it."""
    ends = sorted(path.stat().st_mtime for path in (run.path / "blocks").glob("*.safetensors"))
    return (ends[-2] - ends[1]) / (len(ends) - 3)


def test_two_workers_are_almost_twice_one(by_one, trained, table):
    one, two = (_seconds_a_block(run) for run in (by_one[0], trained(2)[0]))
    rows = table("Two workers against one, start-up excluded", ["workers", "seconds a block", "times as fast"])
    rows.add(1, f"{one:.2f}", "1.00")
    rows.add(2, f"{two:.2f}", f"{one / two:.2f}")
    assert one / two > SPEED_UP_AT_LEAST


@pytest.mark.parametrize(
    ("hidden", "batch", "activation"),
    [((4, 13), 64, "relu"), ((16, 16), 256, "tanh"), ((64, 64), 256, "relu"), ((128, 128), 256, "relu")],
)
def test_model_steps_a_second(hidden, batch, activation, make_block, table):
    """Beside the machine's own peak: multiplications and additions of a large matrix product on the same core."""
    from threadpoolctl import threadpool_limits

    from motrain_app.learning.network import fit_network
    from motrain_app.learning.network_options import NetworkOptions

    block, epochs = make_block(6), 4
    options = NetworkOptions(hidden=hidden, batch=batch, activation=activation, epochs=epochs, patience=epochs)
    with threadpool_limits(1):
        fit_network(block, options)  # compiles
        begin = time.process_time()
        fitted = fit_network(block, options)
        seconds = time.process_time() - begin
        peak = _peak()
    rows_of_a_slot = 0.8 * block.inputs.shape[1] / len(block)  # less the fold held out and the one that validates
    steps = fitted.trials["epochs"].sum() * math.ceil(rows_of_a_slot / batch)
    widths = [len(block.inputs), *hidden, len(block.outputs)]
    operations = 6 * batch * sum(before * after for before, after in pairwise(widths))  # forward, and twice back
    rows = table(
        "Model-steps a second on one core, everything around them included; and beside the core's peak",
        ["network", "batch", "µs a step", "steps a second", "GFLOP/s", "of the peak"],
    )
    a_second = steps / seconds
    rows.add(
        f"8-{'-'.join(map(str, hidden))}-3 {activation}", batch, f"{1e6 / a_second:.1f}", f"{a_second:,.0f}",
        f"{operations * a_second / 1e9:.1f}", f"{100 * operations * a_second / peak:.0f} %",
    )  # fmt: skip


def _peak():
    """Return the operations a second of a product of matrices in float32, the best of several."""
    a = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    a @ a
    taken = []
    for _ in range(5):
        begin = time.process_time()
        a @ a
        taken.append(time.process_time() - begin)
    return 2 * len(a) ** 3 / min(taken)


def test_the_peers_search_at_a_hundred_partitions(make_cells, make_design, python, table, tmp_path):
    """Halving over eleven candidates of the peer's space; what start-up and compilation cost is shared by more."""
    from tests.benchmarks.test_real_cells import LEARNERS, PEER_CPU

    make_cells(100).to_netcdf(tmp_path / "cells.nc")
    design = make_design(tmp_path / "cells.nc", learner=LEARNERS["the same, halving"]).save(tmp_path / "design.json")
    command = ("-m", "motrain_app", "train", design, "--runs", tmp_path / "runs", "--workers", 2, "--quiet")
    cpu = python(*command).cpu / 100
    rows = table(
        "Halving over 11 candidates of the peer's space, 10 folds, 100 partitions in the shape of the real cells",
        ["CPU-seconds a partition, everything included", "peer / ours"],
    )
    rows.add(f"{cpu:.2f}", f"{np.mean(PEER_CPU) / cpu:,.0f}")
    assert np.mean(PEER_CPU) / cpu > 100
