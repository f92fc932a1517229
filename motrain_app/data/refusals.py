"""What is refused by its first bytes, with advice: content that is no data, or not safe to open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from motrain_app.data.problems import DataError, refuse

_PICKLE_SUFFIXES = (".pickle", ".pkl", ".p", ".joblib")
_TO_NETCDF = "Open it in the software that made it and save it as NetCDF or Zarr"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of content that is not opened.

    Parameters
    ----------
    code
        The problem's code.
    recognise
        Tells this content by path and first bytes.
    what, remedy
        What is said about it.
    """

    code: str
    recognise: Callable[[Path, bytes], bool]
    what: str
    remedy: str


def _is_pickle(path: Path, head: bytes) -> bool:
    # Protocols 2 to 5 begin with 0x80 and their number; older ones are text and known by their suffix only.
    binary = len(head) > 2 and head[0] == 0x80 and head[1] in range(2, 6)
    return binary or path.suffix.lower() in _PICKLE_SUFFIXES


def _is_html(path: Path, head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<error"))


def _is_text(path: Path, head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)


def _starts(*magic: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.startswith(magic)


# The first that fits is told, so the most particular come first.
REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "empty_file",
        lambda path, head: not head,
        "The file has no content (zero bytes)",
        "Copy or download it again.",
    ),
    Refusal(
        "pickle",
        _is_pickle,
        "This is a Python pickle; opening one can run anybody's code, so it is never opened",
        f"{_TO_NETCDF}: a table with table.to_xarray().to_netcdf('data.nc'), an xarray object with "
        "to_netcdf('data.nc') or to_zarr('data.zarr').",
    ),
    Refusal(
        "html",
        _is_html,
        "This is a web page or an answer of a web server, not data",
        "The download went wrong, often because a login was needed: open the file in a browser to read "
        "why, and "
        "download it again.",
    ),
    Refusal(
        "grib",
        _starts(b"GRIB"),
        "This is a GRIB file, which is not read yet",
        "Convert it: cdo -f nc4 copy in.grib out.nc.",
    ),
    Refusal(
        "compressed",
        _starts(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd"),
        "This file is compressed as a whole",
        "Unpack it first (gunzip, bunzip2, unxz or unzstd).",
    ),
    Refusal(
        "archive",
        _starts(b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf", b"Rar!"),
        "This is an archive of files (zip, npz, xlsx or the like)",
        "Unpack it, then open the NetCDF file or the Zarr folder in it.",
    ),
    Refusal(
        "tiff",
        _starts(b"II*\x00", b"MM\x00*", b"II+\x00"),
        "This is a (Geo)TIFF image",
        f"{_TO_NETCDF}, e.g. with gdal_translate -of netCDF.",
    ),
    Refusal(
        "hdf4",
        _starts(b"\x0e\x03\x13\x01"),
        "This is an HDF4 file",
        "Convert it: h4toh5 in.hdf out.nc, or ncks in.hdf out.nc.",
    ),
    Refusal(
        "parquet",
        _starts(b"PAR1"),
        "This is a Parquet table, which is not read yet",
        f"{_TO_NETCDF}: table.to_xarray().to_netcdf('data.nc').",
    ),
    Refusal("matlab", _starts(b"MATLAB 5.0"), "This is a MATLAB file", f"{_TO_NETCDF}, with nccreate and ncwrite."),
    Refusal(
        "text",
        _is_text,
        "This is text, not NetCDF or Zarr",
        f"{_TO_NETCDF}: a table with table.to_xarray().to_netcdf('data.nc').",
    ),
)


def refusal_of(path: Path, head: bytes, *, where: str) -> DataError:
    """Why a file that no reader recognises is not opened, as an error to be raised.

    Parameters
    ----------
    path
        The file; only its name is looked at.
    head
        Its first bytes.
    where
        What to call it in the message.
    """
    for refusal in REFUSALS:
        if refusal.recognise(path, head):
            return refuse(refusal.code, refusal.what, where=where, remedy=refusal.remedy)
    return refuse(
        "unknown_format",
        f"This is no format that is read here (it begins with {head[:8].hex(' ')})",
        where=where,
        remedy=f"{_TO_NETCDF}.",
    )
