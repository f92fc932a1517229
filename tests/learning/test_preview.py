"""The live skill is the skill of a run with ridge, and no test row touches it."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from motrain_app.design import Labels, LeaveRandomOut
from motrain_app.design.splits import make_folds
from motrain_app.learning import Stopped
from motrain_app.learning import preview as module
from motrain_app.learning.preview import LivePreview, preview
from motrain_app.learning.remembered import bytes_of
from motrain_app.learning.ridge import STRENGTHS
from tests.learning.cell_rows import TIME, expected_of, folds_of, grams_of, labels_of, make_rows, periods_of

DRAWN = [0, 0, 1, 1, 1, 0, -1, 2, 2, 0, 1, -1]
CASES = {
    "drawn": {"label": DRAWN},
    "drawn, embargo": {"label": DRAWN, "embargo": 20},
    "drawn, gaps that differ, embargo": {"label": DRAWN, "embargo": 20, "gaps": "of each"},
    "drawn, gaps of two alike": {"label": DRAWN, "gaps": "of two alike"},
    "each cell": {"label": range(12), "embargo": 20},
    "each cell, gaps, some with few rows": {"label": range(12), "gaps": "of each", "thin": (0, 4, 7)},
    "drawn, some cells with few rows": {"label": DRAWN, "thin": (0, 4, 7), "embargo": 20},
    "a region of cells with few rows": {"label": DRAWN, "thin": (7, 8)},
    "seasons": {"label": DRAWN, "seasons": True},
    "seasons, embargo, gaps, few rows": {
        "label": DRAWN,
        "seasons": True,
        "embargo": 20,
        "gaps": "of each",
        "thin": (0, 4),
    },
    "one for all": {"label": [0] * 12, "embargo": 20},
    "no test": {"label": DRAWN, "test": None},
    "random days": {"label": DRAWN, "jackknife": LeaveRandomOut(folds=4)},
    "random days, seasons, embargo, gaps": {
        "label": DRAWN,
        "jackknife": LeaveRandomOut(folds=3, embargo=6),
        "seasons": True,
        "gaps": "of each",
    },
}


def _made(*, label, embargo=0.0, gaps="equal", thin=(), seasons=False, test="2015-01-01", jackknife=None):
    rows, folds, periods = make_rows(gaps=gaps, thin=thin), folds_of(embargo, test, jackknife), periods_of(seasons)
    return rows, folds, labels_of(label), periods


@pytest.mark.parametrize("case", CASES)
def test_live_skill_is_that_of_fit_ridge_row_by_row(case):
    rows, folds, labels, periods = _made(**CASES[case])
    expected = expected_of(rows, folds, labels, periods, STRENGTHS)
    got = preview(grams_of(rows, folds, periods), labels)
    np.testing.assert_array_equal(got.ridge.rows, expected.rows)
    np.testing.assert_array_equal(got.n, expected.rows.sum(axis=1))
    assert expected.rows.any()
    for name in ("ridge", "climatology", "one_for_all"):
        ours, theirs = getattr(got, name), getattr(expected, name)
        np.testing.assert_allclose(ours.squares, theirs, rtol=1e-7, err_msg=name)
        with np.errstate(invalid="ignore"):
            rmse = np.sqrt(theirs.sum(axis=1) / expected.rows.sum(axis=1))
        np.testing.assert_allclose(ours.rmse, rmse, rtol=1e-8, err_msg=name)
    assert {number: text for number, text in enumerate(got.reasons) if text} == expected.errors


def test_cells_with_few_rows_take_the_climatology_of_their_partition():
    """Otherwise the cases above would not show that rule."""
    rows, folds, _, periods = _made(**CASES["drawn, some cells with few rows"])
    pooled = grams_of(rows, folds, periods).groups[0].seasons.pooled
    assert set(rows.cell_at[pooled.any(axis=(1, 2))]) == {0, 4, 7}


@pytest.mark.parametrize("case", ["drawn, gaps that differ, embargo", "seasons, embargo, gaps, few rows"])
def test_test_rows_and_rows_near_them_touch_no_bit(case):
    rows, folds, labels, periods = _made(**CASES[case])
    sealed = (folds.test | folds.near_test)[folds.atom_of_time]
    noise = rows.scrambled(sealed)
    assert (noise.inputs != rows.inputs).any()
    before, after = (preview(grams_of(some, folds, periods), labels) for some in (rows, noise))
    for name in ("ridge", "climatology", "one_for_all"):
        for array in ("rows", "squares"):
            one, other = (getattr(getattr(whole, name), array) for whole in (before, after))
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("seasons", [False, True], ids=["all time", "seasons"])
def test_rows_of_no_region_and_no_period_touch_no_bit(seasons):
    rows, folds, labels, periods = _made(**CASES["drawn"] | {"seasons": seasons})
    outside = (labels.label[rows.cell] < 0) | (periods.label[rows.time] < 0)
    noise = replace(rows, outputs=np.where(outside, 500 - 3 * rows.outputs, rows.outputs))
    before, after = (preview(grams_of(some, folds, periods), labels) for some in (rows, noise))
    assert before.one_for_all.squares.tobytes() == after.one_for_all.squares.tobytes()
    assert (noise.outputs[:, outside] != rows.outputs[:, outside]).all()


def test_a_single_partition_is_held_against_the_operator_of_all_cells_as_its_rows_are_its_own():
    rows, folds, _, periods = _made(**CASES["drawn"])
    alone = labels_of([0 if region == 0 else -1 for region in DRAWN])
    with_the_rest = labels_of([0 if region == 0 else 1 for region in DRAWN])
    one, two = (preview(grams_of(rows, folds, periods), labels) for labels in (alone, with_the_rest))
    assert one.one_for_all.squares.tobytes() == two.one_for_all.squares[:1].tobytes()
    assert (one.gain_over_one_for_all.value != 0).all()


def test_spread_and_gain_follow_from_the_folds():
    rows, folds, labels, periods = _made(**CASES["drawn"])
    got = preview(grams_of(rows, folds, periods), labels)
    by_fold = np.sqrt(got.ridge.squares / got.ridge.rows)
    np.testing.assert_allclose(got.ridge.spread, by_fold.std(axis=1, ddof=1))
    np.testing.assert_allclose(got.gain_over_climatology.value, 1 - got.ridge.rmse / got.climatology.rmse)
    gains = 1 - by_fold / np.sqrt(got.one_for_all.squares / got.one_for_all.rows)
    np.testing.assert_allclose(got.gain_over_one_for_all.spread, gains.std(axis=1, ddof=1))


def test_all_partitions_together_are_pooled_over_their_rows():
    rows, folds, labels, periods = _made(**CASES["drawn"])
    got = preview(grams_of(rows, folds, periods), labels)
    whole = got.together()
    mse = (got.ridge.rmse**2 * got.n).sum(axis=0) / got.n.sum(axis=0)
    np.testing.assert_allclose(whole.ridge.rmse[0], np.sqrt(mse))
    assert whole.n.tolist() == [got.n.sum(axis=0).tolist()]
    assert whole.gain_over_one_for_all.value.shape == (1, 3)


def test_one_partition_gains_nothing_over_one_operator_for_all():
    rows, folds, labels, periods = _made(**CASES["one for all"])
    got = preview(grams_of(rows, folds, periods), labels)
    np.testing.assert_array_equal(got.gain_over_one_for_all.value, 0)


def test_an_edit_fits_the_regions_anew_whose_cells_changed(monkeypatch):
    rows, folds, labels, periods = _made(**CASES["drawn"])
    grams, fitted = grams_of(rows, folds, periods), []
    for name in ("fit_region", "fit_one_for_all"):
        function = getattr(module, name)

        def counted(grams, positions, strengths, function=function, name=name):
            fitted.append((name, sorted(grams.cell_at[positions].tolist())))
            return function(grams, positions, strengths)

        monkeypatch.setattr(module, name, counted)
    live = LivePreview(grams)
    live.of(labels)
    assert len(fitted) == 4
    fitted.clear()
    moved = np.array(DRAWN)
    moved[9] = 1  # from region 0 to region 1; region 2, and all of them together, stay what they are
    got = live.of(labels_of(moved))
    assert fitted == [("fit_region", [0, 1, 5]), ("fit_region", [2, 3, 4, 9, 10])]
    fitted.clear()
    live.of(labels)  # undone
    assert fitted == []
    taken = np.where(np.arange(12) == 9, -1, DRAWN)  # from region 0 to none: one operator for all loses it too
    live.of(labels_of(taken))
    assert fitted == [("fit_one_for_all", [0, 1, 2, 3, 4, 5, 7, 8, 10])]
    fitted.clear()
    live.of(labels)  # undone
    assert fitted == []
    fresh = preview(grams, labels_of(moved))
    for name in ("ridge", "climatology", "one_for_all"):
        assert getattr(got, name).squares.tobytes() == getattr(fresh, name).squares.tobytes()


def test_a_stop_is_heard_and_progress_told():
    rows, folds, labels, periods = _made(**CASES["drawn"])
    live, shares = LivePreview(grams_of(rows, folds, periods)), []
    live.of(labels, progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    with pytest.raises(Stopped):
        live.of(labels, stopped=lambda: True)


def test_what_is_remembered_dies_with_its_preview():
    rows, folds, labels, periods = _made(**CASES["drawn"])
    live = LivePreview(grams_of(rows, folds, periods))
    live.of(labels)
    gone, gone_too = weakref.ref(live), weakref.ref(live.grams)
    gc.disable()
    try:
        del live
        assert gone() is None
        assert gone_too() is None
    finally:
        gc.enable()


def test_without_a_jackknife_it_is_said_that_no_skill_can_be_claimed():
    rows, labels = make_rows(), labels_of(DRAWN)
    got = preview(grams_of(rows, make_folds(None, None, TIME)), labels)
    assert got.n.tolist() == [[0, 0, 0]] * 3
    assert np.isnan(got.ridge.rmse).all()
    assert all("Nothing is held out" in reason for reason in got.reasons)


def test_regions_without_rows_say_so_and_labels_without_cells_too():
    rows, folds = make_rows(), folds_of()
    nothing = np.isin(rows.cell, [7, 8])
    empty = rows.__class__(
        rows.inputs[:, ~nothing],
        rows.outputs[:, ~nothing],
        rows.time[~nothing],
        np.where(np.isin(rows.cell_at, [7, 8]), 0, rows.counts),
        rows.cell_at,
    )
    without_rows = preview(grams_of(empty, folds), labels_of(DRAWN))
    no_cell_of_2 = labels_of(np.where(np.array(DRAWN) == 2, -1, DRAWN))
    three = Labels(no_cell_of_2.label, np.arange(3, dtype=np.uint64), ("region 0", "region 1", "region 2"))
    without_cells = preview(grams_of(rows, folds), three)
    for got in (without_rows, without_cells):
        assert "no training row" in got.reasons[2]
        assert np.isnan(got.ridge.rmse[2]).all()
        assert np.isnan(got.gain_over_one_for_all.value[2]).all()
        assert np.isfinite(got.ridge.rmse[:2]).all()
        assert got.reasons[:2] == ("", "")


def test_where_no_region_has_a_cell_or_there_is_none_nothing_is_claimed():
    grams = grams_of(make_rows(), folds_of())
    nobody = np.full(len(DRAWN), -1, np.int32)
    two = preview(grams, Labels(nobody, np.arange(2, dtype=np.uint64), ("one", "other")))
    assert all("no training row" in reason for reason in two.reasons)
    assert np.isnan(two.gain_over_one_for_all.value).all()
    none = preview(grams, Labels(nobody, np.zeros(0, np.uint64), ()))
    assert none.reasons == ()
    assert none.ridge.rmse.shape == none.gain_over_climatology.value.shape == (0, 3)
    assert none.together().n.tolist() == [[0, 0, 0]]


def test_what_is_remembered_takes_no_more_than_its_bytes_and_is_used_as_far_as_it_goes(monkeypatch):
    grams, each_cell, fitted = grams_of(make_rows(), folds_of()), labels_of(range(12)), []
    function = module.fit_region
    monkeypatch.setattr(module, "fit_region", lambda *of: fitted.append(of[1][0]) or function(*of))
    size = bytes_of(function(grams, np.arange(1), STRENGTHS))
    live = LivePreview(grams, remembered=int(5.5 * size))
    first = live.of(each_cell)
    assert len(fitted) == 12
    assert 4 * size < live._fit.n_bytes <= 5.5 * size
    fitted.clear()
    again = live.of(each_cell)
    assert grams.cell_at[fitted].tolist() == [5, 6, 7, 8, 9, 10, 11]
    assert first.ridge.squares.tobytes() == again.ridge.squares.tobytes()
    live.of(labels_of(DRAWN))
    fitted.clear()
    live.of(labels_of(DRAWN))
    assert fitted == [], "what an edit asks for takes the place of what was asked before it"


def test_the_newest_operator_for_all_is_remembered_where_only_one_fits(monkeypatch):
    grams, fitted = grams_of(make_rows(), folds_of()), []
    function = module.fit_one_for_all
    monkeypatch.setattr(module, "fit_one_for_all", lambda *of: fitted.append(len(of[1])) or function(*of))
    size = bytes_of(function(grams, np.arange(12), STRENGTHS)) + 12 * 8
    live = LivePreview(grams, remembered=4 * int(1.5 * size))
    live.of(labels_of(DRAWN))
    two_less = np.where(np.array(DRAWN) == 2, -1, DRAWN)
    for _ in range(2):
        live.of(labels_of(two_less))
    assert fitted == [10, 8]
