"""Several files opened as one: over successive times, or side by side on the same cells."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from motrain_app.data.canonical import Piece
from motrain_app.data.matching import on_the_same_cells
from motrain_app.data.problems import Problem, listing, refuse, shorten
from motrain_app.data.selection import take
from motrain_app.data.time_axis import Times


def join_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """Bring files onto the same cells, continue those of successive times, and make names distinct.

    Files that share variables over time belong together: at different times they continue each other, at the
    same times they stand side by side and the shared names get the names of their files.

    Returns
    -------
    list of Piece
        With the same cells where they have any, and no variable name in two of them; times still as in the
        files.

    Raises
    ------
    DataError
        ``grids_differ``, ``sources_overlap`` or ``units_differ``.
    """
    if len(pieces) == 1:
        return list(pieces)
    joined = [piece for group in _groups(on_the_same_cells(pieces)) for piece in _join_group(group)]
    return _with_distinct_names(joined)


def unite_times(pieces: Sequence[Piece]) -> list[Piece]:
    """Put pieces with sorted, distinct times on the union of their times.

    Raises
    ------
    DataError
        ``sources_do_not_overlap`` where no time is common to all.
    """
    timed = [piece for piece in pieces if piece.times is not None]
    axes = [piece.times for piece in timed if piece.times is not None]
    if all(np.array_equal(axes[0], axis) for axis in axes[1:]):
        return list(pieces)
    counts = Counter(time for axis in axes for time in axis.astype("datetime64[us]").astype(np.int64).tolist())
    common = sum(count == len(axes) for count in counts.values())
    if not common:
        spans = (f"{piece.where} {_span(axis)}" for piece, axis in zip(timed, axes, strict=True))
        raise refuse(
            "sources_do_not_overlap",
            f"The files have no time in common: {listing(spans)}",
            remedy="Bring them to the same times first, e.g. by daily means, or open them one by one.",
        )
    union = np.unique(np.concatenate(axes))
    lacking = len(union) - common
    united = [piece if piece.times is None else _on_times(piece, union) for piece in pieces]
    united[0].remedies.append({"code": "unite_times", "count": lacking})
    united[0].problems.append(
        Problem(
            "warning",
            "unite_times",
            f"The files have different times; at {lacking:,} of {len(union):,} not all of them have values",
            count=lacking,
            remedy="Rows need all inputs: bring the files to the same times first if these rows matter.",
        )
    )
    return united


def _on_times(piece: Piece, union: Times) -> Piece:
    if piece.times is None or np.array_equal(piece.times, union):
        return piece
    place = np.searchsorted(piece.times, union).clip(max=len(piece.times) - 1)
    index = np.where(piece.times[place] == union, place, -1).astype(np.intp)
    variables = {
        name: take(variable, "time", index) if "time" in variable.dims else variable
        for name, variable in piece.variables.items()
    }
    return replace(piece, variables=variables, times=union)


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that share variables over time, directly or through others; in the order given."""
    groups: list[tuple[set[str], list[Piece]]] = []
    for piece in pieces:
        names = {name for name, variable in piece.variables.items() if "time" in variable.dims}
        members = [piece]
        for group in [group for group in groups if group[0] & names]:
            names |= group[0]
            members = group[1] + members
            groups.remove(group)
        groups.append((names, members))
    return [members for _, members in groups]


def _join_group(group: list[Piece]) -> list[Piece]:
    axes = [piece.times for piece in group if piece.times is not None]
    if len(group) == 1 or all(np.array_equal(np.sort(axes[0]), np.sort(axis)) for axis in axes[1:]):
        return group
    ordered = sorted(group, key=_first_and_last)
    for one, other in itertools.pairwise(ordered):
        if one.times is None or other.times is None:
            continue
        common = len(np.intersect1d(one.times, other.times))
        if 2 * common > min(len(np.unique(one.times)), len(np.unique(other.times))):
            raise refuse(
                "sources_overlap",
                f"{one.where} and {other.where} hold the same variables at {common:,} common times, and "
                "at others: "
                "they neither continue each other nor stand side by side",
                count=common,
                remedy="Rename the variables in one of them, or cut them to times that are equal or do not overlap.",
            )
    return [_concatenated(ordered)]


def _first_and_last(piece: Piece) -> tuple[np.datetime64, np.datetime64]:
    known = piece.times[~np.isnat(piece.times)] if piece.times is not None else np.empty(0, "datetime64[us]")
    coarse = known.astype("datetime64[us]")
    return (coarse.min(), coarse.max()) if coarse.size else (np.datetime64(0, "us"), np.datetime64(0, "us"))


