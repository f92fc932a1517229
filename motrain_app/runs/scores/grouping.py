"""What rows are grouped by: season, year, month, fold, cell, or the classes or ranges of a variable."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.seasons import SEASONS, season_of
from motrain_app.runs.errors import RunError
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.judged_rows import JudgedRows
from motrain_app.runs.scores.row_values import RowValues

SEASON, YEAR, MONTH, FOLD, CELL, ALL = "season", "year", "month", "fold", "cell", "all"
KEYWORDS = (SEASON, YEAR, MONTH, FOLD, CELL, ALL)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
N_RANGES = 5
MOST_CLASSES = 50  # a variable of more whole numbers is a quantity, and has ranges
LEAST_DIGITS, MOST_DIGITS = 4, 17  # of the ends of ranges; the latter tell any two numbers apart
_SURE_DIGITS = 15  # that a float64 keeps of any decimal number
_KEPT = 0.75  # of its rows, which a range keeps at least when its ends are rounded
_SAMPLE = 1_000_000  # rows from which ranges are made, evenly taken, where there are more

Label = Callable[[JudgedRows], NDArray[np.int64]]


@dataclass(frozen=True)
class Grouping:
    """Groups of rows.

    Attributes
    ----------
    by
        What the rows are grouped by.
    names
        Of the groups, in order.
    label
        Takes the rows of a partition and returns the group of each, shape (rows,); −1 for none.
    """

    by: str
    names: tuple[str, ...]
    label: Label


def group_by_axis(by: str, plan: Plan, folds: Sequence[str]) -> Grouping:
    """Group by what every row has; `by` is one of `KEYWORDS`."""
    if by == ALL:
        return Grouping(by, (ALL,), lambda rows: np.zeros(len(rows.time), np.int64))
    if by == CELL:
        names = tuple(map(str, range(len(plan.lat))))
        return Grouping(by, names, lambda rows: rows.cell.astype(np.int64))
    if by == FOLD:
        return Grouping(by, tuple(folds), lambda rows: rows.fold.astype(np.int64))
    if by == SEASON:
        return _of_times(by, SEASONS, season_of(plan.time))
    if by == MONTH:
        return _of_times(by, MONTHS, plan.time.astype("datetime64[M]").astype(np.int64) % 12)
    year = plan.time.astype("datetime64[Y]").astype(np.int64) + 1970
    first, last = (int(year.min()), int(year.max())) if len(year) else (0, -1)
    return _of_times(by, tuple(map(str, range(first, last + 1))), year - first)


def _of_times(by: str, names: Sequence[str], group_of_time: NDArray[np.int64]) -> Grouping:
    return Grouping(by, tuple(names), lambda rows: group_of_time[rows.time])


@dataclass(frozen=True, slots=True)
class Cuts:
    """How the values of a variable make groups: found once, and then the same for all who group by it.

    Attributes
    ----------
    classes
        Values that are groups, ascending; empty where there are ranges.
    edges
        Ends of the ranges, ascending; the first and the last may be infinite.
    """

    classes: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()


def find_cuts(
    values: RowValues,
    withheld: Iterable[JudgedRows],
    n_rows: int,
    *,
    bins: Sequence[float] | None = None,
    others: Iterable[JudgedRows] = (),
) -> Cuts:
    """Find the classes of a variable (whole numbers, at most 50 of them), or else its ranges.

    Parameters
    ----------
    values
        Of the variable.
    withheld
        Rows that members withheld: they alone say where ranges end.
    n_rows
        At least as many as these.
    bins
        Ends of the ranges, as `checked_bins` lets them pass; by default of five ranges with equally many withheld rows,
        the first and the last of them open; these are rounded to as few digits, from four on, as leave each range most
        of its rows.
    others
        Further rows whose classes count.

    Raises
    ------
    RunError
        Where no row has a value.
    """
    if bins is not None:
        return Cuts(edges=tuple(map(float, bins)))
    step = max(1, -(-n_rows // _SAMPLE))
    sample: list[NDArray[np.float64]] = []
    classes: NDArray[np.float64] | None = np.zeros(0)
    first = 0
    for rows in withheld:
        found = values.at(rows.cell, rows.time)
        classes = _with_classes(classes, found)
        sample.append(found[(-first) % step :: step])
        first += len(found)
    for rows in others:
        classes = _with_classes(classes, values.at(rows.cell, rows.time))
    taken = np.concatenate(sample) if sample else np.zeros(0)
    taken = taken[np.isfinite(taken)]
    if classes is not None and len(classes):
        return Cuts(classes=tuple(classes.tolist()))
    if not first and values.meanings:
        raise RunError(f"No row was withheld, so none has a class of {values.name} that it could be grouped by.")
    if not first:
        raise RunError(
            f"No row was withheld, from which ranges of {values.name} could be made. Give their ends as bins."
        )
    if not len(taken):
        raise RunError(f"{values.name} has no value in any of the withheld rows, so they cannot be grouped by it.")
    inner = _rounded(np.unique(np.quantile(taken, np.arange(1, N_RANGES) / N_RANGES)), np.sort(taken))
    return Cuts(edges=(-np.inf, *inner, np.inf))


def _rounded(edges: NDArray[np.float64], ascending: NDArray[np.float64]) -> list[float]:
    """Round the ends of ranges to the fewest digits that keep them apart and leave each range most of its values.

    They are cut where their names say, so that whoever gives the printed ends as bins gets the same rows.

    Examples
    --------
    >>> _rounded(np.array([0.123449, 0.2]), np.array([0.1, 0.15, 0.3]))
    [0.1234, 0.2]
    >>> _rounded(np.array([0.123449, 0.2]), np.array([0.12342, 0.15, 0.3]))
    [0.12345, 0.2]
    """

    def counts(ends: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
        return np.diff(np.searchsorted(ascending, ends), prepend=0, append=len(ascending))

    least = _KEPT * counts(edges)
    exact: list[float] = edges.tolist()
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        found = [float(f"{edge:.{digits}g}") for edge in exact]
        if (np.diff(found) > 0).all() and (counts(found) >= least).all():
            return found
    return exact


def group_by_variable(values: RowValues, cuts: Cuts) -> Grouping:
    """Group by the classes of a variable, or by its ranges, as `find_cuts` found them."""
    if cuts.classes:
        return _classes(values, np.array(cuts.classes))
    return _ranges(values, np.array(cuts.edges))


def checked_bins(bins: Sequence[float]) -> tuple[float, ...]:
    """Return the ends of ranges; RunError where they are none."""
    try:
        edges = np.asarray(bins, np.float64)
    except (TypeError, ValueError):
        edges = np.zeros(0)
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise RunError(f"bins are {bins!r}: give two or more numbers, each larger than the one before.")
    return tuple(edges.tolist())


def _with_classes(classes: NDArray[np.float64] | None, found: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the classes with those of further values; None where they are no whole numbers, or too many."""
    if classes is None:
        return None
    # Most values repeat, but those of a quantity do not: a few tell.
    known = np.unique(found[: 4 * MOST_CLASSES])
    for values in (known, found):
        values = values[~np.isnan(values)]
        if not (np.isfinite(values) & (values == np.trunc(values))).all():
            return None
        classes = np.union1d(classes, values)
        if len(classes) > MOST_CLASSES:
            return None
    return classes


