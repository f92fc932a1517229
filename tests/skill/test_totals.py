"""Totals over cells beside plain NumPy: each cell counts by its area, taken in whatever pieces."""

from dataclasses import replace

import numpy as np
import pytest

from motrain_app.skill import (
    BestBaselines,
    Piece,
    Totals,
    bias,
    bootstrap,
    day_of_year,
    get_metric,
    metric,
    metric_names,
    moments,
    moments_by_group,
    mse_difference,
    rmse,
    score_outputs,
    season_harmonics,
    skill,
)
from motrain_app.skill.registry import _REGISTRY

METRICS = (*metric_names(), "r_pooled", "skill_over_mean")
AT = {name: index for index, name in enumerate(METRICS)}
BASELINES = ("mean", "climatology")
TIME = np.datetime64("2010-01-01") + np.arange(4 * 365)


def rows(n_cells=7, seed=0, gaps=True):
    """Two outputs over cells with rows of very different number, in an order that mixes cells."""
    rng = np.random.default_rng(seed)
    cell = np.repeat(np.arange(n_cells), len(TIME))
    time = np.tile(np.arange(len(TIME)), n_cells)
    kept = rng.random(len(cell)) < (0.05 + 0.9 * cell / n_cells if gaps else 1)
    cell, time = cell[kept], time[kept]
    observed = np.stack([285 + 5 * rng.standard_normal(len(cell)), 0.01 * rng.standard_normal(len(cell))])
    size = np.array([[5.0], [0.01]])
    predicted = observed + size * (0.1 + 0.05 * cell + 0.5 * rng.standard_normal(observed.shape))
    baselines = np.stack([np.broadcast_to([[285.0], [0.0]], observed.shape), observed + size * 0.8])
    if gaps:
        observed[1, :50], predicted[0, -70:] = np.nan, np.nan
    return Piece(observed, predicted, baselines, TIME[time], cell, np.zeros(len(cell), int))


def split(piece, n_pieces):
    """The same rows, cell by cell in some pieces."""
    for cells in np.array_split(np.unique(piece.cell)[::-1], n_pieces):
        yield take(piece, np.isin(piece.cell, cells))


def take(piece, kept):
    return Piece(
        piece.observed[:, kept], piece.predicted[:, kept], piece.baselines[..., kept], piece.time[kept],
        piece.cell[kept], piece.group[kept], None if piece.within is None else piece.within[:, kept],
    )  # fmt: skip


def total(piece, *, area=None, metrics=METRICS, n_groups=1, n_pieces=1, replicates=0, key=0, baselines=BASELINES):
    area = np.ones(int(piece.cell.max()) + 1) if area is None else area
    finder = BestBaselines(area, n_groups=n_groups, n_outputs=len(piece.observed), n_baselines=len(baselines))
    for part in split(piece, n_pieces):
        finder.add(part)
    days = (TIME[0], TIME[-1])
    totals = Totals(
        area, days, n_groups=n_groups, metrics=metrics, baselines=baselines, best=finder.best(),
        sampled=finder.sampled(),
    )  # fmt: skip
    for part in split(piece, n_pieces):
        totals.add(part)
    return totals.scores(key=key, replicates=replicates)


def cell_means(values, cell):
    return np.array([np.nanmean(values[cell == number]) for number in np.unique(cell)])


def test_errors_are_area_weighted_means_over_cells_and_not_over_rows():
    piece, area = rows(), np.cos(np.deg2rad(np.arange(7) * 12.0))
    scores = total(piece, area=area)
    for output in range(2):
        error = piece.predicted[output] - piece.observed[output]
        rmse = np.sqrt(np.average(cell_means(error**2, piece.cell), weights=area))
        np.testing.assert_allclose(scores.value[0, output, AT["rmse"]], rmse, rtol=1e-12)
        bias = np.average(cell_means(error, piece.cell), weights=area)
        np.testing.assert_allclose(scores.value[0, output, AT["bias"]], bias, rtol=1e-10)
        mae = np.average(cell_means(np.abs(error), piece.cell), weights=area)
        np.testing.assert_allclose(scores.value[0, output, AT["mae"]], mae, rtol=1e-12)
        assert abs(np.sqrt(np.nanmean(error**2)) / rmse - 1) > 0.01  # what a mean over rows would say
        assert scores.n[0, output] == scores.value[0, output, AT["n"]] == np.isfinite(error).sum()


