"""Periods: which times they hold, and the one label that they give to each."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import DesignError, Period
from motrain_app.design.periods import label_times, parse_date

DAYS = np.arange("2015-01-01", "2018-01-01", dtype="datetime64[D]")

dates = st.dates(datetime.date(2014, 6, 1), datetime.date(2018, 6, 1))
intervals = st.tuples(dates, dates).filter(lambda pair: pair[0] != pair[1]).map(sorted)
extents = st.one_of(
    st.fixed_dictionaries({"intervals": st.lists(intervals, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"months": st.lists(st.integers(1, 12), min_size=1, max_size=4)}),
)
periods = st.builds(lambda name, extent: Period(name, **extent), st.text(min_size=1, max_size=8), extents)


def holds(period, day):
    """The meaning of a period in Python's own dates."""
    date = datetime.date.fromisoformat(str(day))
    of_interval = any(start <= str(date) < end for start, end in period.intervals)
    return of_interval or date.month in period.months


@settings(deadline=None, max_examples=60)
@given(st.lists(periods, min_size=1, max_size=4, unique_by=lambda period: period.name))
def test_labels_equal_a_loop_over_days_and_the_earlier_period_wins(chosen):
    days = DAYS[::7]
    expected = [next((n for n, period in enumerate(chosen) if holds(period, day)), -1) for day in days]
    if set(range(len(chosen))) <= set(expected):
        labels = label_times(chosen, days)
        assert labels.label.tolist() == expected
        assert labels.names == tuple(period.name for period in chosen)
    else:
        with pytest.raises(DesignError) as refused:
            label_times(chosen, days)
        assert len(refused.value.reasons) == len(set(range(len(chosen))) - set(expected))


@given(periods, st.text(max_size=5))
def test_periods_come_back_from_json(period, id_):
    period = Period(period.name, period.intervals, period.months, id_)
    assert Period.from_json(period.to_json()) == period
    assert hash(Period.from_json(period.to_json())) == hash(period)


def test_a_winter_spans_the_turn_of_the_year_also_before_1970():
    winter = Period("winter", months=(12, 1, 2))
    for year in (1950, 2015):
        days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
        months = pd.DatetimeIndex(days).month
        assert (winter.contains(days) == np.isin(months, [12, 1, 2])).all()


def test_the_end_of_an_interval_is_not_included():
    period = Period("first half", intervals=[("2016-01-01", "2016-07-01")])
    times = np.array(["2015-12-31T23:59:59.999999", "2016-01-01", "2016-06-30T23:59", "2016-07-01"], "datetime64[us]")
    assert period.contains(times).tolist() == [False, True, True, False]


def test_dates_of_pandas_and_of_python_are_taken():
    one = Period("a", intervals=[(pd.Timestamp("2016-01-01"), datetime.date(2016, 7, 1))])
    two = Period("a", intervals=[("2016-01-01", "2016-07")])
    assert (one.contains(DAYS) == two.contains(DAYS)).all()


def test_without_periods_all_time_is_one():
    labels = label_times(None, DAYS)
    assert labels.names == ("all time",)
    assert not labels.label.any()


def test_times_outside_all_periods_have_no_label():
    labels = label_times([Period("2016", intervals=[("2016-01-01", "2017-01-01")])], DAYS)
    assert ((labels.label == 0) == (DAYS.astype("datetime64[Y]").astype(int) == 46)).all()


def test_ids_come_from_the_period_alone():
    one, two = Period("2016", intervals=[("2016-01-01", "2017-01-01")]), Period("summer", months=(6, 7, 8))
    first = label_times([one, two], DAYS)
    second = label_times([two, one], DAYS)
    assert dict(zip(first.names, first.ids.tolist(), strict=True)) == dict(
        zip(second.names, second.ids.tolist(), strict=True)
    )
    renamed = label_times([Period("Sommer", months=(6, 7, 8), id="summer")], DAYS)
    assert renamed.ids[0] == second.ids[0]


@pytest.mark.parametrize(
    ("extent", "words"),
    [
        ({}, "needs either intervals or months"),
        ({"intervals": [("2016", "2017")], "months": (1,)}, "not both"),
        ({"months": (0,)}, "1 to 12"),
        ({"months": (1.5,)}, "1 to 12"),
        ({"months": (True,)}, "1 to 12"),
        ({"months": ("May",)}, "1 to 12"),
        ({"intervals": [("2017-01-01", "2016-01-01")]}, "ends (2016-01-01) no later than it starts"),
        ({"intervals": [("2017-01-01", "2017-01-01")]}, "Swap"),
        ({"intervals": [("2017-02-30", "2018-01-01")]}, "'2017-02-30' in the period 'odd' is no date"),
        ({"intervals": [("2017-01-01",)]}, "no pairs"),
        ({"intervals": "2017"}, "no pairs"),
        ({"intervals": 5}, "no pairs"),
    ],
)
def test_a_period_that_cannot_be_is_refused(extent, words):
    with pytest.raises(DesignError) as refused:
        Period("odd", **extent)
    assert words in str(refused.value)


def test_every_bad_interval_of_a_period_is_told():
    with pytest.raises(DesignError) as refused:
        Period("odd", intervals=[("x", "2016"), ("2018", "2017")], months=(13,))
    assert len(refused.value.reasons) == 4


def test_a_period_without_a_name_is_refused():
    with pytest.raises(DesignError, match="no name"):
        Period("", months=(1,))


@pytest.mark.parametrize(
    "text", ["today", "now", "NaT", "", "20170101", "2017-01-01T00:00Z", "2017-01-01+01:00", "1 Jan 2017", "-2017"]
)
def test_what_numpy_would_take_for_a_date_and_a_person_would_not_is_refused(text):
    with pytest.raises(DesignError, match="Write it as 2017-01-01"):
        parse_date(text, "test split")


@pytest.mark.parametrize("value", ["winter", {}, {"name": "a", "month": [1]}, {"months": [1]}, [1]])
def test_json_that_is_no_period_is_refused(value):
    with pytest.raises(DesignError, match="cannot be read"):
        Period.from_json(value)


@pytest.mark.parametrize("months", ["12", 12])
def test_json_months_that_are_no_list_are_refused(months):
    with pytest.raises(DesignError, match="no list"):
        Period.from_json({"name": "a", "months": months})


def test_periods_without_times_and_covered_ones_are_told_together():
    chosen = [
        Period("all", intervals=[("2000-01-01", "2030-01-01")]),
        Period("late", intervals=[("2050-01-01", "2060-01-01")]),
        Period("summer", months=(6,)),
        Period("late", months=(7,), id="again"),
    ]
    with pytest.raises(DesignError) as refused:
        label_times(chosen, DAYS)
    text = str(refused.value)
    assert "The period 'late' contains no time of the dataset (2015-01-01 to 2017-12-31)." in text
    assert "Every time of the period 'summer' belongs to periods above it." in text
    assert "Two periods have the same name 'late'." in text


def test_an_empty_list_of_periods_is_refused():
    with pytest.raises(DesignError, match="no period"):
        label_times([], DAYS)


def test_a_dataset_without_times_is_told():
    with pytest.raises(DesignError, match="which has none"):
        label_times([Period("summer", months=(6,))], DAYS[:0])
