"""The five real cells with every learner, beside baselines and the peer's table: scores and CPU-seconds."""

from pathlib import Path

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.learning.presets import PEER
from motrain_app.runs import Run, RunFolder
from motrain_app.runs.baselines import ALWAYS
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import RunStore
from motrain_app.skill import metric_names, unpack_scores

pytestmark = pytest.mark.benchmark

_HALVED = {**PEER.learner.options, "search": {**PEER.learner.options["search"], "halving": 3}}
LEARNERS = {
    "ridge": Learner("ridge"),
    "ridge2": Learner("ridge2"),
    "network": Learner("network"),
    "peer's search": PEER.learner,
    "the same, halving": Learner("network", _HALVED),
    "forest": Learner("forest"),
    "boosting": Learner("boosting"),
}
SEARCHES = {"peer's search": 40, "the same, halving": 100}  # the peer's CPU-seconds over ours, at least
SEEDS = (0, 1, 2)
DECIMALS = {"sig": 3, "slop": 5, "curv": 6}

# MOTrainer 0.1.7 at the first four cells (`peer.py` makes such a row): CPU-seconds; test RMSE of sig, slop and curv of
# the mean of its ten members, and of the member it picks. The fifth cell was not run to the end.
PEER_CPU = (1561, 1104, 1377, 1413)
PEER_MEMBERS = np.array(
    [(0.551, 0.01000, 0.000499), (0.603, 0.00987, 0.000491), (0.490, 0.00653, 0.000313), (0.566, 0.00810, 0.000503)]
)
PEER_PICK = np.array(
    [(0.576, 0.00992, 0.000506), (0.593, 0.00998, 0.000515), (0.473, 0.00686, 0.000292), (0.562, 0.00840, 0.000501)]
)


@pytest.fixture(scope="module")
def train(shared_data, make_design, python, tmp_path_factory):
    """Return a function that trains a learner once by the command, on one core as the peer was: run, CPU-seconds."""
    folder = tmp_path_factory.mktemp("real-cells")
    trained = {}

    def train(name, seed=0):
        if (name, seed) not in trained:
            runs = folder / f"{list(LEARNERS).index(name)}-{seed}"  # of its own: every learner pays for staging
            data = shared_data / "ascat_isba_5cells.nc"
            design = make_design(data, learner=LEARNERS[name], seed=seed).save(runs.with_suffix(".json"))
            finished = python("-m", "motrain_app", "train", design, "--runs", runs, "--workers", 1, "--quiet")
            run = Run.open(finished.output.splitlines()[-1])
            run.open_test()
            trained[name, seed] = run, finished.cpu
        return trained[name, seed]

    return train


def _test_scores(run):
    """Return the test's scores, [cells, …]: with every baseline, not the best one alone."""
    with RunStore(RunFolder(run.path).store) as store:
        packed = np.stack([row.test_scores for row in store.partitions()])
    shaped = packed.reshape(len(packed), len(run.outputs), -1)
    plan = Plan.load(RunFolder(run.path).plan)
    return unpack_scores(shaped, metrics=plan.metrics, baselines=plan.baselines)


