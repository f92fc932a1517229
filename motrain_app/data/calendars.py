"""Dates of other calendars in the standard one, without losing a row silently."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

STANDARD_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")

# Series with steps of at least so many days are called sparse: monthly means, pentads.
_SPARSE_DAYS = 2.0

_FIRST_NS, _LAST_NS = np.datetime64("1677-09-22", "us"), np.datetime64("2262-04-11", "us")

AlignOn = Literal["date", "year"]


def to_nanoseconds(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Times as datetime64[ns], or datetime64[us] where nanoseconds would overflow (before 1678, after 2261).

    Examples
    --------
    >>> to_nanoseconds(np.array(["2007-01-02"], dtype="datetime64[D]")).dtype
    dtype('<M8[ns]')
    >>> to_nanoseconds(np.array(["0850-01-01"], dtype="datetime64[D]")).dtype
    dtype('<M8[us]')
    """
    if times.dtype == "datetime64[ns]":
        return times
    coarse = times.astype("datetime64[us]")
    known = coarse[~np.isnat(coarse)]
    if known.size and (known.min() < _FIRST_NS or known.max() > _LAST_NS):
        return coarse
    return coarse.astype("datetime64[ns]")


def to_standard(dates: npt.NDArray[np.object_], *, calendar: str) -> tuple[npt.NDArray[np.datetime64], AlignOn]:
    """Convert dates of any CF calendar to the standard one.

    Sparse series keep their dates, daily ones in a calendar of 360 days are spread evenly over the year;
    whichever would lose rows gives way to the other (as `xarray.Dataset.convert_calendar`, ``align_on``).

    Parameters
    ----------
    dates
        (n,) cftime objects, in any order, repeats allowed.
    calendar
        Their calendar by its CF name.

    Returns
    -------
    values
        (n,) datetime64; NaT for dates that do not exist in the standard calendar.
    align_on
        ``"date"`` or ``"year"``.
    """
    if calendar in STANDARD_CALENDARS:
        return _to_datetime64(dates), "date"
    distinct, back = np.unique(dates, return_inverse=True)
    order: tuple[AlignOn, AlignOn] = ("date", "year")
    if calendar == "360_day" and not _is_sparse(distinct):
        order = ("year", "date")
    converted = {how: _align(distinct, how) for how in order}
    best = min(order, key=lambda how: int(np.isnat(converted[how]).sum()))
    return converted[best][back], best


def _is_sparse(distinct: npt.NDArray[np.object_]) -> bool:
    if len(distinct) < 2:
        return True
    days = [step.total_seconds() / 86400 for step in np.diff(distinct)]
    return bool(np.median(days) >= _SPARSE_DAYS)


def _align(distinct: npt.NDArray[np.object_], how: AlignOn) -> npt.NDArray[np.datetime64]:
    rows = xr.Dataset({"row": ("time", np.arange(len(distinct)))}, coords={"time": distinct})
    kept = rows.convert_calendar("standard", align_on=how, use_cftime=True)
    values = np.full(len(distinct), np.datetime64("NaT"), dtype="datetime64[us]")
    if kept.sizes["time"]:
        values[kept["row"].values.astype(np.intp)] = _to_datetime64(kept["time"].values).astype("datetime64[us]")
    return to_nanoseconds(values)


def _to_datetime64(dates: npt.NDArray[np.object_]) -> npt.NDArray[np.datetime64]:
    text = [
        f"{date.year:04d}-{date.month:02d}-{date.day:02d}T"
        f"{date.hour:02d}:{date.minute:02d}:{date.second:02d}.{date.microsecond:06d}"
        for date in dates
    ]
    return to_nanoseconds(np.array(text, dtype="datetime64[us]"))
