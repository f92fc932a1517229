"""One opened file in canonical form, before its times are sorted and before it meets other files."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from motrain_app.data.coordinates import CoordinateNames, find_coordinates, names_contradict
from motrain_app.data.decoding import decode_variable
from motrain_app.data.layout import Cells, Layout, find_layout, stack_variable
from motrain_app.data.metadata import describe
from motrain_app.data.problems import Problem, listing, refuse, shorten
from motrain_app.data.readers import Raw
from motrain_app.data.remedies import Remedy
from motrain_app.data.selection import spread
from motrain_app.data.sorting_out import Sorted, sort_out, why_no_positions, why_nothing_usable, why_ragged
from motrain_app.data.times import DecodedTimes, decode_times

# Times are held in memory; a header that declares more is not believed.
MOST_TIMES = 20_000_000
# Below this, what is declared and what is stored is not compared.
_LARGE_BYTES = 8 * 2**30
_RESERVED = ("space", "time", "lat", "lon", "grid_row", "grid_column")


@dataclass(slots=True)
class Piece:
    """What one file, or several joined ones, give to a dataset.

    Parameters
    ----------
    path
        The file, or the first of several.
    where
        What to call it in messages.
    variables
        On (space, time), (space) or (time); dask-backed; `time` in the order of the file.
    cells
        Their positions, or None for a file without any.
    times
        (n_times,) datetime64 in the order of the file, or None for a file without any.
    attrs
        Attributes of the file.
    remedies, problems
        What was done and found so far.
    """

    path: Path
    where: str
    variables: dict[str, xr.Variable]
    cells: Cells | None
    times: npt.NDArray[np.datetime64] | None
    attrs: dict[str, Any] = field(default_factory=dict)
    remedies: list[Remedy] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def build_piece(raw: Raw, *, path: Path, where: str) -> Piece:
    """Bring one file into canonical form.

    Raises
    ------
    DataError
        Positions, times or variables cannot be used: the codes of `find_layout`, `decode_times` and
        `sorting_out`.
    """
    dataset = raw.dataset
    ragged = why_ragged(dataset, where)
    if ragged is not None:
        raise ragged
    names = find_coordinates(dataset, where=where)
    times, time_dim = _read_times(dataset, names, where)
    layout: Layout | None = None
    if names.lat is not None and names.lon is not None:
        lat, lon = (decode_variable(dataset.variables[name]) for name in (names.lat, names.lon))
        layout = find_layout(lat, lon, time_dim=time_dim, where=where)
    else:
        reason = why_no_positions(dataset, has_time=times is not None, where=where)
        if reason is not None:
            raise reason
    found = sort_out(dataset, names, layout, time_dim)
    if not found.usable:
        raise why_nothing_usable(dataset, found, where)
    piece = Piece(
        path,
        where,
        {},
        layout.cells if layout is not None else None,
        times.values if times is not None else None,
        attrs=dict(dataset.attrs),
        remedies=[*(times.remedies if times else ()), *(layout.remedies if layout else ())],
        problems=[*raw.problems, *(times.problems if times else ()), *(layout.problems if layout else ())],
    )
    if names_contradict(names):
        piece.problems.append(
            Problem(
                "warning",
                "names_contradict",
                f"By its attributes {shorten(names.lat)} is the latitude and {shorten(names.lon)} the longitude",
                where=where,
                remedy="The attributes were believed, not the names: check on the map that the cells lie "
                "where they should.",
            )
        )
    _tell_what_was_left_out(piece, found)
    _tell_what_was_squeezed(piece, dataset, found, layout, time_dim)
    _add_variables(piece, raw, found, layout, time_dim)
    return piece


def _read_times(dataset: xr.Dataset, names: CoordinateNames, where: str) -> tuple[DecodedTimes | None, Hashable | None]:
    if names.time is None:
        unnamed = [dim for dim, size in dataset.sizes.items() if str(dim).lower() == "time" and size > 1]
        of_each_cell = [
            name
            for name, variable in dataset.variables.items()
            if variable.ndim > 1 and (variable.attrs.get("standard_name") == "time" or str(name).lower() == "time")
        ]
        if of_each_cell:
            raise refuse(
                "times_of_each_cell",
                f"Each cell has times of its own: {shorten(of_each_cell[0])} has more than one dimension",
                where=where,
                remedy="Save it on one dimension time that all cells share, with gaps where a cell has no value.",
            )
        if unnamed:
            raise refuse(
                "time_without_values",
                f"Its dimension {shorten(unnamed[0])} of {dataset.sizes[unnamed[0]]:,} steps has no times",
                where=where,
                remedy="Set them before saving: dataset['time'] = pandas.date_range(…).",
            )
        return None, None
    variable = dataset.variables[names.time]
    if variable.size > MOST_TIMES:
        raise refuse(
            "too_many_times",
            f"It declares {variable.size:,} times, more than {MOST_TIMES:,}",
            where=where,
            count=variable.size,
            remedy="Open a part of it, or check that the file is what it should be.",
        )
    on_dims = variable.dims[: variable.ndim - (variable.dtype == "S1")]
    if on_dims and not variable.sizes[on_dims[0]]:
        raise refuse("no_times", "It has no time steps", where=where, remedy="Check how the file was written.")
    times = decode_times(variable, name=str(names.time), where=where)
    return times, on_dims[0] if on_dims else None


def _tell_what_was_left_out(piece: Piece, found: Sorted) -> None:
    notes = (
        (
            "left_out_helpers",
            found.helpers,
            "describe other variables (bounds, grid mappings, times of forecasts)",
        ),
        ("left_out_text", found.text, "hold no numbers"),
        ("left_out_elsewhere", found.elsewhere, "lie neither in space nor in time"),
    )
    for code, names, reason in notes:
        if names:
            what = f"Left out, since they {reason}: {listing(names)}"
            piece.problems.append(Problem("note", code, what, where=piece.where, count=len(names)))
    if found.further:
        piece.problems.append(
            Problem(
                "warning",
                "further_dimensions",
                f"Left out, since they have further dimensions: {listing(found.further)}",
                where=piece.where,
                count=len(found.further),
                remedy="If they are needed, choose one entry of those dimensions or average over them before saving.",
            )
        )


def _tell_what_was_squeezed(
    piece: Piece, dataset: xr.Dataset, found: Sorted, layout: Layout | None, time_dim: Hashable | None
) -> None:
    known = {*(layout.space_dims if layout is not None else ()), time_dim}
    single = {dim for name in found.usable for dim in dataset.variables[name].dims if dim not in known}
    for dim in sorted(single, key=str):
        piece.remedies.append({"code": "squeeze", "dim": shorten(dim)})
        what = f"Its dimension {shorten(dim)} has one entry; it was removed"
        piece.problems.append(Problem("note", "squeeze", what, where=piece.where))


def _add_variables(
    piece: Piece,
    raw: Raw,
    found: Sorted,
    layout: Layout | None,
    time_dim: Hashable | None,
) -> None:
    cut: list[str] = []
    unwritten: list[str] = []
    # A file of one moment: what lies in space was measured then.
    snapshot = piece.times is not None and time_dim is None
    for name in found.usable:
        stored = raw.dataset.variables[name]
        decoded = decode_variable(stored, times=name in found.moments)
        variable, plan = stack_variable(decoded, layout, time_dim=time_dim)
        if snapshot and "time" not in variable.dims:
            variable = spread(variable, {"time": 1}).transpose(*variable.dims, "time")
        variable.attrs, variable.encoding = describe(stored, decoded)
        if stored.nbytes > _LARGE_BYTES and (present := raw.stored_bytes(str(name))) is not None:
            variable.encoding["stored_bytes"] = present
            unwritten.append(str(name))
        if plan.repeated_reads > 1:
            cut.append(str(name))
        piece.variables[_free_name(piece, str(name), {str(other) for other in found.usable})] = variable
    if unwritten:
        declared = sum(raw.dataset.variables[name].nbytes for name in unwritten)
        piece.problems.append(
            Problem(
                "note",
                "mostly_unwritten",
                f"It declares {declared / 1e9:,.0f} GB but stores less than a thousandth of it: {listing(unwritten)}",
                where=piece.where,
                count=len(unwritten),
                remedy="What was never written reads as missing; values are not checked one by one.",
            )
        )
    if cut:
        piece.problems.append(
            Problem(
                "note",
                "unfavourable_chunks",
                f"Stored chunks cross many rows of the grid, so each is read several times: {listing(cut)}",
                where=piece.where,
                count=len(cut),
                remedy="Rechunk the file with whole rows of the grid in a chunk if reading takes too long.",
            )
        )


def _free_name(piece: Piece, name: str, taken: set[str]) -> str:
    if name not in _RESERVED:
        return name
    new = f"{name}_variable"
    while new in taken or new in piece.variables:
        new += "_"
    piece.remedies.append({"code": "rename_variable", "variable": name, "name": new})
    what = f"A variable has the name {name}, which means a coordinate here; it was named {new}"
    piece.problems.append(Problem("note", "rename_variable", what, where=piece.where))
    return new
