"""Opening a source: files to the canonical dataset, the problems found and the remedies applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from motrain_app.data.canonical import Piece, build_piece
from motrain_app.data.joining import join_pieces, unite_times
from motrain_app.data.layout import Cells
from motrain_app.data.problems import DataError, Problem, listing, merge_problems, refuse, shorten
from motrain_app.data.readers import Raw
from motrain_app.data.remedies import Remedy, check_remedies
from motrain_app.data.selection import keep_where, mean_of, take
from motrain_app.data.sources import Source, as_paths, read_path
from motrain_app.data.time_axis import RepeatedTimes, Times, build_time_axis


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset and how it came about.

    Parameters
    ----------
    dataset
        In canonical form (DESIGN.md, section 2); lazy.
    problems
        Warnings and notes found on opening, in the order of the files.
    remedies
        All changes made on reading, as JSON-able dicts. Only those a person chose need to stand in a design.
    paths
        The files, each once.
    formats
        What kind each of them is.
    """

    dataset: xr.Dataset
    problems: tuple[Problem, ...]
    remedies: tuple[Remedy, ...]
    paths: tuple[Path, ...]
    formats: tuple[str, ...]


def open_dataset(source: Source, *, remedies: Iterable[Mapping[str, Any]] = ()) -> xr.Dataset:
    """Open data in canonical form.

    Parameters
    ----------
    source
        A NetCDF file or a Zarr folder, or several to be opened as one: variables side by side on the same
        cells, or the same variables over successive times.
    remedies
        Explicit remedies: ``{"code": "declare_missing", "variable": …, "value": …}`` and
        ``{"code": "repeated_times", "how": "shift" | "average"}``.

    Returns
    -------
    xarray.Dataset
        Dims `space` and `time`; coords `lat(space)` and `lon(space)` in degrees (float64, −180 ≤ lon < 180),
        `time` (datetime64, sorted, distinct, standard calendar), and on a grid `grid_row(space)` and
        `grid_column(space)`, which `unstack_grid` uses; variables on (space, time), (space) or (time),
        dask-backed.

    Raises
    ------
    DataError
        The source cannot be used; its text says why and what to do.

    See Also
    --------
    open_source : the same with the problems found and the remedies applied.
    """
    return open_source(source, remedies=remedies).dataset


def open_source(source: Source, *, remedies: Iterable[Mapping[str, Any]] = ()) -> Opened:
    """Open data in canonical form, with the problems found and the remedies applied.

    Parameters and errors are those of `open_dataset`.
    """
    explicit = check_remedies(remedies)
    paths, problems = as_paths(source)
    pieces: list[Piece] = []
    formats: list[str] = []
    errors: list[Problem] = []
    for path in paths:
        try:
            raw, reader = read_path(path)
            pieces.append(_built(raw, path))
            formats.append(reader.name)
        except DataError as error:
            errors.extend(error.problems)
    if errors:
        raise DataError(errors)
    joined = join_pieces(pieces)
    _check_complete(joined, paths)
    declared = _declare_missing(joined, explicit)
    how: RepeatedTimes = "shift"
    for remedy in explicit:
        how = remedy.get("how", how)
    finished = unite_times([_on_sorted_times(piece, how) for piece in declared])
    applied = [remedy for piece in finished for remedy in piece.remedies]
    applied += [remedy for remedy in explicit if remedy["code"] == "declare_missing"]
    return Opened(
        _assembled(finished),
        merge_problems([*problems, *(problem for piece in finished for problem in piece.problems)]),
        tuple(remedy for k, remedy in enumerate(applied) if remedy not in applied[:k]),
        tuple(paths),
        tuple(formats),
    )


def _built(raw: Raw, path: Path) -> Piece:
    where = shorten(path.name or path, limit=120)
    try:
        return build_piece(raw, path=path, where=where)
    except DataError:
        raise
    except Exception as error:  # attributes and values of a file may be anything; a person is told in words
        raise refuse(
            "unreadable",
            f"Its content contradicts itself: {shorten(error, limit=200)}",
            where=where,
            remedy="Look at it with ncdump -h, and check how it was written.",
        ) from error


