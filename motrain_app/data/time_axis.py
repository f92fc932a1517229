"""From the times of a file, in any order and with repeats, to a sorted axis of distinct times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from motrain_app.data.problems import Problem
from motrain_app.data.remedies import Remedy

Times = npt.NDArray[np.datetime64]
RepeatedTimes = Literal["shift", "average"]

HALF_HOUR = np.timedelta64(30, "m")


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """How the rows of a file become the rows of the dataset.

    Parameters
    ----------
    values
        (n,) datetime64, sorted and distinct.
    picks
        Positions of rows in the file, each (n,). One array: row by row. Several: the mean over them, −1 where
        a time has fewer repeats.
    remedies, problems
        What was done.
    """

    values: Times
    picks: tuple[npt.NDArray[np.intp], ...]
    remedies: tuple[Remedy, ...]
    problems: tuple[Problem, ...]


def build_time_axis(times: Times, *, repeated: RepeatedTimes = "shift", where: str = "") -> TimeAxis:
    """Sort times, leave out rows without one, and keep repeats apart or average them.

    Parameters
    ----------
    times
        (n,) datetime64 in the order of the file; NaT where there is none.
    repeated
        ``"shift"``: each repeat moves on by half an hour, or by equal parts of the gap to the next time where
        that gap is too short, so that order and number of rows stay. ``"average"``: rows of equal time become
        one.
    where
        Name of the file, for messages.

    Examples
    --------
    >>> axis = build_time_axis(np.array(["2007-01-02", "2007-01-01", "2007-01-01"], dtype="datetime64[ns]"))
    >>> print(axis.values.astype("datetime64[m]"), axis.picks)
    ['2007-01-01T00:00' '2007-01-01T00:30' '2007-01-02T00:00'] (array([1, 2, 0]),)
    """
    remedies: list[Remedy] = []
    problems: list[Problem] = []
    rows = np.flatnonzero(~np.isnat(times))
    if missing := len(times) - len(rows):
        remedies.append({"code": "drop_missing_times", "count": missing})
        problems.append(
            Problem(
                "warning",
                "drop_missing_times",
                f"{missing:,} of {len(times):,} rows have no time and were left out",
                where=where,
                count=missing,
            )
        )
    order = rows[np.argsort(times[rows], kind="stable")]
    if displaced := int((order != rows).sum()):
        remedies.append({"code": "sort_time", "count": displaced})
        what = f"{displaced:,} of {len(rows):,} times were out of order; they were sorted"
        problems.append(Problem("note", "sort_time", what, where=where, count=displaced))
    ordered = times[order]
    distinct, first, repeats = np.unique(ordered, return_index=True, return_counts=True)
    count = len(ordered) - len(distinct)
    if not count:
        return TimeAxis(ordered, (order.astype(np.intp),), tuple(remedies), tuple(problems))
    remedies.append({"code": "repeated_times", "how": repeated, "count": count})
    problems.append(_repeated_problem(count, len(ordered), repeated, where))
    if repeated == "average":
        picks = tuple(
            np.where(k < repeats, order[np.minimum(first + k, len(order) - 1)], -1).astype(np.intp)
            for k in range(int(repeats.max()))
        )
        return TimeAxis(distinct, picks, tuple(remedies), tuple(problems))
    shifted = ordered + _shifts(distinct, first, repeats, len(ordered))
    return TimeAxis(shifted, (order.astype(np.intp),), tuple(remedies), tuple(problems))


def _shifts(
    distinct: Times, first: npt.NDArray[np.intp], repeats: npt.NDArray[np.intp], n: int
) -> npt.NDArray[np.timedelta64]:
    """How far each row moves on: (n,) timedelta64."""
    gaps = np.diff(distinct)
    half_hour = HALF_HOUR.astype(f"timedelta64[{np.datetime_data(distinct.dtype)[0]}]")
    step = np.full(len(distinct), half_hour)
    # The last repeat must stay before the next time: else the order of observations would change.
    too_long = (repeats[:-1] - 1) * half_hour >= gaps
    step[:-1][too_long] = (gaps // repeats[:-1])[too_long]
    group = np.repeat(np.arange(len(distinct)), repeats)
    shifts: npt.NDArray[np.timedelta64] = (np.arange(n) - first[group]) * step[group]
    return shifts


def _repeated_problem(count: int, total: int, how: RepeatedTimes, where: str) -> Problem:
    done = (
        "each repeat was moved on by half an hour, or less where the next time is nearer"
        if how == "shift"
        else "rows of equal time were averaged"
    )
    return Problem(
        "warning",
        "repeated_times",
        f"{count:,} of {total:,} rows repeat the time of another; {done}",
        where=where,
        count=count,
        remedy="Two passes under one stamp are kept apart this way; average them instead with the remedy "
        '{"code": "repeated_times", "how": "average"}.',
        fix={"code": "repeated_times", "how": "average"} if how == "shift" else None,
    )
