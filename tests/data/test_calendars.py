"""Times of other calendars come to the standard one; a row is lost only where it is said."""

import itertools
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.data import open_source
from motrain_app.data.calendars import to_standard
from motrain_app.data.time_axis import build_time_axis


def dates(calendar: str, *, step_days: float, n: int, start: str = "2000-01-01") -> np.ndarray:
    return cftime.num2date(np.arange(n) * step_days, f"days since {start}", calendar=calendar)


def test_a_daily_series_of_360_days_a_year_keeps_every_row_and_every_year() -> None:
    values, align_on = to_standard(dates("360_day", step_days=1, n=3600), calendar="360_day")
    assert align_on == "year"
    assert not np.isnat(values).any()
    assert (np.diff(values) > np.timedelta64(0)).all()
    years = values.astype("datetime64[Y]")
    assert [int((years == year).sum()) for year in np.unique(years)] == [360] * 10


def test_a_daily_season_is_spread_like_the_years_it_belongs_to() -> None:
    # March to May have no day that the standard calendar lacks; yet their rows are a part of 360 days a year.
    values, align_on = to_standard(dates("360_day", step_days=1, n=90, start="2001-03-01"), calendar="360_day")
    assert align_on == "year"
    assert len(np.unique(values)) == 90


def test_a_six_hourly_series_of_360_days_a_year_keeps_every_row() -> None:
    values, align_on = to_standard(dates("360_day", step_days=0.25, n=4 * 720), calendar="360_day")
    assert align_on == "year"
    assert len(np.unique(values)) == 4 * 720


def test_monthly_means_of_360_days_a_year_keep_their_dates() -> None:
    values, align_on = to_standard(dates("360_day", step_days=30, n=24, start="2000-01-16"), calendar="360_day")
    assert align_on == "date"
    assert set(values.astype("datetime64[D]").astype(str)) == {
        f"{year}-{month:02d}-16" for year in (2000, 2001) for month in range(1, 13)
    }


def test_pentads_that_fall_on_the_30th_of_february_are_spread_rather_than_lost() -> None:
    values, align_on = to_standard(dates("360_day", step_days=5, n=720, start="2001-01-05"), calendar="360_day")
    assert align_on == "year"
    assert len(np.unique(values)) == 720
    assert not np.isnat(values).any()


def test_a_year_without_leap_day_keeps_its_dates() -> None:
    given = dates("noleap", step_days=1, n=1460)
    values, align_on = to_standard(given, calendar="noleap")
    assert align_on == "date"
    assert [str(value)[:10] for value in values] == [date.strftime("%Y-%m-%d") for date in given]


def test_repeated_dates_stay_repeated() -> None:
    given = np.repeat(dates("noleap", step_days=1, n=3), 2)
    values, _ = to_standard(given, calendar="noleap")
    assert (values[::2] == values[1::2]).all()
    assert len(np.unique(values)) == 3


def test_leap_days_that_do_not_exist_are_counted_as_lost(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {"T": (("cell", "time"), np.arange(366.0)[np.newaxis])},
        coords={
            "lat": ("cell", [45.0]),
            "lon": ("cell", [5.0]),
            "time": ("time", np.arange(366.0), {"units": "days since 2001-01-01", "calendar": "all_leap"}),
        },
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    opened = open_source(tmp_path / "data.nc")
    assert opened.dataset.sizes["time"] == 365
    assert 59.0 not in opened.dataset["T"].values
    (problem,) = (problem for problem in opened.problems if problem.code == "convert_calendar")
    assert (problem.severity, problem.count) == ("warning", 1)
    assert {
        "code": "convert_calendar",
        "calendar": "all_leap",
        "align_on": "date",
        "lost": 1,
    } in opened.remedies


@pytest.mark.parametrize("calendar", ["standard", "gregorian", "proleptic_gregorian"])
def test_standard_calendars_need_no_remedy(tmp_path: Path, calendar: str) -> None:
    dataset = xr.Dataset(
        {"T": (("cell", "time"), np.arange(3.0)[np.newaxis])},
        coords={
            "lat": ("cell", [45.0]),
            "lon": ("cell", [5.0]),
            "time": ("time", [0.5, 1.5, 2.5], {"units": "days since 2001-01-01", "calendar": calendar}),
        },
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    opened = open_source(tmp_path / "data.nc")
    assert opened.remedies == ()
    assert str(opened.dataset["time"].values[0]) == "2001-01-01T12:00:00.000000000"


def test_repeats_stay_in_the_order_of_the_file() -> None:
    stamps = np.datetime64("2007-01-01", "ns") + np.tile([2, 0, 1], 200) * np.timedelta64(1, "D")
    (order,) = build_time_axis(stamps).picks
    assert order.tolist() == [*range(1, 600, 3), *range(2, 600, 3), *range(0, 600, 3)]


MINUTES = st.lists(st.integers(0, 300), min_size=1, max_size=40)


@given(minutes=MINUTES)
@settings(deadline=None)
def test_shifted_repeats_are_distinct_sorted_and_lose_no_row(minutes: list[int]) -> None:
    start = np.datetime64("2007-01-01", "ns")
    times = start + np.array(minutes) * np.timedelta64(1, "m")
    axis = build_time_axis(times)
    (order,) = axis.picks
    assert sorted(order) == list(range(len(times)))
    assert (np.diff(axis.values) > np.timedelta64(0)).all()
    moved = axis.values - times[order]
    assert (moved >= np.timedelta64(0)).all()
    # A row never passes the next stamp of the file.
    following = dict(itertools.pairwise(np.unique(times)))
    for value, time in zip(axis.values, times[order], strict=True):
        assert time not in following or value < following[time]
    # Half an hour wherever that is free.
    for time in np.unique(times):
        n = int((times == time).sum())
        if n > 1 and (time not in following or (n - 1) * np.timedelta64(30, "m") < following[time] - time):
            assert (np.diff(axis.values[times[order] == time]) == np.timedelta64(30, "m")).all()


@given(minutes=MINUTES)
@settings(deadline=None)
def test_averaged_repeats_gather_each_row_once(minutes: list[int]) -> None:
    times = np.datetime64("2007-01-01", "ns") + np.array(minutes) * np.timedelta64(1, "m")
    axis = build_time_axis(times, repeated="average")
    picked = np.concatenate([pick[pick >= 0] for pick in axis.picks])
    assert sorted(picked) == list(range(len(times)))
    for pick in axis.picks:
        assert (times[pick[pick >= 0]] == axis.values[pick >= 0]).all()