def _concatenated(pieces: list[Piece]) -> Piece:
    first = pieces[0]
    names = list(dict.fromkeys(name for piece in pieces for name in piece.variables))
    lacking = {name: [p.where for p in pieces if name not in p.variables] for name in names}
    problems = [problem for piece in pieces for problem in piece.problems]
    remedies = [remedy for piece in pieces for remedy in piece.remedies]
    remedies.append({"code": "concatenate_files", "count": len(pieces)})
    variables: dict[str, xr.Variable] = {}
    for name in names:
        held = [piece.variables[name] for piece in pieces if name in piece.variables]
        if "time" not in held[0].dims:
            variables[name] = held[0]
            continue
        _check_units(name, held)
        parts = [p.variables[name] if name in p.variables else _missing_like(held[0], p) for p in pieces]
        variables[name] = xr.concat([xr.DataArray(part) for part in parts], dim="time").variable
        variables[name] = variables[name].transpose(*held[0].dims)
        variables[name].attrs, variables[name].encoding = dict(held[0].attrs), dict(held[0].encoding)
        if lacking[name]:
            what = (
                f"{shorten(name)} is missing in {len(lacking[name])} of {len(pieces)} files: {listing(lacking[name])}"
            )
            problems.append(Problem("warning", "variable_missing_in_file", what, count=len(lacking[name])))
    times = np.concatenate([piece.times for piece in pieces if piece.times is not None])
    return replace(first, variables=variables, times=times, remedies=remedies, problems=problems, path=_common(pieces))


def _check_units(name: str, held: list[xr.Variable]) -> None:
    units = {str(variable.attrs.get("units", "")).strip() for variable in held}
    if len(units) > 1:
        raise refuse(
            "units_differ",
            f"{shorten(name)} has different units in the files: {listing(sorted(units))}",
            remedy="Convert them to the same unit before opening them as one.",
        )


def _missing_like(variable: xr.Variable, piece: Piece) -> xr.Variable:
    n_times = len(piece.times) if piece.times is not None else 0
    return take(variable, "time", np.full(n_times, -1, dtype=np.intp))


def _with_distinct_names(pieces: list[Piece]) -> list[Piece]:
    """Names that occur in several pieces, with the names of their files appended."""
    counts = Counter(name for piece in pieces for name in piece.variables)
    shared = {name for name, count in counts.items() if count > 1}
    if not shared:
        return pieces
    taken = set(counts)
    renamed: list[Piece] = []
    for piece, label in zip(pieces, _labels(pieces), strict=True):
        names: dict[str, str] = {}
        for name in piece.variables:
            new = name
            if name in shared:
                new = f"{name}_{label}"
                while new in taken:
                    new += "_"
                taken.add(new)
            names[name] = new
        changed = {old: new for old, new in names.items() if old != new}
        if changed:
            piece.remedies.append({"code": "append_file_name", "names": changed})
            what = f"Variables of other files have the same names; here they were named {listing(changed.values())}"
            piece.problems.append(Problem("note", "append_file_name", what, where=piece.where, count=len(changed)))
        renamed.append(replace(piece, variables={names[n]: variable for n, variable in piece.variables.items()}))
    return renamed


def _labels(pieces: list[Piece]) -> list[str]:
    """A distinct valid identifier for each piece, from the name of its file."""
    stems = [_identifier(piece.path.stem) for piece in pieces]
    if len(set(stems)) < len(stems):
        stems = [_identifier(f"{piece.path.parent.name}_{piece.path.stem}") for piece in pieces]
    repeated = {stem for stem, count in Counter(stems).items() if count > 1}
    return [f"{stem}_{k}" if stem in repeated else stem for k, stem in enumerate(stems, start=1)]


def _identifier(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_") or "file"


def _common(pieces: list[Piece]) -> Path:
    """A path whose stem is what the names of successive files share: tas for tas_2007 and tas_2008."""
    stems = [piece.path.stem for piece in pieces]
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
    shared = "".join(letters[0] for letters in alike).rstrip("0123456789-_. ")
    return pieces[0].path.with_name(shared) if shared else pieces[0].path


def _span(axis: npt.NDArray[np.datetime64]) -> str:
    return f"{np.datetime_as_string(axis.min(), unit='D')}…{np.datetime_as_string(axis.max(), unit='D')}"
