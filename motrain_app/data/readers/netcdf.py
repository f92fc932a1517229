"""NetCDF: classic (3) and HDF5-based (4) files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import xarray as xr

from motrain_app.data.classic_header import BrokenHeader, classic_size, is_classic
from motrain_app.data.hdf5_header import find_superblock, hdf5_size
from motrain_app.data.problems import DataError, Problem, refuse, shorten
from motrain_app.data.readers import Raw, reader

_COPY_AGAIN = "Copy or download it again and compare the sizes; its missing part cannot be restored."


def _is_netcdf(path: Path, head: bytes) -> bool:
    if is_classic(head):
        return True
    if not head:
        return False
    with path.open("rb") as file:
        return find_superblock(file) is not None


@reader("NetCDF", suffixes=(".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5"), recognise=_is_netcdf)
def open_netcdf(path: Path, where: str) -> Raw:
    """Open a NetCDF file after comparing its length with what its header demands.

    Raises
    ------
    DataError
        ``truncated``, ``unfinished_file``, ``broken_header``, ``unreadable``, ``only_groups`` or
        ``no_variables``.
    """
    with path.open("rb") as file:
        classic = is_classic(file.read(4))
    if classic:
        _check_classic(path, where)
    else:
        _check_hdf5(path, where)
    try:
        dataset = xr.open_dataset(
            path.absolute(),
            engine=_engine(classic=classic),
            decode_cf=False,
            chunks=None,
            cache=False,
            create_default_indexes=False,
        )
    except DataError:
        raise
    except Exception as error:  # whatever a library raises on hostile bytes, a person is told in words
        raise refuse(
            "unreadable",
            f"The file cannot be read: {shorten(error, limit=200)}",
            where=where,
            remedy="It may be damaged, or another program is still writing it. Copy it again, or try ncdump -h on it.",
        ) from error
    if not dataset.variables:
        raise _without_variables(path, where)
    if not any(variable.encoding.get("fletcher32") for variable in dataset.variables.values()):
        note = Problem(
            "note",
            "no_checksum",
            "The file holds no checksums, so damaged bytes would not be noticed",
            where=where,
            remedy="Compare it with its source (sha256sum) if in doubt.",
        )
        return Raw(dataset, (note,))
    return Raw(dataset)


def _engine(*, classic: bool) -> str:
    """The library to read with: netCDF4 where it is installed, else one that reads this kind."""
    if importlib.util.find_spec("netCDF4") is not None:
        return "netcdf4"
    return "scipy" if classic else "h5netcdf"


def _check_classic(path: Path, where: str) -> None:
    present = path.stat().st_size
    with path.open("rb") as file:
        try:
            demanded = classic_size(file, file_bytes=present)
        except BrokenHeader as error:
            raise refuse(
                "broken_header", f"The NetCDF header is damaged: {error}", where=where, remedy=_COPY_AGAIN
            ) from error
    if present < demanded.bytes:
        raise _truncated(present, demanded.bytes, where)
    if demanded.open_ended:
        raise refuse(
            "unfinished_file",
            "Its header leaves the number of records open: it was not finished",
            where=where,
            remedy="Let the program that writes it close it, then open it again.",
        )


def _check_hdf5(path: Path, where: str) -> None:
    with path.open("rb") as file:
        superblock = find_superblock(file)
    demanded = hdf5_size(superblock) if superblock is not None else None
    present = path.stat().st_size
    if demanded is not None and present < demanded:
        raise _truncated(present, demanded, where)


def _truncated(present: int, demanded: int, where: str) -> DataError:
    return refuse(
        "truncated",
        f"The file is truncated: its header demands {demanded:,} bytes, {present:,} are there",
        where=where,
        count=demanded - present,
        remedy=_COPY_AGAIN,
    )


def _without_variables(path: Path, where: str) -> DataError:
    try:
        groups = [name for name in xr.open_groups(path.absolute(), decode_cf=False) if name != "/"]
    except Exception:  # only the wording of the refusal depends on it
        groups = []
    if groups:
        return refuse(
            "only_groups",
            f"The file keeps its variables in groups ({shorten(', '.join(groups), limit=200)}), none at its top",
            where=where,
            remedy="Save one group as a file of its own: "
            "xarray.open_dataset('in.nc', group='name').to_netcdf('out.nc').",
        )
    return refuse("no_variables", "The file holds no variables", where=where, remedy="Check how it was written.")
