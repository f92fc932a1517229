"""Splitters: which intervals of time are held out as test and by each fold of the jackknife."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError
from motrain_app.design.intervals import Intervals, as_intervals, inside
from motrain_app.design.periods import Times, parse_date

Mask = NDArray[np.bool_]
FAR_FUTURE = np.datetime64("9999-01-01", "us")
_LONGEST_EMBARGO = 36_525  # days: a century, far beyond any memory that an embargo guards against


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """Rows that are withheld together: a name and the half-open intervals of time in which they lie.

    Attributes
    ----------
    name
        Of the fold.
    intervals
        [start, end) pairs, ascending, shape (n, 2).

    Examples
    --------
    >>> import numpy as np
    >>> Holdout("2010", [["2010-01-01", "2011-01-01"]]).contains(
    ...     np.array(["2010-06-01", "2011-01-01"], "datetime64[D]")
    ... )
    array([ True, False])
    """

    name: str
    intervals: Intervals

    def __post_init__(self) -> None:
        object.__setattr__(self, "intervals", as_intervals(self.intervals))

    @property
    def start(self) -> np.datetime64:
        """Where the first interval starts."""
        return np.datetime64(self.intervals[0, 0])

    @property
    def end(self) -> np.datetime64:
        """Where the last interval ends."""
        return np.datetime64(self.intervals[-1, 1])

    def contains(self, time: Times, margin: np.timedelta64 | None = None) -> Mask:
        """Return which times are withheld, or lie within `margin` of times that are."""
        return inside(self.intervals, time) if margin is None else inside(self.intervals, time, margin)

    def before(self, time: np.datetime64) -> "Holdout":
        """Return the part that lies before a time."""
        kept = self.intervals[self.intervals[:, 0] < time]
        return Holdout(self.name, np.minimum(kept, time))


@dataclass(frozen=True, slots=True)
class Split:
    """The test rows: everything from a date on.

    Parameters
    ----------
    date
        ISO date; rows from it on are test rows that no fit, scaler or choice ever sees.
    embargo
        Days before the date whose rows are neither trained on nor held out, because they lie too near in
        time.
    """

    date: str
    embargo: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "date", str(self.date))
        parse_date(self.date, "test split")
        object.__setattr__(self, "embargo", as_days(self.embargo, "test split"))

    def holdout(self) -> Holdout:
        """Return the test interval."""
        return Holdout("test", as_intervals([[np.datetime64(self.date, "us"), FAR_FUTURE]]))

    def to_json(self) -> dict[str, Any]:
        """Return the split as plain JSON values."""
        return {"kind": "date", "date": self.date, "embargo": self.embargo}


class Jackknife(Protocol):
    """What a splitter offers: the folds of the training record, and the embargo in days around each."""

    @property
    def embargo(self) -> float:
        """Days on both sides of a fold whose rows are dropped from that fold's training."""
        ...

    def holdouts(self, time: Times) -> list[Holdout]:
        """Return the folds of the times given; they do not overlap, and each has a time."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the splitter as plain JSON values with its `kind`."""
        ...


_SPLITTERS: dict[str, type[Any]] = {}
SplitterClass = TypeVar("SplitterClass", bound=type[Any])


def splitter_kind(kind: str) -> Callable[[SplitterClass], SplitterClass]:
    """Register a splitter, a frozen dataclass, under the kind that its JSON values name."""

    def register(splitter: SplitterClass) -> SplitterClass:
        _SPLITTERS[kind] = splitter
        return splitter

    return register


