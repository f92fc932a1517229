"""n beside a score counts the rows that it is of, and no others."""

import numpy as np
import pytest

from motrain_app.skill import BestBaselines, Piece, Totals, score_each_cell, score_outputs, score_table

ROWS = {"five years": 1825, "two years": 700, "a week": 7, "constant": 1825}
STARTS = np.cumsum([0, *ROWS.values()])
N = sum(ROWS.values())
NO_INTERVAL = 400  # rows of the first cell
METRICS = ["rmse", "r", "sd_ratio", "anomaly_r", "anomaly_r_pooled", "spearman", "r_pooled", "coverage", "skill"]
METRICS += ["skill_over_reference", "n", "n_effective"]


@pytest.fixture(scope="module")
def given():
    """Cells of five years, of two, of a week, and one in which nothing varies; the reference misses 100 rows."""
    rng = np.random.default_rng(0)
    cell = np.repeat(np.arange(len(ROWS)), list(ROWS.values()))
    time = np.datetime64("2010-01-01") + np.concatenate([np.arange(n) for n in ROWS.values()])
    observed = rng.normal(size=(1, N))
    observed[0, cell == 3] = 2.0
    predicted = observed + rng.normal(size=observed.shape)
    reference = observed + 0.1
    reference[0, :100] = np.nan
    within = (rng.random((1, N)) < 0.9).astype(float)
    within[0, :NO_INTERVAL] = np.nan
    return observed, predicted, {"mean": np.zeros((1, N)), "reference": reference}, time, cell, within


def counted(scores, number=0):
    rows = score_table(scores, partitions=[str(n) for n in range(scores.value.size // len(METRICS))], outputs=["y"])
    return dict(zip(METRICS, rows["n"].reshape(-1, len(METRICS))[number].tolist(), strict=True))


EXPECTED = {
    "rmse": N,
    "r": 1825 + 700,
    "sd_ratio": 1825 + 700,
    "anomaly_r": 1825,
    "anomaly_r_pooled": 2 * 1825,  # the constant has anomalies of zero
    "spearman": 1825 + 700,
    "r_pooled": N,
    "coverage": N - NO_INTERVAL,
    "skill": N,
    "skill_over_reference": N - 100,
    "n": N,
    "n_effective": N,
}


def test_of_a_partition(given):
    observed, predicted, baselines, time, cell, within = given
    scores = score_outputs(
        observed, predicted, baselines, time, metrics=METRICS, key=0, cell=cell, within=within, replicates=0
    )
    assert counted(scores) == EXPECTED


def test_of_all_cells_together(given):
    observed, predicted, baselines, time, cell, within = given
    piece = Piece(observed, predicted, np.stack(list(baselines.values())), time, cell, np.zeros(N, int), within)
    finder = BestBaselines(np.ones(4), n_groups=1, n_outputs=1, n_baselines=2)
    finder.add(piece)
    totals = Totals(
        np.ones(4), (time.min(), time.max()), n_groups=1, metrics=METRICS, baselines=tuple(baselines),
        best=finder.best(), sampled=finder.sampled(),
    )  # fmt: skip
    totals.add(piece)
    assert counted(totals.scores(key=0, replicates=0)) == EXPECTED


def test_of_each_cell(given):
    observed, predicted, baselines, time, cell, within = given
    _, scores = score_each_cell(
        observed, predicted, baselines, time, cell, metrics=METRICS, key=0, within=within, replicates=0
    )
    for number, n in enumerate(ROWS.values()):
        of_cell = counted(scores, number)
        alone = score_outputs(
            *(values[:, cell == number] for values in (observed, predicted)),
            {name: values[:, cell == number] for name, values in baselines.items()},
            time[cell == number], metrics=METRICS, key=0, within=within[:, cell == number], replicates=0,
        )  # fmt: skip
        assert of_cell == counted(alone)
        assert of_cell["rmse"] == n
    names = ("r", "anomaly_r", "spearman", "coverage", "skill_over_reference")
    assert [[counted(scores, number)[name] for name in names] for number in range(4)] == [
        [1825, 1825, 1825, 1825 - NO_INTERVAL, 1725],
        [700, 0, 700, 700, 700],
        [0, 0, 0, 7, 7],
        [0, 0, 0, 1825, 1825],
    ]


def test_without_a_baseline_no_row_is_compared(given):
    observed, predicted, _, time, cell, _ = given
    scores = score_outputs(observed, predicted, {}, time, metrics=["rmse", "skill"], key=0, cell=cell, replicates=0)
    assert scores.rows.tolist() == [[N, 0]]


@pytest.mark.parametrize("value", [np.inf, 1e160])
def test_where_a_cell_is_infinite_no_row_has_what_is_taken_of_each(given, value):
    observed, predicted, _, time, cell, _ = given
    predicted = predicted.copy()
    predicted[0, 5] = value
    metrics = ["rmse", "r", "ubrmse", "spearman"]
    scores = score_outputs(observed, predicted, {}, time, metrics=metrics, key=0, cell=cell, replicates=0)
    piece = Piece(observed, predicted, np.zeros((0, 1, N)), time, cell, np.zeros(N, int), None)
    totals = Totals(
        np.ones(4), (time.min(), time.max()), n_groups=1, metrics=metrics, baselines=(),
        best=np.full((1, 1), -1), sampled=[np.arange(4)],
    )  # fmt: skip
    totals.add(piece)
    for found in (scores, totals.scores(key=0, replicates=0)):
        assert np.isnan(found.value.ravel()[1:3]).all()
        assert found.rows.ravel().tolist() == [N, 0, 0, 1825 + 700]
