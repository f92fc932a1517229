"""Coverage of intervals: near the level on rows that did not calibrate them, and blind for the fold that is judged."""

import numpy as np
import pytest

from motrain_app.operators.calibration import calibrate, offsets_without
from motrain_app.operators.seasons import season_of
from motrain_app.skill import held_out_coverage, judge_folds

DAYS = np.arange("2000-01-01", "2010-01-01", dtype="datetime64[D]")
YEAR = DAYS.astype("datetime64[Y]").astype(int) - 30


def ar1(phi, shape, random):
    """Noise of variance 1 that remembers, along the last axis."""
    noise = random.standard_normal(shape)
    for day in range(1, shape[-1]):
        noise[..., day] = phi * noise[..., day - 1] + np.sqrt(1 - phi**2) * noise[..., day]
    return noise


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8, 0.9])
def test_nine_tenths_of_withheld_rows_lie_within_the_interval_of_nine_tenths(phi):
    """Errors that last 1 to 19 days, over the forty seasons of ten years; in each of sixty replicates."""
    random = np.random.default_rng(1)
    residual = ar1(phi, (60, len(DAYS)), random)
    residual *= np.array([1, 2, 1, 0.5])[season_of(DAYS)]
    assert min(calibrate(residual, DAYS).effective[:, 4]) >= 40
    within, pooled = judge_folds(residual, DAYS, YEAR, level=0.9)
    assert not pooled.any()
    coverage = np.array([within[:, season_of(DAYS) == season].mean(axis=1) for season in range(4)])
    assert within.mean(axis=1).min() >= 0.87
    assert within.mean(axis=1).max() <= 0.93
    assert (abs(coverage.mean(axis=1) - 0.9) < 0.02).all()


@pytest.mark.slow
def test_the_intervals_of_an_ensemble_hold_a_test_that_no_member_saw():
    """Linear members of leave-one-year-out, their mean judged on ten further years: what an operator is used for."""
    random = np.random.default_rng(2)
    shares = []
    for _ in range(100):
        x = np.stack([np.ones(len(DAYS)), *random.standard_normal((4, len(DAYS)))])
        error = ar1(0.8, (len(DAYS),), random) * np.array([1, 2, 1, 0.5])[season_of(DAYS)]
        y = np.array([1.0, 2, -1, 0.5, 0]) @ x + error
        fits = [np.linalg.lstsq(x[:, k != YEAR].T, y[k != YEAR], rcond=None)[0] for k in range(10)]
        withheld = y - np.einsum("ti,it->t", np.array(fits)[YEAR], x)
        quantiles = calibrate(withheld[None], DAYS)
        new = np.stack([np.ones(len(DAYS)), *random.standard_normal((4, len(DAYS)))])
        later = ar1(0.8, (len(DAYS),), random) * np.array([1, 2, 1, 0.5])[season_of(DAYS)]
        observed = np.array([1.0, 2, -1, 0.5, 0]) @ new + later
        low, high = quantiles.around((np.mean(fits, axis=0) @ new)[:, None], season_of(DAYS), 0.9)
        shares.append(((low[:, 0] <= observed) & (observed <= high[:, 0])).mean())
    assert 0.89 < np.mean(shares) < 0.91
    assert np.mean([0.87 < share < 0.93 for share in shares]) > 0.95  # one test of ten years scatters by 0.012


def test_a_folds_rows_replaced_by_noise_leave_the_quantiles_that_judge_it_bit_identical():
    random = np.random.default_rng(3)
    residual = random.standard_normal((2, len(DAYS))).astype(np.float32)
    noisy = residual.copy()
    noisy[:, YEAR == 4] = 50 * random.standard_normal((2, (YEAR == 4).sum()))
    (folds, *before), (_, *after) = (offsets_without(one, DAYS, YEAR, 0.9) for one in (residual, noisy))
    assert folds == list(range(10))
    same = [
        all(one[fold].tobytes() == other[fold].tobytes() for one, other in zip(before, after, strict=True))
        for fold in folds
    ]
    assert same == [fold == 4 for fold in range(10)]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_fold_is_judged_by_what_calibrating_on_the_others_alone_gives(level):
    residual = np.random.default_rng(3).standard_normal((2, len(DAYS))).astype(np.float32)
    residual[1, season_of(DAYS) == 2] = np.nan
    _, offsets, pooled = offsets_without(residual, DAYS, YEAR, level)
    for fold in range(10):
        rest = calibrate(residual[:, fold != YEAR], DAYS[fold != YEAR])
        np.testing.assert_array_equal(offsets[fold], rest.offsets(level))
        np.testing.assert_array_equal(pooled[fold], rest.pooled(level))