def _classes(values: RowValues, classes: NDArray[np.float64]) -> Grouping:
    names = tuple(values.meanings.get(one, f"{one:.0f}") for one in classes.tolist())

    def label(rows: JudgedRows) -> NDArray[np.int64]:
        found = values.at(rows.cell, rows.time)
        place = np.minimum(np.searchsorted(classes, found), len(classes) - 1)
        return np.where(classes[place] == found, place, -1)

    return Grouping(values.name, names, label)


def _ranges(values: RowValues, edges: NDArray[np.float64]) -> Grouping:
    """Group by ranges that hold their lower end, and the last one its upper end, too."""

    def label(rows: JudgedRows) -> NDArray[np.int64]:
        found = values.at(rows.cell, rows.time)
        place = np.searchsorted(edges, found, side="right") - 1
        place = np.where(found == edges[-1], len(edges) - 2, place)
        return np.where(np.isnan(found) | (place < 0) | (place > len(edges) - 2), -1, place).astype(np.int64)

    return Grouping(values.name, _names_of_ranges(edges, values.unit), label)


def _names_of_ranges(edges: NDArray[np.float64], unit: str) -> tuple[str, ...]:
    """Name ranges by their ends, with all digits that these have, so that the names tell where they are cut.

    Of ranges that were given, which are not open, the ends are known: those that no decimal number of fifteen digits
    is, as 1/3 or 3 · 0.1, have as many as tell them apart.

    Examples
    --------
    >>> _names_of_ranges(np.array([-np.inf, 270.0, 285.5, np.inf]), "K")
    ('under 270 K', '270 – 285.5 K', '285.5 K and over')
    >>> _names_of_ranges(np.array([0.30001, 0.30002, 0.4]), "")
    ('0.30001 – 0.30002', '0.30002 – 0.4')
    >>> _names_of_ranges(np.array([0.0, 0.1 * 3, 2 / 3]), "")
    ('0 – 0.3', '0.3 – 0.6667')
    """
    ends: list[float] = edges.tolist()
    written = {n: [f"{edge:.{n}g}" for edge in ends] for n in range(LEAST_DIGITS, MOST_DIGITS + 1)}
    most = MOST_DIGITS if np.isinf(edges).any() else _SURE_DIGITS
    exact = (text for n, text in written.items() if n <= most and [*map(float, text)] == ends)
    apart = (text for text in written.values() if len(set(text)) == len(ends))
    text = next(chain(exact, apart))
    after = f" {unit}" if unit else ""
    names = []
    for low, high in pairwise(text):
        if low == "-inf":
            names.append(f"under {high}{after}" if high != "inf" else "any")
        else:
            names.append(f"{low}{after} and over" if high == "inf" else f"{low} – {high}{after}")
    return tuple(names)
