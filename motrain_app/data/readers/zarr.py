"""Zarr: stores of version 2 and 3 in a folder, with or without consolidated metadata."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from motrain_app.data.problems import DataError, Problem, listing, refuse, shorten
from motrain_app.data.readers import Raw, reader

_METADATA = ("zarr.json", ".zgroup", ".zmetadata", ".zattrs", ".zarray")
_HOW_TO_WRITE = "Write it with xarray: dataset.to_zarr('data.zarr')."
_CHECKSUMS = ("crc32", "fletcher32", "adler32", "gzip", "'checksum': True")


def _is_zarr(path: Path, head: bytes) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in _METADATA)


@reader("Zarr", suffixes=(".zarr",), recognise=_is_zarr)
def open_zarr(path: Path, where: str) -> Raw:
    """Open a Zarr folder.

    Raises
    ------
    DataError
        ``not_a_group``, ``only_groups``, ``no_variables``, ``zarr_without_dimensions`` or ``unreadable``.
    """
    root = _root_metadata(path, where)
    if root.get("node_type") == "array" or (path / ".zarray").is_file():
        raise refuse(
            "not_a_group",
            "This folder is a single Zarr array without coordinates",
            where=where,
            remedy=f"Open the folder above it, which holds the arrays together. {_HOW_TO_WRITE}",
        )
    version = 3 if (path / "zarr.json").is_file() else 2
    consolidated = bool(root.get("consolidated_metadata")) if version == 3 else (path / ".zmetadata").is_file()
    try:
        dataset = xr.open_dataset(
            path.absolute(),
            engine="zarr",
            decode_cf=False,
            chunks=None,
            cache=False,
            create_default_indexes=False,
            backend_kwargs={"consolidated": consolidated, "zarr_format": version},
        )
    except Exception as error:  # whatever a library raises on hostile metadata, a person is told in words
        raise (_without_dimensions(where) if _lacks_dimensions(path) else _unreadable(error, where)) from error
    if not dataset.variables:
        raise _without_arrays(path, where)
    problems = [] if _has_checksums(dataset) else [_no_checksum(where)]
    return Raw(dataset, tuple(problems), stored_bytes=partial(_stored_bytes, path, dataset))


def _root_metadata(path: Path, where: str) -> dict[str, Any]:
    file = path / "zarr.json"
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise _unreadable(error, where) from error
    return content if isinstance(content, dict) else {}


def _unreadable(error: Exception, where: str) -> DataError:
    return refuse(
        "unreadable",
        f"The Zarr store cannot be read: {shorten(str(error) or type(error).__name__, limit=200)}",
        where=where,
        remedy="Its metadata may be damaged or only half copied. Copy it again.",
    )


def _without_dimensions(where: str) -> DataError:
    return refuse(
        "zarr_without_dimensions",
        "The Zarr arrays do not name their dimensions",
        where=where,
        remedy=f"Write them with named dimensions. {_HOW_TO_WRITE}",
    )


def _lacks_dimensions(path: Path) -> bool:
    """Say whether an array of a store names no dimensions; what a library says of that varies."""
    for child in path.iterdir():
        if (child / ".zarray").is_file() and "_ARRAY_DIMENSIONS" not in _metadata(child / ".zattrs"):
            return True
        content = _metadata(child / "zarr.json")
        if content.get("node_type") == "array" and not content.get("dimension_names") and content.get("shape"):
            return True
    return False


def _metadata(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _without_arrays(path: Path, where: str) -> DataError:
    groups = sorted(
        child.name
        for child in path.iterdir()
        if child.is_dir() and any((child / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))
    )
    if groups:
        return refuse(
            "only_groups",
            f"The Zarr store has no arrays at its top, only groups: {listing(groups)}",
            where=where,
            remedy="Open one of its groups: it is a folder inside this one.",
        )
    return refuse("no_variables", "The Zarr store holds no arrays", where=where, remedy=_HOW_TO_WRITE)


def _has_checksums(dataset: xr.Dataset) -> bool:
    keys = ("compressors", "compressor", "filters", "serializer")
    described = (str([v.encoding.get(key) for key in keys]).lower() for v in dataset.data_vars.values())
    return all(any(word.lower() in text for word in _CHECKSUMS) for text in described)


def _no_checksum(where: str) -> Problem:
    return Problem(
        "note",
        "no_checksum",
        "The store holds no checksums, so damaged bytes would not be noticed",
        where=where,
        remedy="Compare it with its source if in doubt.",
    )


def _stored_bytes(path: Path, dataset: xr.Dataset, name: str) -> int | None:
    """Bytes on disk of one array, counted no further than a thousandth of what it declares.

    Beyond that the number decides nothing any more, and an array may have a million files.
    """
    enough = dataset.variables[name].nbytes // 1000
    total = 0
    for folder, _, files in os.walk(path / name):
        for file in files:
            total += os.stat(os.path.join(folder, file)).st_size
            if total > enough:
                return None
    return total
