import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.skill import DAYS_PER_YEAR, fit_climatology, season_harmonics

YEARS, CELLS, OUTPUTS = 6, 4, 3


def dataset(seed=0, *, gaps=0.3, years=YEARS, cells=CELLS):
    """Rows of irregular days, in which each output has gaps of its own."""
    rng = np.random.default_rng(seed)
    n = 250 * years * cells
    day, cell, year = rng.uniform(1, 366, n), rng.integers(0, cells, n), rng.integers(0, years, n)
    offset = np.array([[-12.0], [0.1], [285.0]])
    values = offset + rng.standard_normal((OUTPUTS, n)) + np.cos(2 * np.pi * day / DAYS_PER_YEAR) * (1 + cell)
    values[rng.random((OUTPUTS, n)) < gaps] = np.nan
    return values, day, cell, year


def leave_one_out(years=YEARS):
    return ~np.eye(years, dtype=bool)


def test_the_phase_returns_after_a_year_of_the_gregorian_calendar():
    day = np.array([1.0, 91.0, 300.0])
    np.testing.assert_allclose(season_harmonics(day, 3), season_harmonics(day + 4 * 365.2425, 3), atol=1e-12)


def test_known_harmonics_are_recovered():
    rng = np.random.default_rng(1)
    day = rng.uniform(1, 366, 3000)
    cell, year = rng.integers(0, 2, 3000), rng.integers(0, 5, 3000)
    truth = np.array([[10.0, 3.0, -1.0, 0.5, 0.25], [-2.0, 0.0, 2.0, -0.5, 0.0]])
    values = np.einsum("rk,kr->r", truth[cell], season_harmonics(day, 2))
    fit = fit_climatology(values, day, cell, year, leave_one_out(5), 2)
    assert fit.harmonics == 2
    assert not fit.pooled.any()
    for member in range(5):
        np.testing.assert_allclose(fit.coefficients[member, 0], truth, atol=1e-11)
    np.testing.assert_allclose(fit.predict(day, cell, year)[0], values, atol=1e-10)


@pytest.mark.parametrize("harmonics", [0, 1, 2, 3])
def test_it_equals_least_squares_for_each_member_output_and_cell(harmonics):
    values, day, cell, year = dataset()
    # Members that leave a year out, and one that trains on all: the atoms need not be folds.
    train = np.concatenate([leave_one_out(), np.ones((1, YEARS), bool)])
    fit = fit_climatology(values, day, cell, year, train, CELLS, harmonics=harmonics)
    features = season_harmonics(day, harmonics)
    assert fit.coefficients.shape == (YEARS + 1, OUTPUTS, CELLS, 1 + 2 * harmonics)
    for member in range(YEARS + 1):
        for output in range(OUTPUTS):
            for c in (*range(CELLS), -1):
                rows = train[member, year] & np.isfinite(values[output]) & ((cell == c) | (c < 0))
                expected = np.linalg.lstsq(features[:, rows].T, values[output, rows])[0]
                ours = fit.coefficients[member, output, c] if c >= 0 else fit.partition[member, output]
                np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_without_harmonics_it_is_the_mean_of_the_training_rows():
    values, day, cell, year = dataset()
    fit = fit_climatology(values, day, cell, year, leave_one_out(), CELLS, harmonics=0)
    predicted = fit.predict(day, cell, year)
    rows = (cell == 2) & (year != 3)
    mine = (cell == 2) & (year == 3)
    np.testing.assert_allclose(predicted[2, mine], np.nanmean(values[2, rows]), rtol=1e-13)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1.0, 1e6, 1e150, 1e308]), harmonics=st.integers(0, 2))
def test_a_member_does_not_see_the_rows_it_does_not_train_on(seed, scale, harmonics):
    values, day, cell, year = dataset(seed % 5, years=3)
    rng = np.random.default_rng(seed)
    train = leave_one_out(3)
    before = fit_climatology(values, day, cell, year, train, CELLS, harmonics=harmonics)
    for member in range(3):
        noise = scale * rng.uniform(-1, 1, values.shape)
        changed = np.where(train[member, year], values, noise)
        after = fit_climatology(changed, day, cell, year, train, CELLS, harmonics=harmonics)
        np.testing.assert_array_equal(after.coefficients[member], before.coefficients[member])
        np.testing.assert_array_equal(after.partition[member], before.partition[member])
        np.testing.assert_array_equal(after.pooled[member], before.pooled[member])


def test_training_rows_that_overflow_leave_no_climatology():
    values, day, cell, year = dataset(years=2, cells=1)
    values[:, year == 0] = 1e308
    fit = fit_climatology(values, day, cell, year, leave_one_out(2), 1)
    assert np.isnan(fit.coefficients[1]).all()
    assert np.isfinite(fit.coefficients[0]).all()


def test_a_cell_with_few_rows_takes_the_coefficients_of_all_cells():
    values, day, cell, year = dataset(gaps=0.0)
    sparse = cell == 1
    keep = np.flatnonzero(sparse)[:10]
    values[1, sparse] = np.nan
    values[1, keep] = 99.0
    fit = fit_climatology(values, day, cell, year, leave_one_out(), CELLS)
    expected = np.zeros((YEARS, OUTPUTS, CELLS), bool)
    expected[:, 1, 1] = True
    np.testing.assert_array_equal(fit.pooled, expected)
    np.testing.assert_array_equal(fit.coefficients[:, 1, 1], fit.partition[:, 1])
    own = fit_climatology(values, day, cell, year, leave_one_out(), CELLS, min_rows=1)
    assert not own.pooled.any()