def test_of_a_baseline_with_gaps_cells_count_by_their_area_as_well():
    """Also where it has few rows of a cell: in its skill, its p-value and interval, and in its own errors."""
    piece, area = rows(), np.cos(np.deg2rad(np.arange(7) * 12.0))
    gaps = np.random.default_rng(8).random(piece.baselines.shape) < np.linspace(0.95, 0.0, 7)[piece.cell]
    grows = np.array([[5.0], [0.01]]) * (0.4 + 0.05 * piece.cell)  # else no weight of cells would change its errors
    baselines = np.stack([piece.baselines[0], piece.observed + 2 * grows, piece.observed + grows])
    piece = replace(piece, baselines=np.where(gaps[[0, 1, 1]], np.nan, baselines))
    names = ("mean", "reference", "climatology")
    metrics = ("rmse", "bias", "skill", *(f"skill_over_{name}" for name in names))
    scores = total(piece, area=area, metrics=metrics, n_pieces=3, replicates=300, baselines=names)
    for output in range(2):
        best = int(scores.baseline[0, output])
        assert best == 2
        for number, place in [(best, 2), (0, 3), (1, 4), (2, 5)]:
            beside = piece.baselines[number, output] - piece.observed[output]
            error = np.where(np.isnan(beside), np.nan, piece.predicted[output] - piece.observed[output])
            beside = np.where(np.isnan(error), np.nan, beside)
            mse = [np.average(cell_means(one**2, piece.cell), weights=area) for one in (error, beside)]
            np.testing.assert_allclose(scores.value[0, output, place], 1 - mse[0] / mse[1], rtol=1e-10)
            assert abs(1 - np.nanmean(error**2) / np.nanmean(beside**2) - scores.value[0, output, place]) > 0.01
            low, high = scores.low[0, output, place], scores.high[0, output, place]
            assert low < scores.value[0, output, place] < high
        # Of the best baseline the errors themselves.
        np.testing.assert_allclose(scores.baseline_value[0, output, 0], np.sqrt(mse[1]), rtol=1e-10)
        bias = np.average(cell_means(beside, piece.cell), weights=area)
        np.testing.assert_allclose(scores.baseline_value[0, output, 1], bias, rtol=1e-9)


def test_the_interval_and_p_value_beside_a_baseline_with_gaps_are_those_of_rows_weighted_so():
    piece = rows()
    gaps = np.random.default_rng(8).random(piece.observed.shape) < np.linspace(0.95, 0.0, 7)[piece.cell]
    piece = replace(piece, baselines=np.stack([np.where(gaps, np.nan, piece.baselines[1])]))
    scores = total(piece, metrics=("skill",), baselines=("b",), replicates=300, key=2)
    for output in range(2):
        kept = np.flatnonzero(np.isfinite(piece.observed + piece.predicted + piece.baselines[0])[output])
        cell, day = piece.cell[kept], (piece.time[kept] - TIME[0]).astype(int)
        o, p, b = (values[output, kept] for values in (piece.observed, piece.predicted, piece.baselines[0]))
        weight = (1 / np.bincount(cell))[cell]
        daily = moments_by_group(o, p, day - day.min(), int(np.ptp(day)) + 1, baseline=b, weight=weight)
        found = bootstrap(daily, [skill, mse_difference], length_from=[bias, rmse, skill], replicates=300, rng=2)
        np.testing.assert_allclose(scores.low[0, output, 0], found.low[0], rtol=1e-6)
        np.testing.assert_allclose(scores.high[0, output, 0], found.high[0], rtol=1e-6)
        np.testing.assert_allclose(scores.p[0, 0, output], found.p[1], rtol=1e-4)