def _check_complete(pieces: list[Piece], paths: list[Path]) -> None:
    where = shorten(paths[0].name, limit=120) if len(paths) == 1 else ""
    if all(piece.cells is None for piece in pieces):
        raise refuse(
            "no_coordinates",
            "There are series over time, but no latitudes and longitudes that say where",
            where=where,
            remedy="Name them lat and lon, or give them the attribute standard_name (latitude, "
            "longitude); or open it "
            "together with a file that has positions.",
        )
    if not any("space" in variable.dims for piece in pieces for variable in piece.variables.values()):
        raise refuse(
            "nothing_in_space",
            "None of its variables lies on the dimensions of its latitudes and longitudes",
            where=where,
            remedy="Save the variables on the same dimensions as the positions, e.g. station and time.",
        )
    if all(piece.times is None for piece in pieces):
        raise refuse(
            "no_time",
            "It has no time: nothing varies that could be learned from",
            where=where,
            remedy="If it has one, name it time and give it units such as 'days since 2000-01-01'. "
            "Constant fields "
            "are opened together with a file that has time.",
        )


def _declare_missing(pieces: list[Piece], explicit: tuple[Remedy, ...]) -> list[Piece]:
    declared = list(pieces)
    for remedy in explicit:
        if remedy["code"] != "declare_missing":
            continue
        name, value = remedy["variable"], remedy["value"]
        holder = next((k for k, piece in enumerate(declared) if name in piece.variables), None)
        if holder is None:
            names = [one for piece in declared for one in piece.variables]
            raise refuse(
                "unknown_variable",
                f"A value is to be declared missing in {shorten(name)}, which is not there",
                remedy=f"Variables that are there: {listing(names)}.",
            )
        variable = declared[holder].variables[name]
        # A float32 array holds 1e20 as 1.00000002e20: compare in its own precision.
        missing = variable.dtype.type(value) if variable.dtype.kind == "f" else float(value)
        cleaned = keep_where(variable, variable != missing)
        declared[holder] = replace(declared[holder], variables={**declared[holder].variables, name: cleaned})
    return declared


def _on_sorted_times(piece: Piece, how: RepeatedTimes) -> Piece:
    if piece.times is None:
        return piece
    axis = build_time_axis(piece.times, repeated=how, where=piece.where)
    if not len(axis.values):
        raise refuse(
            "no_times",
            "None of its rows has a time",
            where=piece.where,
            remedy="Check how the file was written.",
        )
    variables = {}
    for name, variable in piece.variables.items():
        if "time" in variable.dims:
            picked = take(variable, "time", axis.picks[0])
            if len(axis.picks) > 1:
                picked = mean_of(variable, "time", axis.picks)
            picked.attrs, picked.encoding = dict(variable.attrs), dict(variable.encoding)
            variable = picked
        variables[name] = variable
    return replace(
        piece,
        variables=variables,
        times=axis.values,
        remedies=[*piece.remedies, *axis.remedies],
        problems=[*piece.problems, *axis.problems],
    )


def _assembled(pieces: list[Piece]) -> xr.Dataset:
    cells = next(piece.cells for piece in pieces if piece.cells is not None)
    times = next(piece.times for piece in pieces if piece.times is not None)
    variables = {name: variable for piece in pieces for name, variable in piece.variables.items()}
    common = pieces[0].attrs
    for piece in pieces[1:]:
        common = {key: value for key, value in common.items() if str(piece.attrs.get(key)) == str(value)}
    return xr.Dataset(variables, coords=_coordinates(cells, times), attrs=common)


def _coordinates(cells: Cells, times: Times) -> dict[str, xr.Variable]:
    coords = {
        "lat": xr.Variable("space", cells.lat, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": xr.Variable("space", cells.lon, {"standard_name": "longitude", "units": "degrees_east"}),
        "time": xr.Variable("time", times, {"standard_name": "time"}),
    }
    if cells.shape is not None and cells.row is not None and cells.column is not None:
        for name, what, index, size in (
            ("grid_row", "row of the cell on its grid", cells.row, cells.shape[0]),
            ("grid_column", "column of the cell on its grid", cells.column, cells.shape[1]),
        ):
            coords[name] = xr.Variable("space", index, {"long_name": what, "grid_size": size})
    return coords
