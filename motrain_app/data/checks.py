"""What is wrong with a dataset: findings that cost a week if nobody makes them before training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from motrain_app.data.problems import Problem, listing, refuse, shorten
from motrain_app.data.sentinels import find_sentinels
from motrain_app.data.value_scan import Tally, scan_variable

# Beyond this ratio of mean to spread, float32 (24 bits) keeps fewer than about ten bits of the variation.
_LARGEST_MEAN_OVER_SPREAD = 1e4
_FEWEST_JUMPS_EACH_WAY = 5

Progress = Callable[[int, int], bool | None]


def check_dataset(dataset: xr.Dataset, *, progress: Progress | None = None) -> list[Problem]:
    """Check a dataset in canonical form; every value is read once, in blocks.

    Parameters
    ----------
    dataset
        From `open_dataset`, or made in memory.
    progress
        Called as ``progress(bytes_done, bytes_total)`` after each batch of blocks. Returning False stops the
        check; what was found so far is returned with a note. (None goes on.)

    Returns
    -------
    list of Problem
        First those of coordinates, then those of each variable. Errors: the dataset is not usable as it is.

    Raises
    ------
    DataError
        ``not_canonical``.
    """
    if not {"lat", "lon", "time"} <= set(dataset.coords):
        raise refuse(
            "not_canonical",
            f"The dataset has the coordinates {listing(dataset.coords) or 'none'}, not lat, lon and time",
            remedy="Open the file with open_dataset, which brings it into the form that is checked.",
        )
    problems = [*_check_positions(dataset), *_check_times(dataset)]
    names = [str(name) for name, array in dataset.data_vars.items() if array.dtype.kind in "fiub"]
    unwritten = {name for name in names if "stored_bytes" in dataset[name].encoding}
    scanned = [name for name in names if name not in unwritten]
    total = sum(dataset[name].nbytes for name in scanned)
    before = 0
    for name in unwritten:
        problems.append(_not_scanned(name, dataset[name].variable))
    for name in scanned:
        variable = dataset[name].variable

        def report(done: int, before: int = before) -> bool:
            return progress is None or progress(before + done, total) is not False

        try:
            tally, complete = scan_variable(variable, progress=report)
        except Exception as error:  # a damaged chunk raises whatever its library does; the check goes on
            problems.append(_unreadable(name, error))
            continue
        before += variable.nbytes
        problems.extend(_check_values(name, variable, tally))
        if not complete:
            problems.append(
                Problem(
                    "note",
                    "check_stopped",
                    "The check was stopped; not all values were read",
                    where=shorten(name),
                )
            )
            break
    return problems


def _check_positions(dataset: xr.Dataset) -> Iterator[Problem]:
    lat, lon = dataset["lat"].values, dataset["lon"].values
    beyond = int(np.count_nonzero(np.abs(lat) > 90))
    if beyond and np.abs(lon).max() <= 90:
        yield Problem(
            "error",
            "swapped_lat_lon",
            f"{beyond:,} of {lat.size:,} latitudes lie beyond ±90°, and no longitude does: they are probably exchanged",
            where="lat",
            count=beyond,
            remedy="Exchange them before saving: dataset.rename(lat='lon', lon='lat').",
        )
    elif beyond:
        yield Problem(
            "error",
            "latitude_out_of_range",
            f"{beyond:,} of {lat.size:,} latitudes lie beyond ±90°",
            where="lat",
            count=beyond,
            remedy="Check units and order of the coordinates.",
        )
    order = np.lexsort((lon, lat))
    repeated = int(np.count_nonzero((np.diff(lat[order]) == 0) & (np.diff(lon[order]) == 0)))
    if repeated:
        yield Problem(
            "warning",
            "repeated_cells",
            f"{repeated:,} of {lat.size:,} cells lie exactly where another one lies",
            where="lat, lon",
            count=repeated,
            remedy="Halo columns of ocean grids do this; leave them out of regions, or the same data count twice.",
        )


def _check_times(dataset: xr.Dataset) -> Iterator[Problem]:
    years = np.unique(dataset["time"].values.astype("datetime64[Y]"))
    if len(years) == 1:
        yield Problem(
            "warning",
            "one_year",
            f"All times lie in one calendar year ({years[0]})",
            where="time",
            count=dataset.sizes["time"],
            remedy="Leaving out one year at a time is impossible; open more years, or hold out blocks of "
            "time or space.",
        )


def _check_values(name: str, variable: xr.Variable, tally: Tally) -> Iterator[Problem]:
    where = shorten(name)
    if not tally.count:
        return
    if tally.missing == tally.count:
        yield Problem(
            "warning",
            "all_missing",
            f"All {tally.count:,} values are missing",
            where=where,
            count=tally.count,
            remedy="Leave it out: as an input or output it would leave no row.",
        )
        return
    if tally.missing:
        share = 100 * tally.missing / tally.count
        what = f"{tally.missing:,} of {tally.count:,} values are missing ({share:.2g} %)"
        yield Problem("note", "gaps", what, where=where, count=tally.missing)
    if tally.infinite:
        yield Problem(
            "warning",
            "infinite_values",
            f"{tally.infinite:,} of {tally.count:,} values are infinite",
            where=where,
            count=tally.infinite,
            remedy="Rows with them are not used; a division by zero or an overflow made them.",
        )
    yield from _check_sentinels(name, variable, tally)
    if tally.finite > 1 and len(tally.lowest) == 1:
        yield Problem(
            "warning",
            "constant_variable",
            f"All {tally.finite:,} values are {_text(next(iter(tally.lowest)), variable)}",
            where=where,
            count=tally.finite,
            remedy="There is nothing to learn from it or about it; leave it out.",
        )
    elif tally.finite > 1 and abs(tally.mean) > _LARGEST_MEAN_OVER_SPREAD * tally.spread:
        yield Problem(
            "warning",
            "single_precision",
            f"Its mean ({tally.mean:.6g}) is more than ten thousand times its spread ({tally.spread:.3g}): "
            "single precision keeps little of what varies",
            where=where,
            count=tally.finite,
            remedy="Subtract a constant before saving, and save it as float64.",
        )
    if tally.beyond:
        low, high = variable.attrs.get("valid_min", "−∞"), variable.attrs.get("valid_max", "∞")
        yield Problem(
            "warning",
            "outside_valid_range",
            f"{tally.beyond:,} values lie outside the range that the file declares valid ({low} to {high})",
            where=where,
            count=tally.beyond,
            remedy="By the CF conventions they are missing: filter them out.",
        )
    yield from _check_overflow(where, tally)


def _check_sentinels(name: str, variable: xr.Variable, tally: Tally) -> Iterator[Problem]:
    for sentinel in find_sentinels(tally):
        value: Any = int(sentinel.value) if variable.dtype.kind in "iu" else sentinel.value
        often = "once" if sentinel.count == 1 else f"{sentinel.count:,} times"
        yield Problem(
            "warning",
            "undeclared_sentinel",
            f"The value {_text(sentinel.value, variable)} occurs {often}, "
            "far outside all others: it probably means missing",
            where=shorten(name),
            count=sentinel.count,
            remedy="Declare it missing.",
            fix={"code": "declare_missing", "variable": name, "value": value},
        )


def _check_overflow(where: str, tally: Tally) -> Iterator[Problem]:
    """Packed integers that ran over: the series leaps from one end of their range to the other and back.

    A binary variable leaps too, but always between the same two values.
    """
    up = [pair for pair in tally.jumps if pair[1] > pair[0]]
    down = [pair for pair in tally.jumps if pair[1] < pair[0]]
    if all(
        len({before for before, _ in jumps}) >= _FEWEST_JUMPS_EACH_WAY
        and len({after for _, after in jumps}) >= _FEWEST_JUMPS_EACH_WAY
        for jumps in (up, down)
    ):
        yield Problem(
            "warning",
            "packed_overflow",
            "Its values leap between the ends of what its packed integers can hold, at least "
            f"{len(tally.jumps):,} times: "
            "the packing has probably overflowed",
            where=where,
            count=len(tally.jumps),
            remedy="Ask for the file in floating point, or packed with a larger scale factor.",
        )


def _not_scanned(name: str, variable: xr.Variable) -> Problem:
    return Problem(
        "note",
        "mostly_unwritten",
        f"It declares {variable.nbytes / 1e9:,.0f} GB but {variable.encoding['stored_bytes'] / 1e6:,.1f} "
        "MB are stored; "
        "its values were not checked one by one",
        where=shorten(name),
        remedy="Check whether the file is complete.",
    )


def _unreadable(name: str, error: Exception) -> Problem:
    return Problem(
        "error",
        "unreadable_values",
        f"Its values cannot be read: {shorten(error or type(error).__name__, limit=200)}",
        where=shorten(name),
        remedy="The file is probably damaged. Copy or download it again.",
    )


def _text(value: float, variable: xr.Variable) -> str:
    """A value as it is written in its own precision: 1e+20, not 100000002004087734272."""
    return str(variable.dtype.type(value)) if variable.dtype.kind == "f" else str(int(value))
