"""Cells with so few rows that a score over time would flatter them."""

import numpy as np
import pytest

from motrain_app.skill import BestBaselines, Piece, Totals, get_metric, moments, score_each_cell, score_outputs
from motrain_app.skill.registry import MIN_ROWS

TEMPORAL = ("ubrmse", "r", "spearman", "r2", "kge", "sd_ratio")
METRICS = (*TEMPORAL, "rmse", "ubrmse_pooled", "r_pooled", "n")
OTHERS = slice(len(TEMPORAL), None)


def rows(*counts, seed=0):
    """Rows of cells, of each as many as are asked for, with a baseline."""
    rng = np.random.default_rng(seed)
    cell = np.repeat(np.arange(len(counts)), counts)
    time = np.datetime64("2010-01-01") + rng.integers(0, 3000, len(cell))
    observed = rng.standard_normal((1, len(cell)))
    predicted = 0.2 * observed + rng.standard_normal(observed.shape)
    return observed, predicted, {"ridge": observed + rng.standard_normal(observed.shape)}, time, cell


def of_partition(observed, predicted, baselines, time, cell, **options):
    return score_outputs(observed, predicted, baselines, time, cell=cell, metrics=METRICS, key=0, **options)


def of_all(observed, predicted, baselines, time, cell, **options):
    area = np.ones(cell.max() + 1)
    piece = Piece(observed, predicted, np.stack(list(baselines.values())), time, cell, np.zeros(len(cell), int))
    finder = BestBaselines(area, n_groups=1, n_outputs=1, n_baselines=len(baselines))
    finder.add(piece)
    totals = Totals(
        area, (time.min(), time.max()), n_groups=1, metrics=METRICS, baselines=tuple(baselines), best=finder.best(),
        sampled=finder.sampled(),
    )  # fmt: skip
    totals.add(piece)
    return totals.scores(key=0, **options)


def of_cells(observed, predicted, baselines, time, cell, **options):
    return score_each_cell(observed, predicted, baselines, time, cell, metrics=METRICS, key=0, **options)[1]


PATHS = pytest.mark.parametrize("score", [of_partition, of_all, of_cells])


def numbers(scores, name):
    return getattr(scores, name).reshape(-1, len(METRICS))


@PATHS
def test_a_cell_has_scores_over_time_from_ten_rows_on(score):
    for n_rows in (1, 2, MIN_ROWS - 1, MIN_ROWS):
        scores = score(*rows(n_rows), replicates=0)
        for name in ("value", "baseline_value"):
            known = ~np.isnan(numbers(scores, name)[0])
            assert known[: len(TEMPORAL)].tolist() == [n_rows >= MIN_ROWS] * len(TEMPORAL)
        assert np.isfinite(numbers(scores, "value")[0, OTHERS]).all() or n_rows < 2
    assert MIN_ROWS == 10


def test_the_functions_themselves_take_what_rows_there_are():
    observed, predicted, *_ = rows(3)
    known = [get_metric(name).function(moments(observed, predicted))[0] for name in ("ubrmse", "r")]
    assert known == pytest.approx([np.std(predicted - observed), np.corrcoef(observed, predicted)[0, 1]])


@pytest.mark.parametrize("score", [of_partition, of_all])
def test_cells_of_few_rows_take_no_part_in_the_median_over_cells(score):
    counts = [2] * 30 + [200] * 5 + [3] * 30
    observed, predicted, baselines, time, cell = rows(*counts)
    many = (cell >= 30) & (cell < 35)
    some = score(observed[:, many], predicted[:, many], {"ridge": baselines["ridge"][:, many]}, time[many], cell[many])
    scores = score(observed, predicted, baselines, time, cell)
    for name in ("value", "baseline_value"):
        both = (numbers(one, name)[0, : len(TEMPORAL)] for one in (scores, some))
        np.testing.assert_allclose(*both, rtol=1e-9)
    low, value, high = (numbers(scores, name)[0, : len(TEMPORAL)] for name in ("low", "value", "high"))
    assert ((low < value) & (value < high)).all()


