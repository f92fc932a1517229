"""Periods: named parts of time, and the one label that they give to each time step."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError
from motrain_app.design.identity import id_of_text
from motrain_app.design.regions import Labels, repeated

Times = NDArray[np.datetime64]
_ISO_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A named part of time: dated intervals, or a season that recurs every year.

    Parameters
    ----------
    name
        What the screen and the tables show; a label that may change.
    intervals
        Pairs of ISO dates (start, end), the end not included.
    months
        Months 1…12 that recur every year, in place of intervals.
    id
        Never changes; the name where nothing else is given.

    Raises
    ------
    DesignError
        Where it is not known which times are meant; with every reason.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["2016-12-31", "2017-06-01"], "datetime64[D]")
    >>> Period("winter", months=(12, 1, 2)).contains(days)
    array([ True, False])
    >>> Period("first half", intervals=(("2017-01-01", "2017-07-01"),)).contains(days)
    array([False,  True])
    """

    name: str
    intervals: tuple[tuple[str, str], ...] = ()
    months: tuple[int, ...] = ()
    id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.id or self.name)
        object.__setattr__(self, "intervals", _as_pairs(self.intervals, self.name))
        months: tuple[Any, ...] = tuple(self.months)
        whole = tuple(int(month) if isinstance(month, np.integer) else month for month in months)
        object.__setattr__(self, "months", whole)
        reasons = [] if self.name else ["A period has no name. Give it one."]
        if bool(self.intervals) == bool(self.months):
            reasons.append(f"The period {self.name!r} needs either intervals or months, and not both.")
        if not all(type(month) is int and 1 <= month <= 12 for month in self.months):
            listed = ", ".join(str(month) for month in self.months)
            reasons.append(f"The period {self.name!r} has the months {listed}; months are whole numbers, 1 to 12.")
        for pair in self.intervals:
            reasons += _why_no_interval(*pair, self.name)
        if reasons:
            raise DesignError(reasons)

    def contains(self, time: Times) -> NDArray[np.bool_]:
        """Return which of the times, shape (n,), lie in the period."""
        if self.months:
            return np.isin(time.astype("datetime64[M]").astype(np.int64) % 12 + 1, self.months)
        inside = np.zeros(len(time), bool)
        for start, end in self.intervals:
            inside |= (time >= np.datetime64(start)) & (time < np.datetime64(end))
        return inside

    def to_json(self) -> dict[str, Any]:
        """Return the period as plain JSON values."""
        extent: dict[str, Any] = {"intervals": [list(pair) for pair in self.intervals]}
        return {"id": self.id, "name": self.name} | ({"months": list(self.months)} if self.months else extent)

    @classmethod
    def from_json(cls, value: Any) -> "Period":
        """Make a period of the values that `to_json` gave."""
        if not isinstance(value, Mapping) or not {"name"} <= set(value) <= {
            "id",
            "name",
            "intervals",
            "months",
        }:
            raise DesignError(f"The period {value!r:.100} cannot be read. Give it a name and intervals or months.")
        name = str(value["name"])
        months = value.get("months", ())
        if not isinstance(months, Sequence) or isinstance(months, str):
            raise DesignError(f"The months of the period {name!r} are no list such as [12, 1, 2].")
        return cls(name, value.get("intervals", ()), tuple(months), str(value.get("id") or ""))


def _as_pairs(intervals: Any, name: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple((str(start), str(end)) for start, end in intervals)
    except (TypeError, ValueError):
        raise DesignError(f"The intervals of the period {name!r} are no pairs of dates (start, end).") from None


def _why_no_interval(start: str, end: str, name: str) -> tuple[str, ...]:
    try:
        reversed_ = parse_date(start, f"period {name!r}") >= parse_date(end, f"period {name!r}")
    except DesignError as error:
        return error.reasons
    if reversed_:
        return (f"The period {name!r} ends ({end}) no later than it starts ({start}). Swap the dates.",)
    return ()


def parse_date(text: str, where: str) -> np.datetime64:
    """Return an ISO date or time, or raise a DesignError that says where it stood."""
    date: np.datetime64 = np.datetime64("NaT")
    if _ISO_DATE.fullmatch(text):  # NumPy alone would take "today", time zones, and 20170101 for a year
        with contextlib.suppress(ValueError):
            date = np.datetime64(text, "us")
    if np.isnat(date):
        raise DesignError(f"{text!r} in the {where} is no date. Write it as 2017-01-01.")
    return date


def check_periods(periods: Sequence[Period]) -> None:
    """Raise DesignError with every reason why periods cannot be used that can be told without a dataset."""
    reasons = [] if periods else ["The design has no period. Add one, or leave periods empty for all time."]
    for what in ("id", "name"):
        twins = repeated(getattr(period, what) for period in periods)
        reasons += [f"Two periods have the same {what} {twice!r}. Give each its own {what}." for twice in twins]
    if reasons:
        raise DesignError(reasons)


def label_times(periods: Sequence[Period] | None, time: Times) -> Labels:
    """Label each time step with the period it belongs to; where periods overlap, the earlier one wins.

    Parameters
    ----------
    periods
        In order of precedence. None: one period with all times.
    time
        datetime64, shape (n_time,).

    Raises
    ------
    DesignError
        With one reason for each period without a time step of its own, or whose id or name is taken.
    """
    if periods is None:
        always = np.zeros(len(time), np.int32)
        return Labels(always, np.array([id_of_text("all time")], np.uint64), ("all time",))
    label = np.full(len(time), -1, np.int32)
    reasons: list[str] = []
    try:
        check_periods(periods)
    except DesignError as error:
        reasons += error.reasons
    for number, period in enumerate(periods):
        inside = period.contains(time)
        if not inside.any():
            reasons.append(
                f"The period {period.name!r} contains no time of the dataset ({_span(time)}). Change or remove it."
            )
        elif not (inside & (label < 0)).any():
            reasons.append(
                f"Every time of the period {period.name!r} belongs to periods above it. Reorder or remove it."
            )
        label[inside & (label < 0)] = number
    if reasons:
        raise DesignError(reasons)
    ids = np.array([id_of_text(period.id) for period in periods], np.uint64)
    return Labels(label, ids, tuple(period.name for period in periods))


def _span(time: Times) -> str:
    if not len(time):
        return "which has none"
    return f"{time.min().astype('datetime64[D]')} to {time.max().astype('datetime64[D]')}"
