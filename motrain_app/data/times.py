"""From what a file calls time to datetime64 in the standard calendar."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from motrain_app.data.calendars import STANDARD_CALENDARS, to_nanoseconds, to_standard
from motrain_app.data.decoding import decode_variable
from motrain_app.data.problems import DataError, Problem, refuse, shorten
from motrain_app.data.remedies import Remedy
from motrain_app.data.text_times import parse_date_numbers, parse_text_times

Times = npt.NDArray[np.datetime64]

_SINCE = re.compile(r"^\s*(?P<unit>[A-Za-z]+)\s+since\s+(?P<start>.+)$")
_MONTHS = {"month": 1, "months": 1, "mon": 1, "mons": 1, "year": 12, "years": 12, "yr": 12, "yrs": 12}
_HOW_TO_MEND = (
    "Give it units such as 'days since 2000-01-01', or set the times before saving: "
    "dataset['time'] = pandas.date_range(…)."
)


@dataclass(frozen=True, slots=True)
class DecodedTimes:
    """Times of a file.

    Parameters
    ----------
    values
        (n_times,) datetime64 in the order of the file; NaT where there is no time or none in the standard
        calendar.
    remedies, problems
        What was done to read them.
    """

    values: Times
    remedies: tuple[Remedy, ...] = ()
    problems: tuple[Problem, ...] = ()


def decode_times(variable: xr.Variable, *, name: str, where: str = "") -> DecodedTimes:
    """Read the time variable of a file.

    Parameters
    ----------
    variable
        As it is stored, undecoded: numbers with units and calendar, text, date numbers (20070102), datetime64
        or cftime objects; at most one dimension besides the length of text.
    name, where
        Names of the variable and of the file, for messages.

    Raises
    ------
    DataError
        ``time_without_units``, ``time_units``, ``unknown_calendar``, ``ambiguous_times``,
        ``unreadable_times``.
    """
    place = f"{where}: {shorten(name)}" if where else shorten(name)
    if variable.dtype.kind == "M":
        return DecodedTimes(to_nanoseconds(np.atleast_1d(variable.values)))
    if variable.dtype.kind in "SUO":
        values = _text_values(variable)
        if values.dtype == object and values.size and hasattr(values.flat[0], "calendar"):
            return _from_dates(values, calendar=str(values.flat[0].calendar), where=place)
        return _parsed(parse_text_times([str(value) for value in values], where=place), place)
    units = str(variable.attrs.get("units", ""))
    found = _SINCE.match(units)
    if found is None:
        numbers = parse_date_numbers(np.atleast_1d(variable.values))
        if numbers is None:
            raise refuse(
                "time_without_units",
                f"Its times are numbers whose units ({shorten(units) or 'none'}) name no start",
                where=place,
                remedy=_HOW_TO_MEND,
            )
        return _parsed(numbers, place)
    calendar = str(variable.attrs.get("calendar", "standard")).strip().lower()
    if found["unit"].lower() in _MONTHS and calendar != "360_day":
        return _count_months(variable, _MONTHS[found["unit"].lower()], found["start"], place)
    return _decode_cf(variable, calendar, place)


def _text_values(variable: xr.Variable) -> npt.NDArray[Any]:
    values = np.atleast_1d(decode_variable(variable).values)
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    if values.dtype == object and values.size and isinstance(values.flat[0], bytes):
        return np.array([value.decode("utf-8", "replace") for value in values.flat])
    return values


def _decode_cf(variable: xr.Variable, calendar: str, where: str) -> DecodedTimes:
    coder = xr.coders.CFDatetimeCoder(use_cftime=None if calendar in STANDARD_CALENDARS else True)
    known = (*STANDARD_CALENDARS, "noleap", "365_day", "360_day", "all_leap", "366_day", "julian")
    if calendar not in known:
        raise refuse(
            "unknown_calendar",
            f"Its times have the calendar {shorten(calendar)!r}",
            where=where,
            remedy=f"Calendars that are converted: {', '.join(known)}.",
        )
    lowered = xr.Variable(variable.dims, variable.values, {**variable.attrs, "calendar": calendar})
    try:
        with warnings.catch_warnings():
            # Times before 1582 or beyond datetime64[ns] come back as dates and are converted below.
            warnings.simplefilter("ignore", xr.SerializationWarning)
            values = np.atleast_1d(decode_variable(lowered, times=coder).values)
    except (ValueError, OverflowError, TypeError) as error:
        raise _bad_units(str(variable.attrs.get("units")), where) from error
    if values.dtype.kind == "M":
        return DecodedTimes(to_nanoseconds(values))
    if values.dtype != object:
        raise _bad_units(str(variable.attrs.get("units")), where)
    return _from_dates(values, calendar=calendar, where=where)


def _from_dates(dates: npt.NDArray[np.object_], *, calendar: str, where: str) -> DecodedTimes:
    values, align_on = to_standard(dates, calendar=calendar)
    if calendar in STANDARD_CALENDARS:
        return DecodedTimes(values)
    lost = int(np.isnat(values).sum())
    remedy = {"code": "convert_calendar", "calendar": calendar, "align_on": align_on, "lost": lost}
    how = "keeping dates" if align_on == "date" else "spreading the days evenly over each year"
    what = f"Its times have the calendar {calendar}; they were converted to the standard one, {how}"
    if not lost:
        problem = Problem("note", "convert_calendar", what, where=where, count=len(values))
    else:
        problem = Problem(
            "warning",
            "convert_calendar",
            f"{what}; {lost:,} of {len(values):,} have no place there and were left out",
            where=where,
            count=lost,
            remedy="Convert the calendar before saving if these rows matter.",
        )
    return DecodedTimes(values, (remedy,), (problem,))


def _count_months(variable: xr.Variable, months: int, start: str, where: str) -> DecodedTimes:
    """Months and years since a date, where each is a whole number of calendar months."""
    counts = np.atleast_1d(variable.values).astype(np.float64) * months
    try:
        first = pd.Timestamp(start.strip())
    except ValueError as error:
        raise _bad_units(str(variable.attrs.get("units")), where) from error
    if pd.isna(first) or not np.isfinite(counts).all() or (counts != np.round(counts)).any() or first.day > 28:
        raise refuse(
            "time_units",
            f"Its units are {shorten(repr(variable.attrs.get('units')))}, and a month has no fixed length: "
            "fractions of a month, or months from the end of a month, can be read in several ways",
            where=where,
            remedy=f"Decide which date each one means. {_HOW_TO_MEND}",
        )
    first = first.tz_convert(None) if first.tzinfo is not None else first
    month = first.to_datetime64().astype("datetime64[M]")
    values = (month + counts.astype(np.int64)).astype("datetime64[us]") + (
        first.to_datetime64().astype("datetime64[us]") - month.astype("datetime64[us]")
    )
    problem = Problem(
        "note",
        "decode_months",
        f"Its units are {shorten(repr(variable.attrs.get('units')))}; they were counted as calendar months",
        where=where,
        count=len(values),
    )
    remedy = {"code": "decode_months", "units": shorten(variable.attrs.get("units"))}
    return DecodedTimes(to_nanoseconds(values), (remedy,), (problem,))


def _parsed(parsed: tuple[Times, str], where: str) -> DecodedTimes:
    values, form = parsed
    problem = Problem(
        "note",
        "parse_times",
        f"Its times are text or date numbers; they were read as {form}",
        where=where,
        count=len(values),
    )
    return DecodedTimes(to_nanoseconds(values), ({"code": "parse_times", "format": form},), (problem,))


def _bad_units(units: str, where: str) -> DataError:
    return refuse(
        "time_units",
        f"Its times cannot be read from the units {shorten(units)!r}",
        where=where,
        remedy=_HOW_TO_MEND,
    )