def test_a_fold_that_is_worse_than_the_others_shows():
    random = np.random.default_rng(4)
    residual = random.standard_normal((1, len(DAYS)))
    residual[:, YEAR == 4] *= 5
    within, _ = judge_folds(residual, DAYS, YEAR, level=0.9)
    assert within[:, YEAR == 4].mean() < 0.4
    assert within[:, YEAR != 4].mean() > 0.88


def test_rows_are_judged_by_the_quantiles_of_their_season():
    random = np.random.default_rng(5)
    residual = random.standard_normal((1, len(DAYS))) * np.where(season_of(DAYS) == 0, 10, 1)
    for level in (0.6, 0.9):
        found = held_out_coverage(residual, DAYS, YEAR, level=level, key=0)
        np.testing.assert_allclose(found.value, level, atol=0.03)


def test_coverage_is_the_share_of_rows_with_its_interval_and_number():
    random = np.random.default_rng(6)
    residual = random.standard_normal((2, len(DAYS)))
    residual[1, ::2] = np.nan
    found = held_out_coverage(residual, DAYS, YEAR, level=0.8, key=0)
    within, _ = judge_folds(residual, DAYS, YEAR, level=0.8)
    assert found.value.shape == (2, 5)
    for output in range(2):
        for season in range(4):
            mine = within[output, season_of(DAYS) == season]
            assert found.n[output, season] == np.isfinite(mine).sum()
            assert found.value[output, season] == np.nanmean(mine)
        assert found.value[output, 4] == np.nanmean(within[output])
    assert (found.n[:, :4].sum(axis=1) == found.n[:, 4]).all()
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()
    assert (found.effective <= found.n).all()
    assert not found.pooled.any()


def test_the_interval_of_coverage_is_wider_where_errors_last():
    """And as wide as the coverage scatters: the standard deviation is known for independent rows."""
    random = np.random.default_rng(7)
    widths = []
    for phi in (0.0, 0.95):
        found = held_out_coverage(ar1(phi, (1, len(DAYS)), random), DAYS, YEAR, level=0.9, key=0)
        widths.append(float(found.high[0, 4] - found.low[0, 4]))
    assert widths[0] == pytest.approx(2 * 1.96 * np.sqrt(0.09 / len(DAYS)), rel=0.2)
    assert widths[1] > 2 * widths[0]


def test_the_same_key_gives_the_same_interval():
    residual = np.random.default_rng(8).standard_normal((1, len(DAYS)))
    one, same, other = (held_out_coverage(residual, DAYS, YEAR, level=0.9, key=key) for key in ((1, 2), (1, 2), 3))
    np.testing.assert_array_equal(one.low, same.low)
    assert (one.low != other.low).any()


def test_a_season_without_quantiles_of_its_own_is_judged_by_the_year_and_says_so():
    residual = np.random.default_rng(9).standard_normal((1, len(DAYS)))
    residual[0, (season_of(DAYS) == 2) & (DAYS.astype(int) % 90 > 0)] = np.nan
    found = held_out_coverage(residual, DAYS, YEAR, level=0.9, key=0)
    assert found.pooled[0, :4].tolist() == [0, 0, 1, 0]
    assert 0 < found.pooled[0, 4] < 0.01
    assert np.isnan([found.low[0, 2], found.high[0, 2]]).all()  # a dozen rows


def test_without_intervals_there_is_no_coverage():
    residual = np.random.default_rng(10).standard_normal((1, 30))
    found = held_out_coverage(residual, DAYS[:30], np.arange(30) // 10, level=0.9, key=0)
    assert np.isnan([found.value, found.low, found.high, found.pooled]).all()
    assert not found.n.any()
    assert not found.effective.any()


def test_where_every_row_lies_within_there_is_nothing_to_draw_an_interval_from():
    residual = np.tile(np.array([-1.0, 1.0]), len(DAYS) // 2 + 1)[None, : len(DAYS)]
    found = held_out_coverage(residual, DAYS, YEAR, level=0.9, key=0)
    assert (found.value == 1).all()
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