@pytest.mark.timeout(3600)  # it trains every learner
def test_test_rmse_of_every_cell_and_output(train, table):
    scores = {learner: _test_scores(train(learner)[0]) for learner in LEARNERS}
    rmse = metric_names().index("rmse")
    run, some = train("ridge")[0], scores["ridge"]
    rows = table(
        "Test RMSE (2017 to 2019) [95 % interval], one operator a cell; the lowest in bold",
        ["cell", "output", "n", *ALWAYS, *LEARNERS, "peer: mean of members", "peer: its pick"],
    )
    for cell in range(len(run.partitions)):
        for output, variable in enumerate(run.outputs):
            values = [some.baseline_values[cell, kind, output, rmse] for kind in range(len(ALWAYS))]
            values += [scores[learner].value[cell, output, rmse] for learner in LEARNERS]
            values += [peer[cell, output] if cell < len(peer) else np.nan for peer in (PEER_MEMBERS, PEER_PICK)]
            intervals = [""] * len(ALWAYS)
            for learner in LEARNERS:
                ends = (scores[learner].low[cell, output, rmse], scores[learner].high[cell, output, rmse])
                intervals.append(" [{}, {}]".format(*(f"{end:.{DECIMALS[variable.name]}f}" for end in ends)))
            numbers = [f"{value:.{DECIMALS[variable.name]}f}" for value in values]  # the peer's are known to this digit
            lowest = min((number for number in numbers if number != "nan"), key=float)
            words = [
                number.replace("nan", "–").replace(lowest, f"**{lowest}**") + interval
                for number, interval in zip(numbers, [*intervals, "", ""], strict=True)
            ]
            rows.add(cell, f"{variable.name} ({variable.unit})", f"{some.n[cell, output]:.0f}", *words)

    for learner in (
        "ridge",
        "ridge2",
        "network",
        *SEARCHES,
    ):  # of every cell, states tell more of slope than the season
        of_learner = scores[learner]
        skill = of_learner.value[:, 1, of_learner.metrics.index("skill_over_climatology")]
        assert (skill > 0).all(), learner


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("learner", ["network", *SEARCHES])
def test_networks_are_better_than_the_peers_for_each_output(learner, train, table):
    """The mean over the peer's four cells and three seeds."""
    rmse = metric_names().index("rmse")
    of_seeds = [_test_scores(train(learner, seed)[0]).value[: len(PEER_PICK), :, rmse].mean(axis=0) for seed in SEEDS]
    rows = table(
        "Test RMSE, mean over the peer's four cells; ours also over three seeds [lowest, highest of the three]",
        ["", *(f"{variable.name} ({variable.unit})" for variable in train(learner)[0].outputs)],
    )
    if not rows.rows:
        for name, peer in (("peer: mean of members", PEER_MEMBERS), ("peer: its pick", PEER_PICK)):
            rows.add(name, *(f"{value:.{n}f}" for value, n in zip(peer.mean(axis=0), DECIMALS.values(), strict=True)))
    ends = zip(np.mean(of_seeds, axis=0), np.min(of_seeds, axis=0), np.max(of_seeds, axis=0), strict=True)
    words = [
        f"{mean:.{n}f} [{low:.{n}f}, {high:.{n}f}]"
        for (mean, low, high), n in zip(ends, DECIMALS.values(), strict=True)
    ]
    rows.add(learner, *words)
    assert (np.mean(of_seeds, axis=0) < PEER_MEMBERS.mean(axis=0)).all()
    assert (np.mean(of_seeds, axis=0) < PEER_PICK.mean(axis=0)).all()


@pytest.mark.timeout(3600)  # it trains every learner, where no test before it has
def test_cpu_seconds_of_a_cell(train, python, table):
    peer = f"the peer {np.mean(PEER_CPU):,.0f} for eleven candidates a fold"
    title = f"CPU-seconds a cell, ten folds, one core; {peer}"
    whole, warm = "all processes, start-up and compilation included", "one more cell, start-up excluded"
    rows = table(title, ["learner", whole, "peer / ours", warm, "peer / ours"])
    for learner in LEARNERS:
        run, cpu = train(learner)
        cells = len(run.partitions)
        passes = python(Path(__file__).with_name("warm_blocks.py"), run.path).output.split()
        a_cell = cpu / cells, float(passes[-1]) / cells
        ratios = [f"{np.mean(PEER_CPU) / one:,.0f}" for one in a_cell]
        rows.add(learner, f"{a_cell[0]:.2f}", ratios[0], f"{a_cell[1]:.3f}", ratios[1])
        assert np.mean(PEER_CPU) / a_cell[0] > SEARCHES.get(learner, 1)