def test_coverage_counts_cells_by_their_area_also_where_some_rows_have_no_interval():
    piece, area, rng = rows(), np.arange(1.0, 8), np.random.default_rng(3)
    within = (rng.random(piece.observed.shape) < np.linspace(0.5, 1, 7)[piece.cell]).astype(float)
    within[rng.random(within.shape) < np.linspace(0.9, 0, 7)[piece.cell]] = np.nan
    scores = total(replace(piece, within=within), area=area, metrics=("coverage",))
    for output in range(2):
        there = np.where(np.isfinite(piece.observed + piece.predicted), within, np.nan)[output]
        expected = np.average(cell_means(there, piece.cell), weights=area)
        np.testing.assert_allclose(scores.value[0, output, 0], expected, rtol=1e-12)


def test_scores_over_time_are_medians_over_cells_and_a_pooled_one_is_named_so():
    piece = rows()
    scores = total(piece)
    error = piece.predicted - piece.observed
    for output in range(2):
        of_cell = []
        for number in range(7):
            both = np.stack([piece.observed[output], piece.predicted[output]])[:, piece.cell == number]
            o, p = both[:, np.isfinite(both).all(axis=0)]
            of_cell.append([np.corrcoef(o, p)[0, 1], np.std(p - o), 1 - np.mean((p - o) ** 2) / np.var(o)])
        for name, column in zip(("r", "ubrmse", "r2"), np.transpose(of_cell), strict=True):
            np.testing.assert_allclose(scores.value[0, output, AT[name]], np.median(column), rtol=1e-9)
        there = np.isfinite(error[output])
        weight = (1 / np.bincount(piece.cell[there]))[piece.cell[there]]
        covariance = np.cov(piece.observed[output, there], piece.predicted[output, there], aweights=weight, ddof=0)
        pooled = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        np.testing.assert_allclose(scores.value[0, output, AT["r_pooled"]], pooled, rtol=1e-9)


def test_pooled_anomalies_count_cells_by_their_area_and_not_by_their_rows():
    piece, area = take(rows(), rows().cell > 0), np.arange(7.0, 0, -1)  # the first has too few rows for a season
    worse = np.random.default_rng(2).standard_normal(piece.observed.shape) * np.array([[5.0], [0.01]]) * piece.cell
    piece = replace(piece, predicted=piece.predicted + worse)
    found = total(piece, area=area, metrics=("anomaly_r_pooled",), n_pieces=3).value[0, :, 0]
    for output in range(2):
        there = np.isfinite(piece.observed[output] + piece.predicted[output])
        cell, features = piece.cell[there], season_harmonics(day_of_year(piece.time[there]), 2).T
        left = np.stack([piece.observed[output, there], piece.predicted[output, there]])
        for mine in (cell == number for number in range(1, 7)):
            left[:, mine] -= (features[mine] @ np.linalg.lstsq(features[mine], left[:, mine].T)[0]).T
        for weight, same in ((area[cell] / np.bincount(cell)[cell], True), (np.ones(len(cell)), False)):
            covariance = np.cov(left, aweights=weight, ddof=0)
            pooled = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
            assert (abs(found[output] - pooled) < 1e-9) == same
            assert same or abs(found[output] - pooled) > 0.01