def test_a_cell_never_seen_takes_the_coefficients_of_all_cells():
    values, day, cell, year = dataset()
    fit = fit_climatology(values, day, cell, year, leave_one_out(), CELLS)
    unseen = fit.predict(day, np.full_like(cell, -1), 2)
    np.testing.assert_allclose(unseen, fit.partition[2] @ season_harmonics(day, 2), rtol=1e-12)


def test_the_mean_over_members_is_the_mean_of_their_predictions():
    values, day, cell, year = dataset()
    fit = fit_climatology(values, day, cell, year, leave_one_out(), CELLS)
    each = [fit.predict(day, cell, member) for member in range(YEARS)]
    np.testing.assert_allclose(fit.predict(day, cell, -1), np.mean(each, axis=0), rtol=1e-12)


def test_a_member_without_training_rows_has_no_climatology_and_no_part_in_the_mean():
    values, day, cell, year = dataset(years=3)
    train = np.concatenate([leave_one_out(3), np.zeros((1, 3), bool)])
    fit = fit_climatology(values, day, cell, year, train, CELLS)
    assert np.isnan(fit.coefficients[3]).all()
    assert fit.pooled[3].all()
    assert np.isnan(fit.predict(day, cell, 3)).all()
    without = fit_climatology(values, day, cell, year, leave_one_out(3), CELLS)
    np.testing.assert_allclose(fit.predict(day, cell, -1), without.predict(day, cell, -1), rtol=1e-12)


def test_an_output_without_a_value_has_no_climatology():
    values, day, cell, year = dataset()
    values[1] = np.nan
    fit = fit_climatology(values, day, cell, year, leave_one_out(), CELLS)
    assert np.isnan(fit.predict(day, cell, year)[1]).all()
    assert np.isfinite(fit.predict(day, cell, year)[[0, 2]]).all()


def test_annual_data_have_their_mean_on_every_day():
    year = np.arange(40)
    values = np.random.default_rng(5).normal(7, 1, 40)
    fit = fit_climatology(values, np.full(40, 182.0), np.zeros(40, int), year, np.ones((1, 40), bool), 1)
    np.testing.assert_allclose(fit.predict(np.arange(1.0, 367), np.zeros(366, int), 0), values.mean(), atol=1e-9)


@pytest.mark.parametrize("months", [1, 2, 3, 5, 7, 9])
def test_a_missing_season_is_not_filled_with_wild_values(months):
    rng = np.random.default_rng(6)
    day = np.tile(np.arange(1.0, 366), 8)
    year = np.repeat(np.arange(8), 365)
    season = 10 * np.cos(2 * np.pi * (day - 200) / DAYS_PER_YEAR) + np.cos(4 * np.pi * day / DAYS_PER_YEAR)
    noise = np.convolve(rng.standard_normal(len(day) + 29), np.ones(30) / 30**0.5, "valid")
    seen = (day > 90) & (day <= 90 + 30.4 * months)
    fit = fit_climatology(
        np.where(seen, season + noise, np.nan), day, np.zeros(len(day), int), year, leave_one_out(8), 1
    )
    predicted = fit.predict(day, np.zeros(len(day), int), year)[0]
    assert np.abs(predicted).max() < 25
    assert np.sqrt(np.mean((predicted - season)[seen] ** 2)) < 1.0


def test_a_partition_with_few_rows_has_its_mean_and_no_season():
    day = np.array([10.0, 100.0, 190.0, 280.0])
    fit = fit_climatology([1.0, 2.0, 3.0, 4.0], day, np.zeros(4, int), np.arange(4), np.ones((1, 4), bool), 1)
    np.testing.assert_allclose(fit.coefficients[0, 0, 0], [2.5, 0, 0, 0, 0])
    assert fit.pooled.all()


def test_no_rows_no_cells_and_no_members_are_no_error():
    nothing, index = np.empty(0), np.empty(0, int)
    fit = fit_climatology(np.empty((2, 0)), nothing, index, index, np.ones((3, 2), bool), 0)
    assert fit.coefficients.shape == (3, 2, 0, 5)
    assert fit.predict(nothing, index, index).shape == (2, 0)
    values, day, cell, year = dataset()
    fit = fit_climatology(values, day, cell, year, np.empty((0, YEARS), bool), CELLS)
    assert np.isnan(fit.predict(day, cell, -1)).all()


def test_what_does_not_fit_together_is_refused():
    values, day, cell, year = dataset()
    train = leave_one_out()
    with pytest.raises(ValueError, match="cell runs from 0 to 3, but only 0 … 2 exist"):
        fit_climatology(values, day, cell, year, train, 3)
    with pytest.raises(ValueError, match="atom runs from 0 to 5"):
        fit_climatology(values, day, cell, year, train[:, :2], CELLS)
    with pytest.raises(ValueError, match="values have 10 rows"):
        fit_climatology(values[:, :10], day, cell, year, train, CELLS)
    with pytest.raises(ValueError, match="harmonics is -1"):
        fit_climatology(values, day, cell, year, train, CELLS, harmonics=-1)
    fit = fit_climatology(values, day, cell, year, train, CELLS)
    with pytest.raises(ValueError, match="member runs from 6 to 6, but only -1 … 5 exist"):
        fit.predict(day, cell, 6)
    with pytest.raises(ValueError, match="cell runs from -2"):
        fit.predict(day, cell - 2, 0)
