"""A comparison with a baseline that misses rows is one of the rows that it has: their number, interval and p-value."""

import numpy as np
import pytest

from motrain_app.skill import BestBaselines, Piece, Totals, score_each_cell, score_outputs, score_table, unpack_scores

N = 1500
TIME = np.datetime64("2010-01-01") + np.arange(N)
METRICS = ["rmse", "skill", "skill_over_mean", "skill_over_reference"]


def rows(known, seed=0, n_cells=1):
    """Rows of cells, day by day, with a reference that is known in some days alone."""
    rng = np.random.default_rng(seed)
    observed = rng.standard_normal((1, n_cells * N))
    predicted = observed + rng.standard_normal(observed.shape)
    reference = np.where(np.tile(known, n_cells), observed + rng.standard_normal(observed.shape), np.nan)
    baselines = {"mean": np.zeros(observed.shape), "reference": reference}
    return observed, predicted, baselines, np.tile(TIME, n_cells), np.repeat(np.arange(n_cells), N)


def stretches(number, days):
    starts = np.linspace(100, 1400, number).astype(int)
    return np.isin(np.arange(N), (starts[:, None] + np.arange(days)).ravel())


def score(observed, predicted, baselines, time, cell, **options):
    options = {"metrics": METRICS, "key": 0, "replicates": 300} | options
    return score_outputs(observed, predicted, baselines, time, cell=cell, **options)


def count(scores):
    table = score_table(scores, partitions=["all"] * (len(scores.pack()) if scores.n.ndim > 1 else 1), outputs=["y"])
    return dict(zip(METRICS, table["n"].tolist(), strict=False))


@pytest.mark.parametrize("n_cells", [1, 3])
def test_interval_and_p_are_those_of_the_rows_that_it_has_scored_alone(n_cells):
    known = (np.arange(N) > 400) & (np.arange(N) % 3 > 0)
    observed, predicted, baselines, time, cell = rows(known, n_cells=n_cells)
    scores = score(observed, predicted, baselines, time, cell)
    there = np.tile(known, n_cells)
    shared = {"reference": baselines["reference"][:, there]}
    alone = score(observed[:, there], predicted[:, there], shared, time[there], cell[there])
    at, best = METRICS.index("skill_over_reference"), METRICS.index("skill")
    for name in ("value", "low", "high"):
        assert getattr(scores, name)[0, at] == pytest.approx(getattr(alone, name)[0, at], rel=1e-9)
    assert scores.p[1, 0] == pytest.approx(alone.p[0, 0], rel=1e-6)
    complete = score(observed, predicted, {"mean": baselines["mean"]}, time, cell)
    for name in ("low", "high"):  # all else as if it were not there
        for number in (METRICS.index("rmse"), best):
            assert getattr(scores, name)[0, number] == getattr(complete, name)[0, number]
    assert scores.p[0, 0] == complete.p[0, 0]
    assert count(scores) == dict.fromkeys(METRICS[:3], n_cells * N) | {"skill_over_reference": there.sum()}


def test_where_the_best_baseline_misses_rows_the_skill_is_one_of_the_rows_that_it_has():
    known = np.arange(N) >= 300
    observed, predicted, baselines, time, cell = rows(known)
    del baselines["mean"]
    scores = score(observed, predicted, baselines, time, cell)
    shared = {"reference": baselines["reference"][:, known]}
    alone = score(observed[:, known], predicted[:, known], shared, time[known], cell[known])
    at = METRICS.index("skill")
    assert (scores.low[0, at], scores.high[0, at]) == pytest.approx((alone.low[0, at], alone.high[0, at]), rel=1e-9)
    assert count(scores)["skill"] == 1200
    assert count(scores)["rmse"] == N


def test_few_stretches_of_a_reference_make_no_interval_and_no_p():
    scores = score(*rows(stretches(5, 6)))
    at = METRICS.index("skill_over_reference")
    assert np.isfinite(scores.value[0]).all()
    assert np.isnan([scores.low[0, at], scores.high[0, at], scores.p[1, 0]]).all()
    assert np.isfinite(scores.low[0, :at]).all()
    assert count(scores)["skill_over_reference"] == 30


def test_rows_of_a_comparison_are_counted_in_each_cell_and_in_all_cells_together():
    known = stretches(5, 6)
    observed, predicted, baselines, time, cell = rows(known, n_cells=3)
    baselines["reference"][0, 2 * N :] = np.nan
    _, of_cells = score_each_cell(
        observed, predicted, baselines, time, cell, metrics=METRICS, key=0, replicates=0
    )  # fmt: skip
    np.testing.assert_array_equal(of_cells.rows[:, 0], [[N, N, N, 30], [N, N, N, 30], [N, N, N, 0]])
    others = np.stack(list(baselines.values()))
    group = np.where(cell < 1, 0, 1)
    piece = Piece(observed, predicted, others, time, cell, group)
    finder = BestBaselines(np.ones(3), n_groups=2, n_outputs=1, n_baselines=2)
    finder.add(piece)
    totals = Totals(
        np.ones(3), (TIME[0], TIME[-1]), n_groups=2, metrics=METRICS, baselines=("mean", "reference"),
        best=finder.best(), sampled=finder.sampled(),
    )  # fmt: skip
    totals.add(piece)
    of_groups = totals.scores(key=0, replicates=0)
    lines = score_table(of_groups, partitions=["a", "b"], outputs=["y"])
    np.testing.assert_array_equal(lines["n"].reshape(2, -1), [[N, N, N, 30], [2 * N, 2 * N, 2 * N, 30]])


def test_packed_scores_of_before_are_refused():
    packed = score(*rows(np.ones(N, bool)), replicates=0).pack()
    with pytest.raises(ValueError, match="by another version"):
        unpack_scores(packed[:, 2:], metrics=METRICS, baselines=("mean", "reference"))


def test_a_baseline_without_error_has_neither_skill_nor_p():
    observed, predicted, baselines, time, cell = rows(np.ones(N, bool))
    baselines["mean"] = observed
    scores = score(observed, predicted, baselines, time, cell)
    assert np.isnan(scores.value[0, METRICS.index("skill_over_mean")])
    assert np.isnan(scores.p[0, 0])
    assert scores.p[1, 0] > 0
    assert np.isnan(scores.baseline_values[0, 0, METRICS.index("skill_over_mean")])
    _, of_cell = score_each_cell(observed, predicted, {"mean": observed}, time, cell, metrics=["skill"], key=0)
    assert np.isnan(of_cell.p).all()