@pytest.mark.parametrize("score", [of_partition, of_all])
def test_few_cells_of_many_rows_have_an_interval_among_many_of_few(score):
    counts = np.full(1000, 2)
    counts[[10, 500]] = 300
    scores = score(*rows(*counts), replicates=200)
    assert np.isfinite(numbers(scores, "low")[0, : len(TEMPORAL)]).all()


@pytest.mark.parametrize("score", [of_partition, of_all])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 9])
def test_where_no_cell_has_enough_rows_there_is_neither_a_score_over_time_nor_its_interval(score, n_rows):
    scores = score(*rows(*[n_rows] * 200), replicates=200)
    for name in ("value", "low", "high"):
        assert np.isnan(numbers(scores, name)[0, : len(TEMPORAL)]).all()
        assert np.isfinite(numbers(scores, name)[0, OTHERS][:-1]).all()


def test_a_score_that_has_no_value_has_no_interval():
    metric, low, high = get_metric("r"), np.array([0.1, 0.1]), np.array([0.3, 0.3])
    low, high = metric.interval(np.array([0.2, np.nan]), low, high)
    np.testing.assert_array_equal(low, [0.1, np.nan])
    np.testing.assert_array_equal(high, [0.3, np.nan])


def test_the_ubrmse_of_few_independent_rows_is_too_low_by_so_much_as_is_told():
    rng = np.random.default_rng(0)
    for n_rows in (10, 40):
        of_cell = rng.standard_normal((40_000, n_rows)).std(axis=1)
        assert (1 - (of_cell**2).mean()) * n_rows == pytest.approx(1, abs=0.1)
        assert (1 - np.median(of_cell)) * n_rows == pytest.approx(5 / 6, abs=0.1)


@pytest.mark.parametrize("n_rows", [12, 20])
def test_the_interval_of_the_ubrmse_of_few_rows_reaches_up_to_the_truth(n_rows):
    """Percentiles alone hold it in 81 and 86 % of cells."""
    rng = np.random.default_rng(0)
    n_cells, truth = 1500, 0.6
    observed = rng.standard_normal((1, n_cells * n_rows))
    predicted = observed + truth * rng.standard_normal(observed.shape)
    time = np.datetime64("2010-01-01") + np.tile(4 * np.arange(n_rows), n_cells)
    cell = np.repeat(np.arange(n_cells), n_rows)
    _, scores = score_each_cell(observed, predicted, {}, time, cell, metrics=["ubrmse"], key=0)
    low, high = (end[~np.isnan(scores.low[:, 0, 0]), 0, 0] for end in (scores.low, scores.high))
    assert len(low) > 0.6 * n_cells
    assert np.mean((low <= truth) & (truth <= high)) > 0.91


@pytest.mark.parametrize("score", [score_outputs, score_each_cell])
@pytest.mark.parametrize(("share", "n_cells"), [(1.0, 1), (0.0, 1), (0.9, 1), (1.0, 3)])
def test_where_all_rows_lie_within_their_intervals_or_none_there_is_nothing_to_draw_from(score, share, n_cells):
    observed, predicted, _, time, cell = rows(*[300] * n_cells)
    within = (np.random.default_rng(1).random(observed.shape) < share).astype(float)
    scores = score(observed, predicted, {}, time, cell=cell, metrics=["coverage"], key=0, within=within)
    scores = scores[1] if isinstance(scores, tuple) else scores
    assert scores.value == pytest.approx(within.mean())
    assert np.isnan(scores.low).all() == np.isnan(scores.high).all() == (share != 0.9)


@pytest.mark.parametrize("scored", [of_partition, of_all])
def test_n_counts_also_the_rows_of_cells_that_a_score_over_time_leaves_out(scored):
    many, few = 200, MIN_ROWS - 1
    given = rows(many, few, few)
    scores = scored(*given)
    observed, predicted, *_, cell = given
    alone = get_metric("r").function(moments(observed[0, cell == 0], predicted[0, cell == 0]))
    assert scores.value.ravel()[METRICS.index("r")] == pytest.approx(float(alone))
    assert scores.n.ravel().tolist() == [many + 2 * few]
