"""The season that cells share about their levels: by least squares with a column a cell, and held against the truth."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.skill import DAYS_PER_YEAR, explained_beyond_season, fit_climatology, season_harmonics

YEARS, STEP = 6, 5
DAY = np.arange(0, YEARS * 365, STEP)


def rows(levels, memory=0.0, seed=0, shared=0.0):
    """One output of cells with these levels, a season that they share, and errors that last; cell, day and year."""
    rng, n_cells = np.random.default_rng(seed), len(levels)
    white = rng.standard_normal((n_cells + 1, len(DAY) + 200)) * np.sqrt(1 - memory**2)
    noise = lfilter([1.0], [1.0, -memory], white, axis=1)[:, 200:]
    noise = np.sqrt(1 - shared) * noise[1:] + np.sqrt(shared) * noise[0]
    cell, day = np.repeat(np.arange(n_cells), len(DAY)), np.tile(DAY, n_cells)
    values = np.repeat(levels, len(DAY)) + 2 * np.cos(2 * np.pi * day / DAYS_PER_YEAR) + noise.ravel()
    return values[None], day % 365 + 1.0, cell, day // 365


def fit(values, day, cell, year, **options):
    return fit_climatology(values, day, cell, year, ~np.eye(YEARS, dtype=bool), int(cell.max()) + 1, **options)


def truth(levels):
    return levels[:, None] + 2 * np.cos(2 * np.pi * DAY / DAYS_PER_YEAR)


def squared_error(fitted, levels, **shared):
    cell = np.repeat(np.arange(len(levels)), len(DAY))
    said = fitted.predict(np.tile(DAY, len(levels)), cell, -1, **shared)[0].reshape(len(levels), -1)
    return ((said - truth(levels)) ** 2).mean()


def test_harmonics_are_those_of_least_squares_with_a_level_of_each_cell():
    values, day, cell, year = rows(10.0 * np.arange(5))
    values[0, 7::11] = np.nan
    found = fit(values, day, cell, year)
    for member in range(YEARS):
        mine = (year != member) & np.isfinite(values[0])
        columns = np.hstack([np.eye(5)[cell[mine]], season_harmonics(day[mine], 2)[1:].T])
        expected = np.linalg.lstsq(columns, values[0, mine])[0]
        np.testing.assert_allclose(found.shared[member, 0, :, 1:], np.broadcast_to(expected[5:], (5, 4)), atol=1e-10)
        # Levels that lie ten apart are no chance.
        np.testing.assert_allclose(found.shared[member, 0, :, 0], expected[:5], atol=0.02)


@pytest.mark.parametrize(("memory", "shared"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.5)])
def test_levels_that_differ_by_chance_are_drawn_together_and_others_are_not(memory, shared):
    """Also where errors last, and are shared by all cells: what all share makes no difference between them."""
    alike, apart = np.zeros(40), np.random.default_rng(9).standard_normal(40)
    for levels, most in ((alike, 0.5), (apart, 0.2)):
        values, *where = rows(levels, memory, shared=shared)
        found = fit(values, *where)
        drawn = found.shared[:, 0, :, 0]
        mean = np.array(
            [[values[0][(where[1] == c) & (where[2] != m)].mean() for c in range(40)] for m in range(YEARS)]
        )
        spread = drawn.std(axis=1) / mean.std(axis=1)
        assert (spread < most).all() if levels is alike else (spread > 1 - most).all()


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3, 3.0])
def test_it_is_nearer_to_the_truth_than_seasons_of_each_cell(spread):
    levels = spread * np.random.default_rng(3).standard_normal(60)
    found = fit(*rows(levels, memory=0.9))
    own, drawn = squared_error(found, levels), squared_error(found, levels, shared=True)
    assert drawn < own / 3 if spread <= 0.3 else drawn < own / 2


def test_one_cell_shares_with_none():
    found = fit(*rows(np.zeros(1)))
    assert found.shared is found.coefficients
    flat = fit(*rows(np.zeros(3)), harmonics=0)
    assert flat.shared is flat.coefficients


def test_what_a_member_withholds_leaves_no_trace():
    values, day, cell, year = rows(np.arange(4.0))
    before = fit(values, day, cell, year)
    values[0, year == 2] = 1e9
    after = fit(values, day, cell, year)
    assert before.shared[2].tobytes() == after.shared[2].tobytes()
    assert (before.shared[1] != after.shared[1]).all()


def test_members_of_one_atom_keep_the_levels_and_empty_ones_have_none():
    values, day, cell, year = rows(np.arange(4.0))
    train = np.zeros((2, YEARS), bool)
    train[0, 3] = True
    found = fit_climatology(values, day, cell, year, train, 4)
    mine = year == 3
    means = np.array([values[0, mine & (cell == c)].mean() for c in range(4)])
    np.testing.assert_allclose(
        found.shared[0, 0, :, 0] - found.shared[0, 0, :, 0].mean(), means - means.mean(), atol=0.01
    )
    assert np.isnan(found.shared[1]).all()


def test_members_that_are_fitted_some_at_a_time_are_those_of_all_at_once(monkeypatch):
    monkeypatch.setattr("motrain_app.skill.shared_season._AT_ONCE", 1)
    one = fit(*rows(np.arange(4.0) / 5))
    monkeypatch.undo()
    assert one.shared.tobytes() == fit(*rows(np.arange(4.0) / 5)).shared.tobytes()


# What is explained beyond it


def test_who_knows_place_and_season_explains_nothing_and_who_knows_weather_what_it_is():
    levels = np.arange(10.0)
    values, day, cell, _ = rows(levels, memory=0.9)
    known = np.repeat(levels, len(DAY)) + 2 * np.cos(2 * np.pi * np.tile(DAY, 10) / DAYS_PER_YEAR)
    best = explained_beyond_season(values, known[None], day, cell)
    assert -0.2 < best < 0
    half = explained_beyond_season(values, 0.5 * (known + values), day, cell)
    np.testing.assert_allclose(half, 1 - 0.25 * (1 - best), rtol=1e-9)
    assert explained_beyond_season(values, values, day, cell) == 1
    left = (
        values[0]
        - np.hstack([np.eye(10)[cell], season_harmonics(day, 2)[1:].T])
        @ (np.linalg.lstsq(np.hstack([np.eye(10)[cell], season_harmonics(day, 2)[1:].T]), values[0])[0])
    )
    by_hand = [1 - ((values[0] - known)[cell == c] ** 2).sum() / (left[cell == c] ** 2).sum() for c in range(10)]
    np.testing.assert_allclose(best, np.median(by_hand), rtol=1e-9)


def test_cells_of_few_rows_gaps_and_nothing_at_all():
    values, day, cell, _ = rows(np.arange(3.0))
    said = values + 1.0
    values[0, np.flatnonzero(cell == 0)[9:]] = np.nan
    values[0, np.flatnonzero(cell == 1)[::7]] = np.nan
    said[0, np.flatnonzero(cell == 2)[::5]] = np.nan
    found = explained_beyond_season(values, said, day, cell)
    there = (cell > 0) & np.isfinite(values[0]) & np.isfinite(said[0])
    assert found == explained_beyond_season(values[:, there], said[:, there], day[there], cell[there])
    few = cell == 0
    assert np.isnan(explained_beyond_season(values[:, few], said[:, few], day[few], cell[few]))
    assert np.isnan(explained_beyond_season(np.full((1, 20), 3.0), np.ones((1, 20)), day[:20], cell[:20]))
    assert explained_beyond_season(values, np.where(there, np.inf, said), day, cell) == -np.inf
