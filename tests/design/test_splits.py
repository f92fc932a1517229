"""Splits and folds: exactness against loops over every time, and what is refused."""

import datetime

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut

from motrain_app.design import DesignError, Holdout, LeaveBlocksOut, LeaveRandomOut, LeaveYearsOut, Split
from motrain_app.design.splits import make_folds
from motrain_app.design.splitters import jackknife_from, split_from, splitter_kind

HOUR = np.timedelta64(1, "h")
DAY = np.timedelta64(1, "D").astype("timedelta64[us]")


def daily(start, end, step=1):
    return np.arange(start, end, dtype="datetime64[D]")[::step]


embargoes = st.one_of(st.just(0.0), st.floats(0, 120), st.integers(0, 120))
jackknives = st.one_of(
    st.builds(LeaveYearsOut, st.integers(1, 3), st.integers(1, 12), embargoes),
    st.builds(LeaveBlocksOut, st.integers(20, 500), embargoes),
    # A longer embargo around each of so many days would leave nothing to learn from.
    st.builds(LeaveRandomOut, st.integers(3, 12), st.integers(0, 2**63 - 1), st.just(0.0) | st.floats(0, 3)),
)


@st.composite
def records(draw):
    """Irregular times between 2008 and 2016, at hours, with gaps of any length."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    hours = random.choice(8 * 8766, size=draw(st.integers(30, 300)), replace=False)
    years_without = draw(st.sets(st.integers(2008, 2015), max_size=3))
    time = np.datetime64("2008-01-01", "us") + np.sort(hours) * HOUR
    return time[~np.isin(time.astype("datetime64[Y]").astype(int) + 1970, list(years_without))]


tests = st.one_of(
    st.none(),
    st.builds(
        Split,
        st.dates(datetime.date(2009, 1, 1), datetime.date(2016, 6, 1)).map(str),
        embargoes,
    ),
)


def days_between(times, others):
    """Distance of each time to the nearest of the others, in days."""
    if not len(others):
        return np.full(len(times), np.inf)
    return np.abs((times[:, None] - others[None, :]) / DAY).min(axis=1)


def folds_or_reject(test, jackknife, time):
    """Return folds; a refusal must be right, and ends the example."""
    try:
        return make_folds(test, jackknife, time)
    except DesignError:
        assert jackknife.embargo or not can_be_carried_out(test, jackknife, time)
        reject()


def can_be_carried_out(test, jackknife, time):
    """Count folds by a key of each training time; right where the jackknife has no embargo."""
    if test is None:
        training = time
    else:
        date = np.datetime64(test.date, "us")
        training = time[time < date - np.timedelta64(round(test.embargo * 86_400e6), "us")]
        if not (time >= date).any() or not len(training):
            return False
    return len(set(keys_of(jackknife, training))) >= 3


EPOCH, WORD = datetime.date(1970, 1, 1), 2**64


def drawn_by_integers(seed, day):
    """Return a word of 64 bits: splitmix64's finaliser of both, by Python's integers."""

    def mix(word):
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % WORD
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WORD
        return word ^ (word >> 31)

    return mix((mix(seed) + 0x9E3779B97F4A7C15 + day % WORD) % WORD)


def keys_of(jackknife, time):
    """Tell by Python's calendar to which fold each time belongs."""
    dates = [datetime.date.fromisoformat(str(moment)[:10]) for moment in time]
    if isinstance(jackknife, LeaveRandomOut):
        return [drawn_by_integers(jackknife.seed, (date - EPOCH).days) % jackknife.folds for date in dates]
    if isinstance(jackknife, LeaveBlocksOut):
        return [(date - dates[0]).days // jackknife.days for date in dates]
    first = jackknife.first_month
    years = [date.year + (first > 1 and date.month >= first) for date in dates]
    return [(year - years[0]) // jackknife.years for year in years]


def within_any(intervals, time):
    """Compare each time with each interval."""
    return ((time[:, None] >= intervals[:, 0]) & (time[:, None] < intervals[:, 1])).any(axis=1)


@settings(deadline=None, max_examples=150)
@given(tests, jackknives, records())
def test_folds_are_exact(test, jackknife, time):
    folds = folds_or_reject(test, jackknife, time)
    atom = folds.atom_of_time
    is_test, near_test = folds.test[atom], folds.near_test[atom]
    assert (is_test == (time >= np.datetime64(test.date) if test else np.zeros(len(time), bool))).all()
    assert folds.n_members == len(folds.names) == len(folds.holdouts) >= 3
    assert len(set(folds.names)) == folds.n_members
    withheld = np.zeros(len(time), int)
    for member in range(folds.n_members):
        train, held = folds.train[member][atom], folds.held_out[member][atom]
        embargo = ~(train | held | is_test)
        # Disjoint, and together every time.
        assert (train.astype(int) + held + is_test + embargo == 1).all()
        # Nothing to learn from lies near what is held out, or near the test; all else is learned from.
        near_held = days_between(time, time[held]) <= jackknife.embargo
        near_tested = days_between(time, time[is_test]) <= test.embargo if test else near_held & False
        assert not (train & (near_held | near_tested)).any()
        assert train.any()
        assert held.any()
        intervals = folds.holdouts[member].intervals
        assert (held == within_any(intervals, time)).all()
        margin = np.timedelta64(round(jackknife.embargo * 86_400e6), "us")
        within = within_any(intervals + np.array([-margin, margin]), time)
        assert (embargo == (near_test | within) & ~held & ~is_test).all()
        assert (folds.fold_of_atom[atom][held] == member).all()
        withheld += held
    # Each time that is neither test nor near the test is held out exactly once, with those of its year or block.
    assert (withheld == ~(is_test | near_test)).all()
    keys = keys_of(jackknife, time[withheld == 1])
    assert folds.fold_of_atom[atom][withheld == 1].tolist() == np.unique(keys, return_inverse=True)[1].tolist()
    assert (folds.fold_of_atom[atom][withheld == 0] == -1).all()


@settings(deadline=None, max_examples=60)
@given(tests, jackknives, records())
def test_validation_rows_are_training_rows_and_far_from_what_is_fitted(test, jackknife, time):
    folds = folds_or_reject(test, jackknife, time)
    atom = folds.atom_of_time
    for member in range(folds.n_members):
        validators = folds.validators(member).tolist()
        assert sorted([*validators, member]) == list(range(folds.n_members))
        assert validators[0] == (member + 1) % folds.n_members
        assert any(folds.fit(member, v).any() and folds.validation(member, v).any() for v in validators)
        for holdout in validators:
            fit, validation = folds.fit(member, holdout), folds.validation(member, holdout)
            assert (fit == folds.fit(holdout, member)).all()
            assert not (validation & ~folds.train[member]).any()
            assert not (fit & ~folds.train[member]).any()
            assert not (fit & validation).any()
            judged, fitted = time[validation[atom]], time[fit[atom]]
            assert (days_between(fitted, judged) > jackknife.embargo).all()


@given(records())
@settings(deadline=None, max_examples=50)
def test_leave_one_year_out_equals_scikit_learns(time):
    year = time.astype("datetime64[Y]").astype(int) + 1970
    assume(len(set(year)) >= 3)
    folds = make_folds(None, LeaveYearsOut(), time)
    expected = list(LeaveOneGroupOut().split(time, groups=year))
    assert folds.n_members == len(expected)
    for member, (train, held) in enumerate(expected):
        assert np.flatnonzero(folds.train[member][folds.atom_of_time]).tolist() == train.tolist()
        assert np.flatnonzero(folds.held_out[member][folds.atom_of_time]).tolist() == held.tolist()
        assert folds.names[member] == str(year[held][0])


@pytest.mark.parametrize("first_month", range(1, 13))
def test_a_year_is_named_after_the_year_of_its_january(first_month):
    time = daily("2008-01-01", "2014-01-01")
    folds = make_folds(None, LeaveYearsOut(first_month=first_month), time)
    for member, name in enumerate(folds.names):
        held = time[folds.held_out[member][folds.atom_of_time]]
        januaries = held[held.astype("datetime64[M]").astype(int) % 12 == 0]
        assert {str(day)[:4] for day in januaries} <= {name}
        start, end = folds.holdouts[member].start, folds.holdouts[member].end
        assert (start.astype("datetime64[M]").astype(int) % 12) + 1 == first_month
        assert end.astype("datetime64[M]") - start.astype("datetime64[M]") == np.timedelta64(12, "M")


def test_the_hydrological_year_2011_begins_in_october_2010():
    folds = make_folds(None, LeaveYearsOut(first_month=10), daily("2009-10-01", "2012-10-01"))
    assert folds.names == ("2010", "2011", "2012")
    assert folds.holdouts[1].start == np.datetime64("2010-10-01")
    assert folds.holdouts[1].end == np.datetime64("2011-10-01")


def test_several_years_are_counted_from_the_first_one():
    folds = make_folds(None, LeaveYearsOut(years=2), daily("2009-05-01", "2014-10-01"))
    assert folds.names == ("2009-2010", "2011-2012", "2013-2014")


def test_blocks_are_counted_from_the_first_day():
    folds = make_folds(None, LeaveBlocksOut(days=30), daily("2010-03-05", "2010-06-01"))
    assert folds.names == ("2010-03-05", "2010-04-04", "2010-05-04")
    assert [np.bincount(folds.atom_of_time)[folds.held[m]].sum() for m in range(3)] == [30, 30, 28]


def test_no_time_makes_no_fold():
    assert LeaveRandomOut().holdouts(daily("2010-01-01", "2010-01-01")) == []
    assert LeaveYearsOut().holdouts(daily("2010-01-01", "2010-01-01")) == []
    assert LeaveBlocksOut(30).holdouts(daily("2010-01-01", "2010-01-01")) == []


def test_a_record_before_1970_has_folds_too():
    folds = make_folds(None, LeaveYearsOut(first_month=10), daily("1958-01-01", "1961-12-31"))
    assert folds.names == ("1958", "1959", "1960", "1961", "1962")


def test_a_test_date_within_a_year_cuts_that_years_fold():
    time = daily("2010-01-01", "2017-01-01")
    folds = make_folds(Split("2015-07-01", embargo=10), LeaveYearsOut(embargo=5), time)
    assert folds.names == ("2010", "2011", "2012", "2013", "2014", "2015")
    assert folds.holdouts[-1].end == np.datetime64("2015-06-21")
    of = {name: time[mask[folds.atom_of_time]] for name, mask in (("test", folds.test), ("near", folds.near_test))}
    assert (of["test"][0], of["test"][-1]) == (np.datetime64("2015-07-01"), np.datetime64("2016-12-31"))
    assert (of["near"][0], of["near"][-1]) == (np.datetime64("2015-06-21"), np.datetime64("2015-06-30"))
    trained = time[folds.train[-1][folds.atom_of_time]]
    assert trained[-1] == np.datetime64("2014-12-26")


def test_a_fold_that_lies_wholly_near_the_test_is_none():
    folds = make_folds(Split("2014-01-10", embargo=30), LeaveYearsOut(), daily("2010-01-01", "2015-01-01"))
    assert folds.names == ("2010", "2011", "2012", "2013")


def test_without_a_jackknife_the_last_fifth_of_the_training_time_validates():
    time = daily("2010-01-01", "2012-01-01")
    folds = make_folds(Split("2011-06-01", embargo=3), None, time)
    training = time[time < np.datetime64("2011-05-29")]
    assert (folds.n_members, folds.names, folds.jackknife) == (1, ("all",), False)
    assert folds.validators(0).tolist() == [0]
    validation = time[folds.validation(0, 0)[folds.atom_of_time]]
    fit = time[folds.fit(0, 0)[folds.atom_of_time]]
    assert len(validation) == len(training) // 5
    assert np.concatenate([fit, validation]).tolist() == training.tolist()
    assert time[folds.train[0][folds.atom_of_time]].tolist() == training.tolist()
    assert not folds.held_out.any()
    assert (folds.fold_of_atom == -1).all()


def test_without_a_jackknife_a_partition_that_ends_early_is_validated_by_its_own_last_fifth():
    time = daily("2010-01-01", "2016-01-01")
    folds = make_folds(Split("2015-01-01", embargo=3), None, time)
    mine = np.r_[100:200:2, 100:200:2]  # two cells; and rows of the test and its embargo
    late = np.array([1824, 1825, 1830])
    atom = folds.atoms_of_partition(np.append(mine, late))
    assert mine[folds.validation(0, 0)[atom[:100]]].tolist() == [*range(180, 200, 2)] * 2
    assert (folds.fit(0, 0) | folds.validation(0, 0))[atom[:100]].all()
    np.testing.assert_array_equal(atom[100:], folds.atom_of_time[late])
    assert not folds.train[0][atom[100:]].any()
    whole = np.arange(len(time))
    np.testing.assert_array_equal(folds.atoms_of_partition(whole), folds.atom_of_time)
    assert len(folds.atoms_of_partition(whole[:0])) == 0


def test_with_a_jackknife_a_partition_has_the_atoms_of_the_record():
    time = daily("2010-01-01", "2016-01-01")
    folds = make_folds(None, LeaveYearsOut(), time)
    np.testing.assert_array_equal(folds.atoms_of_partition(np.arange(100)), folds.atom_of_time[:100])


def test_nothing_held_out_at_all():
    folds = make_folds(None, None, daily("2010-01-01", "2010-01-11"))
    assert folds.train.all()
    assert folds.validation(0, 0)[folds.atom_of_time].sum() == 2


def test_atoms_are_few_and_differ():
    folds = make_folds(Split("2017-01-01", 30), LeaveYearsOut(embargo=30), daily("2007-01-01", "2020-01-01"))
    together = np.vstack([folds.held, folds.near, folds.test, folds.near_test])
    assert len(np.unique(together, axis=1).T) == folds.n_atoms < 50
    assert set(folds.atom_of_time.tolist()) == set(range(folds.n_atoms))


@given(records(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_the_order_and_the_resolution_of_times_do_not_matter(time, seed):
    test, jackknife = Split("2014-03-01", 20), LeaveBlocksOut(200, embargo=10)
    folds = folds_or_reject(test, jackknife, time)
    in_nanoseconds = make_folds(test, jackknife, time.astype("datetime64[ns]"))
    assert in_nanoseconds.atom_of_time.tolist() == folds.atom_of_time.tolist()
    assert (in_nanoseconds.held == folds.held).all()


def reason_of(test, jackknife, time):
    with pytest.raises(DesignError) as refused:
        make_folds(test, jackknife, time)
    (reason,) = refused.value.reasons
    return reason


def test_one_year_says_what_to_do():
    assert reason_of(None, LeaveYearsOut(), daily("2010-01-01", "2011-01-01")) == (
        "The jackknife has only 1 fold (2010) between 2010-01-01 and 2010-12-31. It needs three: one held out, one to "
        "validate, one to learn from. Move the test date, use LeaveBlocksOut(days=90), or jackknife=None."
    )


def test_two_years_before_the_test_are_too_few():
    reason = reason_of(Split("2012-01-01"), LeaveYearsOut(), daily("2010-01-01", "2014-01-01"))
    assert "only 2 folds (2010, 2011) between 2010-01-01 and 2011-12-31" in reason


def test_a_test_date_after_the_record_is_refused():
    reason = reason_of(Split("2017-01-01"), LeaveYearsOut(), daily("2010-01-01", "2014-01-01"))
    assert "lies after the last time (2013-12-31)" in reason
    assert "earlier date" in reason


@pytest.mark.parametrize("date", ["2010-01-01", "1999-01-01"])
def test_a_test_date_before_the_record_is_refused(date):
    reason = reason_of(Split(date), LeaveYearsOut(), daily("2010-01-01", "2014-01-01"))
    assert f"the record begins on 2010-01-01, not before the test date {date}" in reason


def test_a_test_embargo_that_swallows_the_record_is_refused():
    reason = reason_of(Split("2011-01-01", embargo=500), None, daily("2010-01-01", "2014-01-01"))
    assert "its embargo of 500 days" in reason


def test_an_embargo_that_leaves_nothing_to_learn_from_is_refused():
    time = daily("2010-01-01", "2014-01-01")
    reason = reason_of(None, LeaveYearsOut(embargo=2000), time)
    assert "The embargo of 2000 days leaves nothing to learn from" in reason
    assert "2010, 2011, 2012, 2013" in reason
    # Three years with half a year of embargo: with two of them away, the third still has its middle.
    assert make_folds(None, LeaveYearsOut(embargo=150), daily("2010-01-01", "2013-01-01")).n_members == 3
    assert "2011" in reason_of(None, LeaveYearsOut(embargo=365), daily("2010-01-01", "2013-01-01"))


def test_no_time_at_all_is_refused():
    assert "no time" in reason_of(None, None, daily("2010-01-01", "2010-01-01"))
    assert "no time" in reason_of(Split("2010-01-01"), LeaveYearsOut(), daily("2010-01-01", "2010-01-01"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LeaveYearsOut(years=0), "number of years"),
        (lambda: LeaveYearsOut(years=1.5), "number of years"),
        (lambda: LeaveYearsOut(years="1"), "number of years"),
        (lambda: LeaveYearsOut(years=10**9), "number of years"),
        (lambda: LeaveYearsOut(years=True), "number of years"),
        (lambda: LeaveYearsOut(first_month=13), "first month"),
        (lambda: LeaveYearsOut(first_month=None), "first month"),
        (lambda: LeaveYearsOut(embargo=-1), "embargo of the jackknife"),
        (lambda: LeaveYearsOut(embargo=float("nan")), "embargo of the jackknife"),
        (lambda: LeaveYearsOut(embargo=float("inf")), "embargo of the jackknife"),
        (lambda: LeaveYearsOut(embargo=1e300), "embargo of the jackknife"),
        (lambda: LeaveYearsOut(embargo=True), "embargo of the jackknife"),
        (lambda: LeaveYearsOut(embargo="30"), "embargo of the jackknife"),
        (lambda: LeaveBlocksOut(days=0), "number of days"),
        (lambda: LeaveBlocksOut(days=30, embargo=None), "embargo of the jackknife"),
        (lambda: Split("tomorrow"), "no date"),
        (lambda: Split("2017-13-01"), "no date"),
        (lambda: Split("2017-01-01", embargo=-3), "embargo of the test split"),
        (lambda: jackknife_from("years"), "not known"),
        (lambda: jackknife_from(5), "not known"),
        (lambda: jackknife_from(LeaveYearsOut), "not known"),
        (lambda: jackknife_from({"kind": "dice"}), "LeaveYearsOut, LeaveBlocksOut, LeaveRandomOut"),
        (lambda: LeaveRandomOut(folds=2), "number of random folds is 2; it must be a whole number from 3 to 100"),
        (lambda: LeaveRandomOut(folds=5.5), "number of random folds"),
        (lambda: LeaveRandomOut(seed=-1), "seed of the random folds"),
        (lambda: LeaveRandomOut(seed=0.5), "seed of the random folds"),
        (lambda: LeaveRandomOut(embargo=-1), "embargo of the jackknife"),
        (lambda: jackknife_from({"kind": ["years"]}), "not known"),
        (lambda: jackknife_from({"kind": "years", "gap": 3}), "cannot be understood"),
        (lambda: jackknife_from({"kind": "blocks"}), "cannot be understood"),
        (lambda: split_from({"date": "2017-01-01", "gap": 3}), "not known"),
        (lambda: split_from({"kind": "region", "date": "2017-01-01"}), "not known"),
        (lambda: split_from({"embargo": 3}), "not known"),
        (lambda: split_from(["2017-01-01"]), "no date"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(DesignError, match=words):
        make()


@given(jackknives)
def test_splitters_come_back_from_json(jackknife):
    assert jackknife_from(jackknife.to_json()) == jackknife
    assert hash(jackknife_from(jackknife.to_json())) == hash(jackknife)


@given(tests)
def test_splits_come_back_from_json(test):
    assert split_from(test.to_json() if test else None) == test


def test_shorthand_equals_objects():
    assert jackknife_from("year") == LeaveYearsOut()
    assert jackknife_from(None) is None
    assert split_from(datetime.date(2017, 1, 1)) == split_from("2017-01-01") == Split("2017-01-01")
    assert split_from(np.datetime64("2017-01-01")) == Split("2017-01-01")


def test_numpys_numbers_become_pythons():
    made = LeaveYearsOut(np.int64(2), np.int32(10), np.float32(30))
    assert [type(value) for value in (made.years, made.first_month, made.embargo)] == [int, int, float]


def test_a_new_splitter_is_one_class():
    from motrain_app.design import splitters

    @splitter_kind("thirds")
    class LeaveThirdsOut:
        embargo = 0.0

        def holdouts(self, time):
            edges = [time[0], time[len(time) // 3], time[2 * len(time) // 3], time[-1] + np.timedelta64(1, "us")]
            return [Holdout(str(n), [[edges[n], edges[n + 1]]]) for n in range(3)]

        def to_json(self):
            return {"kind": "thirds"}

    try:
        splitter = jackknife_from({"kind": "thirds"})
        folds = make_folds(None, splitter, daily("2010-01-01", "2010-01-10"))
        assert [np.bincount(folds.atom_of_time)[held].sum() for held in folds.held] == [3, 3, 3]
    finally:
        del splitters._SPLITTERS["thirds"]


def test_folds_of_forty_years_of_hours_are_made_at_once(record_property):
    import time as clock

    hours = np.arange("1980-01-01", "2020-01-01", dtype="datetime64[h]")
    begin = clock.perf_counter()
    folds = make_folds(Split("2018-01-01", 30), LeaveYearsOut(embargo=30), hours)
    seconds = clock.perf_counter() - begin
    assert folds.n_members == 38
    record_property("seconds", seconds)
    print(f"folds of {len(hours):,} times: {1000 * seconds:.0f} ms, {folds.n_atoms} atoms")
