"""Random folds: a day's fold depends on the day and the seed alone, and is withheld whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import Design, LeaveRandomOut, Split
from motrain_app.design.splits import make_folds

YEARS = np.arange("2007-01-01", "2017-01-01", dtype="datetime64[D]")
splitters = st.builds(LeaveRandomOut, st.integers(3, 20), st.integers(0, 2**63 - 1))


def fold_of_day(splitter, time):
    folds = make_folds(None, splitter, time)
    number = np.array([int(name.removeprefix("random ")) for name in folds.names])
    return dict(zip(time.tolist(), number[folds.fold_of_atom[folds.atom_of_time]].tolist(), strict=True))


@settings(deadline=None, max_examples=15)
@given(splitters, st.integers(0, 2**32))
def test_the_fold_of_a_day_does_not_depend_on_the_record(splitter, seed):
    random = np.random.default_rng(seed)
    whole = fold_of_day(splitter, YEARS)
    part = np.sort(random.choice(YEARS[500:2000], 1000, replace=False))
    some = fold_of_day(splitter, part)
    assert some == {day: whole[day] for day in some}


def test_times_of_one_day_are_withheld_together():
    hours = np.arange("2010-01-01", "2010-04-01", dtype="datetime64[h]")
    folds = make_folds(None, LeaveRandomOut(), hours)
    of_hour = folds.fold_of_atom[folds.atom_of_time].reshape(-1, 24)
    assert (of_hour == of_hour[:, :1]).all()
    assert set(of_hour[:, 0].tolist()) == set(range(10))


def test_folds_are_alike_in_size_and_days_independent_of_their_neighbours():
    fold = np.array(list(fold_of_day(LeaveRandomOut(), YEARS).values()))
    counts = np.bincount(fold)[1:]
    assert len(counts) == 10
    assert (np.abs(counts - len(YEARS) / 10) < 4 * np.sqrt(len(YEARS) * 0.09)).all()
    for lag in (1, 2, 7, 365):
        same = (fold[lag:] == fold[:-lag]).mean()
        assert same == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / len(fold)))


def test_another_seed_draws_other_folds():
    one, other = (np.array(list(fold_of_day(LeaveRandomOut(seed=seed), YEARS).values())) for seed in (0, 1))
    assert (one == other).mean() == pytest.approx(0.1, abs=0.03)


def test_an_embargo_takes_the_days_beside_each_held_out_day_out_of_training():
    folds = make_folds(None, LeaveRandomOut(embargo=1), YEARS)
    for member in range(folds.n_members):
        held, near, train = (mask[member][folds.atom_of_time] for mask in (folds.held_out, folds.near, folds.train))
        beside = np.r_[False, held[:-1]] | np.r_[held[1:], False]
        assert (near == beside & ~held).all()
        assert (train == ~held & ~beside).all()


def test_no_day_of_the_test_is_in_a_fold():
    folds = make_folds(Split("2014-07-01", embargo=5), LeaveRandomOut(), YEARS)
    limit = np.datetime64("2014-06-26")
    assert max(holdout.end for holdout in folds.holdouts) == limit
    judged = folds.held_out.any(axis=0)[folds.atom_of_time]
    assert (judged == (limit > YEARS)).all()


def test_the_design_keeps_them_in_its_document(tmp_path):
    chosen = LeaveRandomOut(folds=7, seed=5, embargo=0.5)
    design = Design("cells.nc", ["a"], ["y"], jackknife=chosen)
    again = Design.load(design.save(tmp_path / "design.json"))
    assert again.jackknife == chosen
    assert design.to_json()["jackknife"] == {"kind": "random", "folds": 7, "seed": 5, "embargo": 0.5}


def test_a_century_of_days_is_cut_at_once(record_property):
    import time as clock

    days = np.arange("1920-01-01", "2020-01-01", dtype="datetime64[D]")
    begin = clock.perf_counter()
    folds = make_folds(None, LeaveRandomOut(), days)
    record_property("seconds", clock.perf_counter() - begin)
    assert folds.n_atoms == 10
