"""Ids are hashes of places and names: none collide, none depend on an order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design.identity import combine_ids, id_of_text, ids_of_positions

words = st.integers(0, 2**64 - 1)


def splitmix(word):
    """The finaliser of Steele, Lea & Flood (2014) with Python's integers."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


@given(words, words)
def test_combined_ids_equal_the_formula_in_exact_integers(first, second):
    expected = splitmix((splitmix(first) + 0x9E3779B97F4A7C15 + second) % 2**64)
    assert int(combine_ids(first, second)) == expected
    assert combine_ids(np.array([first], np.uint64), np.array([second], np.uint64)).tolist() == [expected]


def test_ids_are_what_they_were_yesterday():
    # Written down once: runs and operators on disk are keyed by them.
    assert id_of_text("everywhere") == 7001732066363163153
    assert ids_of_positions(np.array([56.125]), np.array([8.875])).tolist() == [9615814979042418471]
    assert int(combine_ids(1, 2)) == 15009271201844045299


def test_the_order_of_a_pair_matters():
    assert int(combine_ids(1, 2)) != int(combine_ids(2, 1))


def test_a_million_cells_of_a_fine_grid_have_different_ids():
    lat, lon = np.meshgrid(np.arange(-90, 90, 0.18) + 0.005, np.arange(-180, 180, 0.36) + 0.005, indexing="ij")
    assert lat.size == 1_000_000
    assert len(np.unique(ids_of_positions(lat.ravel(), lon.ravel()))) == lat.size


def test_neighbours_a_hundredth_of_a_degree_apart_have_different_ids():
    lat, lon = np.meshgrid(np.arange(1000) * 0.01 - 5, np.arange(1000) * 0.01 + 175, indexing="ij")
    lon = (lon + 180) % 360 - 180
    assert len(np.unique(ids_of_positions(lat.ravel(), lon.ravel()))) == 1_000_000


def test_mirrored_places_have_different_ids():
    lat, lon = np.array([1.0, 1.0, -1.0, -1.0, 2.0]), np.array([2.0, -2.0, 2.0, -2.0, 1.0])
    assert len(np.unique(ids_of_positions(lat, lon))) == 5


def test_cells_at_one_place_are_told_apart_and_leave_the_others_alone():
    lat, lon = np.array([10.0, 20.0, 10.0, 30.0, 10.0]), np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    ids = ids_of_positions(lat, lon)
    assert len(np.unique(ids)) == 5
    assert ids_of_positions(lat[[0, 1, 3]], lon[[0, 1, 3]]).tolist() == ids[[0, 1, 3]].tolist()


def test_the_rounding_of_sums_does_not_matter():
    lat, lon = np.arange(-899, 900) * 0.1, np.linspace(-179.9, 179.9, 1799)
    exact = ids_of_positions(lat.round(1), lon.round(1))
    assert len(np.unique(exact)) == len(lat)
    assert ids_of_positions(lat, lon.round(1) + 1e-9).tolist() == exact.tolist()


def test_no_cell_has_no_id():
    assert ids_of_positions(np.zeros(0), np.zeros(0)).shape == (0,)