@splitter_kind("years")
@dataclass(frozen=True, slots=True)
class LeaveYearsOut:
    """Leave one year, or several years in a row, out.

    Parameters
    ----------
    years
        Years a fold, counted from the first year that has training rows.
    first_month
        Month in which a year begins; 10 for the hydrological year. A year is named after the year of its
        January: the hydrological year 2011 runs from October 2010 to September 2011.
    embargo
        Days on both sides of the held-out years whose rows are dropped from that fold's training.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange("2010-02-01", "2012-03-01", dtype="datetime64[D]")
    >>> [fold.name for fold in LeaveYearsOut().holdouts(time)]
    ['2010', '2011', '2012']
    >>> [fold.name for fold in LeaveYearsOut(years=2).holdouts(time)]
    ['2010-2011', '2012-2013']
    >>> LeaveYearsOut(first_month=10).holdouts(time)[0].end.astype("datetime64[D]")
    np.datetime64('2010-10-01')
    """

    years: int = 1
    first_month: int = 1
    embargo: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "years", as_whole(self.years, 1, 1000, "number of years that the jackknife leaves out")
        )
        object.__setattr__(
            self, "first_month", as_whole(self.first_month, 1, 12, "first month of the jackknife's years")
        )
        object.__setattr__(self, "embargo", as_days(self.embargo, "jackknife"))

    def holdouts(self, time: Times) -> list[Holdout]:
        """Return the folds; years without any time make none."""
        shift = (13 - self.first_month) % 12  # months by which a year begins before its January
        year = (time.astype("datetime64[M]").astype(np.int64) + shift) // 12 + 1970
        first = int(year.min()) if len(year) else 0
        starts = np.unique((year - first) // self.years) * self.years + first
        return [self._fold(int(start), shift) for start in starts]

    def _fold(self, start: int, shift: int) -> Holdout:
        name = f"{start}" if self.years == 1 else f"{start}-{start + self.years - 1}"
        begin, end = (np.datetime64(12 * (year - 1970) - shift, "M") for year in (start, start + self.years))
        return Holdout(name, as_intervals([[begin, end]]))

    def to_json(self) -> dict[str, Any]:
        """Return the splitter as plain JSON values."""
        return {
            "kind": "years",
            "years": self.years,
            "first_month": self.first_month,
            "embargo": self.embargo,
        }


@splitter_kind("blocks")
@dataclass(frozen=True, slots=True)
class LeaveBlocksOut:
    """Leave blocks of some days out, counted from the first training time; for records of a few years.

    Parameters
    ----------
    days
        Days a fold.
    embargo
        Days on both sides of the held-out block whose rows are dropped from that fold's training.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange("2010-01-01", "2010-04-01", dtype="datetime64[D]")
    >>> [fold.name for fold in LeaveBlocksOut(days=45).holdouts(time)]
    ['2010-01-01', '2010-02-15']
    """

    days: int
    embargo: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", as_whole(self.days, 1, 365_250, "number of days of the jackknife's blocks"))
        object.__setattr__(self, "embargo", as_days(self.embargo, "jackknife"))

    def holdouts(self, time: Times) -> list[Holdout]:
        """Return the folds; blocks without any time make none."""
        if not len(time):
            return []
        first = time.min().astype("datetime64[D]")
        number = np.unique((time.astype("datetime64[D]") - first).astype(np.int64) // self.days)
        edges = [(first + n * self.days, first + (n + 1) * self.days) for n in number.tolist()]
        return [Holdout(str(start), as_intervals([[start, end]])) for start, end in edges]

    def to_json(self) -> dict[str, Any]:
        """Return the splitter as plain JSON values."""
        return {"kind": "blocks", "days": self.days, "embargo": self.embargo}


def as_whole(value: Any, least: int, most: int, what: str) -> int:
    """Return a whole number of a splitter as Python's; DesignError where it is none, or out of bounds."""
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or value != int(value):
        raise DesignError(f"The {what} is {value!r}; it must be a whole number from {least} to {most}.")
    return int(value)


def as_days(embargo: Any, where: str) -> float:
    """Return an embargo in days as Python's number; DesignError where it is none, negative or too long."""
    days = float(embargo) if isinstance(embargo, int | float | np.integer | np.floating) else np.nan
    if isinstance(embargo, bool) or not 0 <= days <= _LONGEST_EMBARGO:
        raise DesignError(
            f"The embargo of the {where} is {embargo!r}; it must be a number of days from 0 to {_LONGEST_EMBARGO}."
        )
    return days


def jackknife_from(value: Any) -> Jackknife | None:
    """Return a splitter from its shorthand ("year"), its JSON values, or itself."""
    if value is None:
        return None
    if type(value) in _SPLITTERS.values():
        given: Jackknife = value
        return given
    if value == "year":
        return LeaveYearsOut()
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str) and value["kind"] in _SPLITTERS:
        options = {str(key): option for key, option in value.items() if key != "kind"}
        try:
            made: Jackknife = _SPLITTERS[value["kind"]](**options)
            return made
        except TypeError as error:
            raise DesignError(f"The jackknife {dict(value)} cannot be understood ({error}).") from None
    names = ", ".join(kind.__name__ for kind in _SPLITTERS.values())
    raise DesignError(f"The jackknife {value!r:.100} is not known. Use 'year', None, or one of {names}.")


def split_from(value: Any) -> Split | None:
    """Return a test split from its shorthand (a date), its JSON values, or itself."""
    if value is None or isinstance(value, Split):
        return value
    if isinstance(value, Mapping):
        of_date = value.get("kind", "date") == "date" and "date" in value
        if not of_date or not set(value) <= {"kind", "date", "embargo"}:
            raise DesignError(f"The test split {dict(value)!r:.100} is not known. Give a date such as '2017-01-01'.")
        return Split(str(value["date"]), value.get("embargo", 0.0))
    return Split(str(value))
