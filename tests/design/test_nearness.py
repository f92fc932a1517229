"""Nearness of held-out times to training times, against every pair of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import DesignError, LeaveBlocksOut, LeaveRandomOut, LeaveYearsOut, Split
from motrain_app.design.nearness import nearness
from motrain_app.design.splits import make_folds

DAILY = np.arange("2007-01-01", "2017-01-01", dtype="datetime64[D]")
jackknives = st.sampled_from(
    [LeaveYearsOut(), LeaveYearsOut(embargo=40), LeaveBlocksOut(90), LeaveBlocksOut(30, embargo=5), LeaveRandomOut(4)]
)


@settings(deadline=None, max_examples=15)
@given(jackknives, st.sampled_from([None, Split("2013-03-01", 20)]), st.floats(0, 200), st.integers(0, 2**32))
def test_share_and_gap_are_those_of_every_pair(jackknife, test, days, seed):
    hours = np.sort(np.random.default_rng(seed).choice(8 * 8766, 250, replace=False))
    time = np.datetime64("2008-01-01", "us") + hours * np.timedelta64(1, "h")
    try:
        folds = make_folds(test, jackknife, time)
    except DesignError:
        return
    found = nearness(folds, time, days=days)
    gaps = []
    for member in range(folds.n_members):
        held, train = (time[mask[member][folds.atom_of_time]] for mask in (folds.held_out, folds.train))
        gap = (np.abs(held[:, None] - train) / np.timedelta64(1, "h")).min(axis=1) / 24
        assert found.share[member] == pytest.approx((gap <= days + 1e-9).mean())
        assert found.median_gap[member] == pytest.approx(np.median(gap))
        gaps.append(gap)
    assert found.overall == pytest.approx((np.concatenate(gaps) <= days + 1e-9).mean())
    assert found.n.tolist() == [len(gap) for gap in gaps]


def test_random_days_lie_beside_what_is_learned_from_and_years_do_not():
    random, years = (
        nearness(make_folds(None, kind, DAILY), DAILY, days=3) for kind in (LeaveRandomOut(), LeaveYearsOut())
    )
    assert random.overall > 0.99
    assert (random.median_gap == 1).all()
    assert years.overall < 0.02
    assert (years.median_gap > 90).all()


def test_an_embargo_keeps_them_apart():
    folds = make_folds(None, LeaveBlocksOut(90, embargo=10), DAILY)
    assert nearness(folds, DAILY, days=10).overall == 0
    assert nearness(folds, DAILY, days=11).overall > 0


def test_nothing_held_out_is_near_nothing():
    found = nearness(make_folds(None, None, DAILY), DAILY, days=10)
    assert np.isnan(found.overall)
    assert np.isnan(found.share).all()
