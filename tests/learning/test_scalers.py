"""Means and scales of training rows are those of NumPy, whatever other rows do, and a constant is one in any number."""

import numpy as np
import pytest

from motrain_app.learning.scalers import scaler_of


def test_mean_and_scale_are_numpys_over_the_rows_of_each_set():
    random = np.random.default_rng(0)
    values = random.normal(size=(3, 5000)) * np.array([[1e-3], [2.0], [30.0]]) + np.array([[285.0], [0.0], [-1e4]])
    values[1, random.random(5000) < 0.2] = np.nan
    atom = random.integers(0, 6, 5000)
    which = random.random((4, 6)) < 0.6
    found = scaler_of(values, atom, which)
    for number, atoms in enumerate(which):
        rows = values[:, atoms[atom]]
        np.testing.assert_allclose(found.mean[number], np.nanmean(rows, axis=1), rtol=1e-12)
        np.testing.assert_allclose(found.scale[number], np.nanstd(rows, axis=1), rtol=1e-10)
    assert found.varies.all()


def test_rows_outside_a_set_change_no_bit_of_it():
    random = np.random.default_rng(1)
    values, atom = random.normal(size=(2, 3000)), random.integers(0, 5, 3000)
    which = ~np.eye(5, dtype=bool)
    before, after = (scaler_of(np.where(atom == 2, changed, values), atom, which) for changed in (values, 1e30))
    assert before.mean[2].tobytes() == after.mean[2].tobytes()
    assert before.scale[2].tobytes() == after.scale[2].tobytes()
    assert not np.array_equal(before.mean[1], after.mean[1])


@pytest.mark.parametrize("constant", [0.1, 285.3, 7e-8])
def test_a_constant_is_one_in_a_million_rows(constant):
    values = np.full((1, 1_000_000), np.float32(constant))
    found = scaler_of(values, np.repeat([0, 1], 500_000), np.array([[True, False], [True, True]]))
    assert not found.varies.any()
    assert (found.scale == 1).all()


def test_too_few_values_have_no_mean():
    values = np.array([[1.0, 2.0, np.nan, 4.0]])
    found = scaler_of(values, np.zeros(4, np.int64), np.array([[True]]), min_rows=4)
    assert np.isnan(found.mean).all()
    assert found.scale == 1
    assert not found.varies
