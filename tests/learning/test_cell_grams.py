"""Sums over cells are the sums over their rows, whatever the chunks they came in; they add, and the test is in none."""

import numpy as np
import pytest

from motrain_app.learning.cell_gram_builder import CellGramBuilder, Entry, packed_grams
from motrain_app.learning.cell_grams import CellGrams
from motrain_app.learning.cell_vector import HARMONICS, CellVector
from motrain_app.learning.ridge import grams_of_outputs
from motrain_app.learning.time_classes import TimeClasses
from motrain_app.runs.baselines import CLIMATOLOGY
from motrain_app.runs.baselines import HARMONICS as OF_RUNS
from motrain_app.skill import day_of_year, season_harmonics
from tests.learning.cell_rows import TIME, folds_of, grams_of, make_rows, periods_of


def _all_arrays(grams):
    return {name: array.tobytes() for name, array in grams.to_arrays().items()}


@pytest.mark.parametrize("gaps", ["equal", "of two alike", "of each"])
@pytest.mark.parametrize("seasons", [False, True])
def test_sums_of_a_region_are_those_of_its_rows(gaps, seasons):
    rows, folds, periods = make_rows(gaps=gaps), folds_of(embargo=20), periods_of(seasons)
    region = grams_of(rows, folds, periods).region(np.array([1, 4, 5, 10]))
    mine = np.isin(rows.cell, rows.cell_at[[1, 4, 5, 10]])
    for period in range(len(periods)):
        kept = np.flatnonzero(mine & (periods.label[rows.time] == period))
        atom = folds.atom_of_time[rows.time[kept]]
        direct = grams_of_outputs(rows.inputs[:, kept], rows.outputs[:, kept], atom, folds.n_atoms, "linear")
        seen = (folds.train | folds.held_out).any(axis=0)
        known = [np.isfinite(rows.outputs[group.outputs[0], kept]) for group in region.groups]
        rows_of = [np.bincount(atom[has], minlength=folds.n_atoms) * seen for has in known]
        assert region.counts(period).tolist() == np.stack(rows_of).tolist()
        for group, (shared, expected) in zip(region.groups, direct, strict=True):
            got = region.grams(group, period)
            assert list(group.outputs) == shared
            assert got.count.tolist() == np.where(seen, expected.count, 0).tolist()
            np.testing.assert_allclose(got.sums, expected.sums * seen[:, None, None], rtol=1e-11, atol=1e-9)
            np.testing.assert_allclose(got.input_sums, expected.input_sums * seen[:, None, None], rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("gaps", ["equal", "of each"])
def test_two_regions_add_up_to_their_union(gaps):
    grams = grams_of(make_rows(cells=40, gaps=gaps, thin=(3, 8)), folds_of(embargo=20))
    random = np.random.default_rng(1).permutation(40)
    parts = [grams.region(np.sort(part)) for part in (random[:23], random[23:])]
    whole = grams.region(np.arange(40))
    for one, other, both in zip(*(part.groups for part in parts), whole.groups, strict=True):
        np.testing.assert_allclose(one.packed + other.packed, both.packed, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(parts[0].inputs + parts[1].inputs, whole.inputs, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("gaps", ["equal", "of each"])
def test_chunks_change_no_bit(gaps):
    rows, folds = make_rows(gaps=gaps), folds_of(embargo=20)
    whole = _all_arrays(grams_of(rows, folds, chunk=100))
    assert whole == _all_arrays(grams_of(rows, folds, chunk=1))
    assert whole == _all_arrays(grams_of(rows, folds, chunk=5))


def test_gaps_that_appear_in_the_last_cell_divide_the_outputs_of_all():
    rows, folds = make_rows(), folds_of()
    first = -rows.counts[-1]
    rows.outputs[1, first : first + 20] = np.nan
    grams = grams_of(rows, folds, chunk=5)
    assert [group.outputs for group in grams.groups] == [(0, 2), (1,)]
    known_before = grams_of(rows, folds, chunk=100).to_arrays()
    for name, array in grams.to_arrays().items():
        np.testing.assert_allclose(array, known_before[name], rtol=1e-9, atol=1e-9, err_msg=name)
    whole = grams.region(np.arange(12))
    seen = folds.train.any(axis=0)[folds.atom_of_time[rows.time]]
    assert whole.counts(0)[1].sum() == (seen & np.isfinite(rows.outputs[1])).sum()
    assert whole.grams(whole.groups[1]).count.sum() == (seen & np.isfinite(rows.outputs[1])).sum()


def test_gaps_in_test_rows_alone_divide_nothing():
    rows, folds = make_rows(), folds_of()
    noise = rows.scrambled(folds.test[folds.atom_of_time])
    assert np.isnan(noise.outputs).any()
    assert _all_arrays(grams_of(noise, folds)) == _all_arrays(grams_of(rows, folds))


def test_arrays_make_the_same_grams_again():
    grams = grams_of(make_rows(gaps="of two alike", thin=(2,)), folds_of(embargo=20), periods_of(True))
    again = CellGrams.from_arrays(grams.to_arrays(), grams.classes, n_inputs=3)
    assert _all_arrays(again) == _all_arrays(grams)
    positions = np.array([0, 3, 9])
    for one, other in zip(grams.region(positions).groups, again.region(positions).groups, strict=True):
        assert (one.outputs, one.packed.tobytes()) == (other.outputs, other.packed.tobytes())
        assert one.climatology.tobytes() == other.climatology.tobytes()


def test_products_are_those_of_the_rows():
    rows, folds = make_rows(cells=2), folds_of()
    (group,) = grams_of(rows, folds).groups
    classes, vector = TimeClasses.of(folds), group.vector
    mine = (classes.of_time[rows.time] == 1) & (rows.cell == rows.cell_at[1])
    harmonics = season_harmonics(day_of_year(TIME)[rows.time[mine]], HARMONICS)
    v = np.concatenate([harmonics[:1], rows.inputs[:, mine], harmonics[1:], rows.outputs[:, mine]]).astype(float)
    np.testing.assert_allclose(group.sums.leaves[1, 1], (v @ v.T)[vector.pairs], rtol=1e-12, atol=1e-9)


def test_places_of_any_size_are_padded_without_a_trace():
    random = np.random.default_rng(0)
    sizes = np.array([0, 1, 3, 8, 9, 0, 700, 64, 5])
    place = np.repeat(np.arange(len(sizes)), sizes)
    rows = random.permutation(len(place))
    table = np.append(random.normal(size=3), 0)
    index = np.append(random.integers(0, 3, len(place)), 3)
    entries = [Entry(np.append(random.normal(size=len(place)), 0)), Entry(table, index)]
    v = np.stack([entries[0].table[rows], table[index[rows]]])
    got = packed_grams(entries, rows, place, len(sizes))
    for number in range(len(sizes)):
        mine = v[:, place == number]
        np.testing.assert_allclose(got[number], (mine @ mine.T)[np.triu_indices(2)], rtol=1e-12, atol=1e-12)


def test_near_test_rows_are_in_no_class_and_embargo_margins_have_their_own():
    folds = folds_of(embargo=20)
    classes = TimeClasses.of(folds)
    sealed = (folds.test | folds.near_test)[folds.atom_of_time]
    assert folds.near_test.any()
    assert ((classes.of_time < 0) == sealed).all()
    assert len(classes) == (~(folds.test | folds.near_test)).sum()
    assert len(classes) > len(TimeClasses.of(folds_of()))


def test_times_of_no_period_are_in_no_class():
    folds, periods = folds_of(test=None), periods_of(True)
    classes = TimeClasses.of(folds, periods)
    assert ((classes.of_time < 0) == (periods.label < 0)).all()
    assert (periods.label < 0).any()
    assert (classes.period[classes.of_time[periods.label >= 0]] == periods.label[periods.label >= 0]).all()


def test_harmonics_are_those_of_the_climatology_in_runs():
    assert OF_RUNS[CLIMATOLOGY] == HARMONICS


def test_cells_without_rows_sum_to_nothing():
    folds = folds_of()
    builder = CellGramBuilder(TimeClasses.of(folds), TIME, n_cells=2, n_inputs=1, n_outputs=1)
    for _ in range(2):
        builder.add(np.zeros((1, 0), np.float32), np.zeros((1, 0), np.float32), np.zeros(0, np.int32), np.array([0]))
    region = builder.finish(np.array([1, 0], np.int32)).region(np.arange(2))
    assert not region.groups[0].packed.any()
    assert not region.groups[0].climatology.any()


def test_all_products_are_kept_but_those_of_an_input_and_a_harmonic_which_no_fit_asks_for():
    vector = CellVector(3, 2)
    wanted = np.unique(np.concatenate([part.ravel() for part in (vector.ridge, vector.inputs, vector.season)]))
    np.testing.assert_array_equal(wanted, np.arange(vector.packed_size))
    assert vector.packed_size == vector.size * (vector.size + 1) // 2 - 3 * 2 * HARMONICS


def test_a_narrowed_triangle_is_that_of_the_outputs_kept():
    wide, narrow = CellVector(2, 3), CellVector(2, 2)
    full = np.arange(wide.size**2).reshape(wide.size, wide.size)
    kept = [*range(wide.size - 3), wide.size - 3, wide.size - 1]
    packed = full[wide.pairs]
    expected = full[np.ix_(kept, kept)][narrow.pairs]
    assert packed[wide.narrowed([0, 2])].tolist() == expected.tolist()