def test_of_equally_many_rows_a_cell_the_total_is_what_a_partition_of_these_cells_scores():
    piece = rows(gaps=False)
    within = (np.random.default_rng(5).random(piece.observed.shape) < 0.88).astype(float)
    piece = replace(piece, within=within)
    beside = dict(zip(BASELINES, piece.baselines, strict=True))
    options = {"metrics": METRICS, "key": 3, "replicates": 300}
    expected = score_outputs(
        piece.observed, piece.predicted, beside, piece.time, cell=piece.cell, within=within, **options
    )
    scores = total(piece, replicates=300, key=3, n_pieces=3)
    np.testing.assert_allclose(scores.value[0], expected.value, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(scores.baseline[0], expected.baseline)
    beside_best = slice(0, AT["skill_over_mean"])  # over the mean the other baseline is no opponent
    np.testing.assert_allclose(
        scores.baseline_value[0, :, beside_best], expected.baseline_value[:, beside_best], rtol=1e-8, atol=1e-10
    )
    wide, expected_wide = scores.high[0] - scores.low[0], expected.high - expected.low
    np.testing.assert_array_equal(np.isnan(wide), np.isnan(expected_wide))
    known = np.isfinite(wide)
    np.testing.assert_allclose(wide[known], expected_wide[known], rtol=0.05)


def test_the_pieces_in_which_rows_come_do_not_matter():
    piece = rows()
    one, many = total(piece, replicates=50), total(piece, replicates=50, n_pieces=5)
    np.testing.assert_allclose(one.pack(), many.pack(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_pieces", [1, 4])
@pytest.mark.parametrize("place", [0, -1])
def test_one_absurd_row_leaves_the_scores_of_other_groups_as_they_are(n_pieces, place):
    """Whether it comes with the first rows or the last: of observed, predicted or a baseline."""
    piece = rows()
    season = (piece.time.astype("datetime64[M]").astype(int) + 1) % 12 // 3
    piece = replace(piece, group=season)
    spoilt = replace(piece, predicted=piece.predicted.copy(), baselines=piece.baselines.copy())
    absurd = np.flatnonzero((season == 2) & np.isfinite(piece.observed + piece.predicted).all(axis=0))[place]
    spoilt.predicted[:, absurd] = 1e12
    spoilt.baselines[:, :, absurd] = -1e13
    options = {"n_groups": 4, "n_pieces": n_pieces, "replicates": 100}
    before, after = (total(one, **options) for one in (piece, spoilt))
    assert (after.value[2, :, AT["rmse"]] > 1e6).all()
    for name in ("value", "low", "high", "baseline_value", "block_days"):
        found, expected = (getattr(one, name)[[0, 1, 3]] for one in (after, before))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


def test_of_one_cell_the_total_has_the_intervals_of_its_partition():
    """Its errors forget within days; those of a baseline last for weeks, which blocks of days are to hold."""
    rng = np.random.default_rng(6)
    piece = rows(1, gaps=False)
    observed, predicted = (285 + 5 * rng.standard_normal((1, len(piece.time))) for _ in range(2))
    slow = np.convolve(rng.standard_normal(len(TIME) + 59), np.ones(60) / 8, "valid")
    slow = slow[(piece.time - TIME[0]).astype(int)]
    baselines = np.stack([np.full(observed.shape, 285.0), observed + 20 * slow, observed + 30 * slow])
    baselines[2, 0, ::3] = np.nan
    names = ("mean", "slow", "gappy")
    metrics = (*metric_names(), "skill_over_mean", "skill_over_slow", "skill_over_gappy")
    metrics = tuple(name for name in metrics if name not in ("coverage", "n_effective"))
    piece = Piece(observed, predicted, baselines, piece.time, piece.cell, piece.group)
    options = {"metrics": metrics, "key": 3, "replicates": 300}
    expected = score_outputs(observed, predicted, dict(zip(names, baselines, strict=True)), piece.time, **options)
    scores = total(piece, baselines=names, **options)
    assert expected.block_days[0] > 20
    np.testing.assert_allclose(scores.block_days[0], expected.block_days)
    np.testing.assert_allclose(scores.blocks[0], expected.blocks)
    for name in ("value", "low", "high"):
        np.testing.assert_allclose(getattr(scores, name)[0], getattr(expected, name), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(scores.p[0], expected.p, rtol=1e-3, atol=1e-12)


def test_groups_are_scored_by_their_own_rows():
    piece = rows()
    season = (piece.time.astype("datetime64[M]").astype(int) + 1) % 12 // 3
    group = np.where(season == 3, -1, season)
    grouped = replace(piece, group=group)
    scores = total(grouped, n_groups=3, n_pieces=2)
    for number in range(3):
        alone = total(take(piece, season == number))
        np.testing.assert_allclose(scores.value[number], alone.value[0], rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(scores.n[number], alone.n[0])


def test_the_best_baseline_of_a_group_is_that_of_the_lowest_weighted_error_and_one_with_gaps_gives_way():
    piece = rows()
    scores = total(piece)
    np.testing.assert_array_equal(scores.baseline[0], [1, 1])
    mse = cell_means((piece.baselines[1, 0] - piece.observed[0])[np.isfinite(piece.predicted[0])] ** 2,
                     piece.cell[np.isfinite(piece.predicted[0])])  # fmt: skip
    np.testing.assert_allclose(scores.baseline_value[0, 0, AT["rmse"]], np.sqrt(mse.mean()), rtol=1e-9)
    np.testing.assert_allclose(scores.baseline_value[0, :, AT["skill"]], 0, atol=1e-12)
    piece.baselines[1, 0, 500] = np.nan
    assert total(piece).baseline[0, 0] == 0


def test_the_best_baseline_is_that_of_the_cells_with_the_largest_area_and_not_of_the_most_cells():
    """The first errs by less in six small cells, the second in a large one, however few rows it has."""
    piece = rows(gaps=False)
    piece = take(piece, (piece.cell > 0) | (piece.time < TIME[100]))
    first, second = np.where(piece.cell == 0, [[8.0], [0.08]], [[2.0], [0.02]]), np.array([[4.0], [0.04]])
    piece = replace(piece, baselines=np.stack([piece.observed + first, piece.observed + second]))
    large = np.r_[20.0, np.ones(6)]
    for area, best in ((large, 1), (np.ones(7), 0)):
        for n_pieces in (1, 3):
            assert (total(piece, area=area, metrics=("rmse", "skill"), n_pieces=n_pieces).baseline == best).all()


def test_rows_are_worth_as_many_independent_ones_whatever_their_cells_count():
    """As of the rows of a partition: the effective number is of rows, which no weight makes more or fewer."""
    piece, at = rows(), METRICS.index("n_effective")
    slow = np.convolve(np.random.default_rng(9).standard_normal(len(TIME) + 29), np.ones(30) / 5, "valid")
    shared = np.array([[5.0], [0.01]]) * slow[(piece.time - TIME[0]).astype(int)]
    piece = replace(piece, predicted=piece.predicted + shared)
    beside = dict(zip(BASELINES, piece.baselines, strict=True))
    options = {"metrics": METRICS, "key": 0, "replicates": 0}
    rows_alone = score_outputs(piece.observed, piece.predicted, beside, piece.time, cell=piece.cell, **options)
    for area in (np.ones(7), np.r_[100.0, np.ones(6)]):
        found = total(piece, area=area, n_pieces=3)
        np.testing.assert_allclose(found.value[0, :, at], rows_alone.value[:, at], rtol=1e-9)
    assert (found.value[0, :, at] < 0.2 * found.n[0]).all()


def test_intervals_hold_the_value_and_shrink_with_the_number_of_cells():
    few, many = (total(rows(n_cells, gaps=False), replicates=300) for n_cells in (3, 60))
    estimates = [AT[name] for name in METRICS if get_metric(name).has_interval and name != "coverage"]
    for scores in (few, many):
        low, value, high = (a[0][:, estimates] for a in (scores.low, scores.value, scores.high))
        assert (low < value).all()
        assert (value < high).all()
    width = [(scores.high - scores.low)[0, 0, AT["rmse"]] for scores in (few, many)]
    assert width[1] < width[0]


def test_every_group_has_cells_for_the_intervals_of_its_medians():
    piece = take(rows(200, gaps=False), np.tile(np.arange(len(TIME)) < 500, 200))
    names = ("ubrmse", "r", "kge")
    group = np.where((piece.cell >= 100) & (piece.cell < 103), 1, 0)
    scores = total(replace(piece, group=group), n_groups=2, metrics=names, replicates=100, n_pieces=4)
    assert (scores.low < scores.value).all()
    assert (scores.value < scores.high).all()
    few = take(piece, group == 1)
    beside = dict(zip(BASELINES, few.baselines, strict=True))
    options = {"metrics": names, "key": 0, "replicates": 100}
    alone = score_outputs(few.observed, few.predicted, beside, few.time, cell=few.cell, **options)
    np.testing.assert_allclose(scores.low[1], alone.low, rtol=1e-6)
    np.testing.assert_allclose(scores.high[1], alone.high, rtol=1e-6)


def test_at_most_64_cells_of_a_group_are_kept_and_those_that_have_rows_of_the_output():
    piece = rows(150)
    piece.observed[1, piece.cell % 2 == 0] = np.nan
    finder = BestBaselines(np.ones(150), n_groups=2, n_outputs=2, n_baselines=2)
    for part in split(replace(piece, group=np.where(piece.cell < 10, 1, 0)), 3):
        finder.add(part)
    for output, of_output in enumerate(finder.sampled()):
        group, cell = np.divmod(of_output, 150)
        assert (np.diff(of_output) > 0).all()
        assert (group == np.where(cell < 10, 1, 0)).all()
        assert (np.bincount(group) == [64, 10 // (1 + output)]).all()
        assert output == 0 or (cell % 2 == 1).all()
        assert cell.max() == 149


def test_under_ten_blocks_there_is_no_interval():
    piece = rows()
    scores = total(take(piece, piece.time < TIME[6]), replicates=100)
    assert np.isfinite(scores.value[0, :, AT["rmse"]]).all()
    assert np.isnan(scores.low).all()


def test_a_p_value_is_small_where_the_baseline_is_worse_and_uniform_where_it_is_alike():
    rng = np.random.default_rng(4)
    observed = rng.standard_normal((1, 7 * len(TIME)))
    cell, time = np.repeat(np.arange(7), len(TIME)), np.tile(TIME, 7)
    alike, worse = observed + rng.standard_normal(observed.shape), observed + 2 * rng.standard_normal(observed.shape)
    predicted = observed + rng.standard_normal(observed.shape)
    zero = np.zeros(len(cell), int)
    options = {"baselines": ("b",), "replicates": 300, "metrics": ("skill",)}
    pieces = [Piece(observed, predicted, b[None], time, cell, zero) for b in (worse, alike)]
    p = [total(piece, **options).p.item() for piece in pieces]
    assert p[0] < 1e-6
    assert 0.02 < p[1] <= 1


def test_no_median_over_all_cells_hides_an_infinite_prediction():
    piece = rows()
    piece = replace(piece, within=(np.random.default_rng(5).random(piece.observed.shape) < 0.88).astype(float))
    predicted = piece.predicted.copy()
    predicted[0, np.flatnonzero(np.isfinite(piece.observed[0] + predicted[0]))[3]] = np.inf
    names = ("rmse", "r", "ubrmse", "spearman", "coverage")
    before, after = (total(one, metrics=names, replicates=100) for one in (piece, replace(piece, predicted=predicted)))
    assert np.isfinite(before.value).all()
    assert not np.isfinite(after.value[0, 0, :3]).any()
    assert np.isfinite(after.value[0, 0, 3:]).all()
    assert np.isnan(after.low[0, 0]).all()  # as in a partition: there is nothing to tell the length of blocks from
    assert np.isfinite(before.low[0, 0]).all()
    np.testing.assert_array_equal(after.value[0, 1], before.value[0, 1])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("bias_of_others", [-0.5, 0.5])
def test_an_infinite_prediction_makes_errors_infinite_and_skill_minus_infinite(value, bias_of_others):
    piece = rows(gaps=False)
    predicted = piece.observed + bias_of_others
    predicted[0, 700] = value
    scores = total(replace(piece, predicted=predicted), metrics=("bias", "mae", "rmse", "skill"))
    assert scores.value[0, 0].tolist() == [value, np.inf, np.inf, -np.inf]
    np.testing.assert_allclose(scores.value[0, 1, :3], [bias_of_others, 0.5, 0.5])


@pytest.mark.parametrize("kept", [0, 1])
def test_hardly_any_rows_are_scored_without_complaint(kept):
    piece = take(rows(), np.arange(len(rows().cell)) < kept)
    area, best = np.ones(7), np.full((1, 2), -1)
    totals = Totals(
        area,
        (TIME[0], TIME[-1]),
        n_groups=1,
        metrics=METRICS,
        baselines=BASELINES,
        best=best,
        sampled=[np.arange(7)] * 2,
    )
    totals.add(piece)
    scores = totals.scores(key=0)
    there = np.isfinite(piece.observed) & np.isfinite(piece.predicted)
    assert kept == 0 or there.any()
    np.testing.assert_array_equal(scores.n, there.sum(axis=1)[None])
    assert np.isnan(scores.low).all()


def test_the_moments_of_metrics_that_a_user_registers_are_the_weighted_ones():
    piece, area = rows(), np.arange(1.0, 8)
    there = np.isfinite(piece.observed[0]) & np.isfinite(piece.predicted[0])
    weight = (area / np.bincount(piece.cell[there], minlength=7))[piece.cell[there]]
    expected = moments(piece.observed[0, there], piece.predicted[0, there], weight=weight)
    value = total(piece, area=area, metrics=("r_pooled", "sd_ratio_pooled")).value[0, 0]
    np.testing.assert_allclose(value, [get_metric("r").function(expected), get_metric("sd_ratio").function(expected)])


def test_a_metric_that_a_user_registers_may_be_of_time_and_beside_a_baseline(monkeypatch):
    """As in a partition: the median over cells, and 0 of the best baseline, which is beside itself."""
    monkeypatch.setattr("motrain_app.skill.registry._REGISTRY", dict(_REGISTRY))

    @metric(best=1.0, direction="max", unit="none", needs_baseline=True, temporal=True)
    def cell_skill(m):
        return 1 - m.mse / m.baseline_mse

    piece, names = rows(gaps=False), ("rmse", "cell_skill", "cell_skill_pooled")
    scores = total(piece, metrics=names, replicates=200, n_pieces=3)
    beside = dict(zip(BASELINES, piece.baselines, strict=True))
    alone = score_outputs(
        piece.observed, piece.predicted, beside, piece.time, cell=piece.cell, metrics=names, key=0, replicates=200
    )
    for name in ("value", "baseline_value"):
        np.testing.assert_allclose(getattr(scores, name)[0], getattr(alone, name), rtol=1e-9, atol=1e-12)
    assert (scores.baseline_value[0, :, 1] == 0).all()
    np.testing.assert_allclose(scores.low[0], alone.low, rtol=0.05)
    np.testing.assert_allclose(scores.high[0], alone.high, rtol=0.05)
    of_cells = [
        1 - np.mean((p - o) ** 2) / np.mean((b - o) ** 2)
        for o, p, b in (
            (piece.observed[0, at], piece.predicted[0, at], piece.baselines[1, 0, at])
            for at in (piece.cell == number for number in range(7))
        )
    ]
    assert scores.value[0, 0, 1] == pytest.approx(np.median(of_cells))


def test_constant_observations_have_neither_anomalies_nor_a_baseline_that_errs():
    piece = rows()
    constant = np.broadcast_to([[285.3], [-12.3]], piece.observed.shape)
    piece = replace(piece, observed=constant.copy(), baselines=np.stack([constant, constant * (1 + 1e-14)]))
    scores = total(piece, replicates=100)
    undefined = [
        name for name in METRICS if get_metric(name).association or name.startswith(("r2", "sd_ratio", "skill"))
    ]
    assert {"r", "spearman", "kge", "anomaly_r", "r_pooled"} < set(undefined)
    for name in undefined:
        for found in (scores.value, scores.low, scores.high):
            assert np.isnan(found[..., AT[name]]).all()
    assert np.isnan(scores.p).all()
    assert np.isfinite(scores.low[..., AT["rmse"]]).all()


def test_a_baseline_without_error_has_no_skill_over_itself():
    piece = rows()
    baselines = np.stack([piece.observed.astype(float), piece.baselines[1]])
    scores = total(replace(piece, baselines=baselines), metrics=("skill_over_mean", "skill_over_climatology"))
    assert np.isnan(scores.baseline_values[0, 0, :, 0]).all()
    np.testing.assert_array_equal(scores.baseline_values[0, 1, :, 1], 0.0)


@pytest.mark.parametrize("name", ["climatology", "shared_climatology"])
def test_a_season_has_no_anomaly_correlation_over_all_cells(name):
    for called, degenerate in ((name, True), ("ridge", False)):
        scores = total(rows(), metrics=("r", "anomaly_r"), baselines=("mean", called))
        assert (scores.baseline == 1).all()
        known = np.isfinite(scores.baseline_value)
        assert known[..., 0].all()
        assert (known[..., 1] != degenerate).all()
