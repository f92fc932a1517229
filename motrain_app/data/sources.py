"""From what a person names to files that exist and can be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from motrain_app.data.problems import DataError, Problem, listing, refuse, shorten
from motrain_app.data.readers import Raw, Reader, all_readers, find_reader
from motrain_app.data.refusals import refusal_of

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_HEAD_BYTES = 2048


def as_paths(source: Source) -> tuple[list[Path], list[Problem]]:
    """The files that a source names, each once.

    Parameters
    ----------
    source
        A path, or several to be opened as one.

    Raises
    ------
    DataError
        ``no_source`` or ``address``.
    """
    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    if not given:
        raise refuse("no_source", "No file was named", remedy="Name a NetCDF file or a Zarr folder.")
    paths: dict[str, Path] = {}
    problems: list[Problem] = []
    for one in given:
        text = os.fspath(one)
        if "://" in text:
            raise refuse(
                "address",
                "Addresses on a network are not opened",
                where=text,
                remedy="Download the file and open the copy.",
            )
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
        key = os.path.realpath(path) if "\0" not in text else text
        if key in paths:
            problems.append(Problem("note", "same_file_twice", "It was named twice; it is used once", where=text))
        paths.setdefault(key, path)
    return list(paths.values()), problems


def read_path(path: Path) -> tuple[Raw, Reader]:
    """Recognise a file by its content and open it.

    Raises
    ------
    DataError
        ``missing_file``, ``no_permission``, ``not_a_file``, ``not_zarr``, the codes of `refusals`, or those
        of a reader.
    """
    where = shorten(path.name or path, limit=120)
    try:
        head = _head(path, where)
        found = find_reader(path, head)
    except DataError:
        raise
    except PermissionError as error:
        raise refuse(
            "no_permission",
            "There is no permission to read it",
            where=where,
            remedy="Ask its owner, or change it with chmod u+r (for a folder chmod -R u+rX).",
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name cannot be used"
        raise refuse(
            "missing_file",
            f"There is no such file that can be read: {shorten(reason, limit=200)}",
            where=str(path),
            remedy="Check its name and its folder.",
        ) from error
    if found is None:
        raise refusal_of(path, head, where=where) if not path.is_dir() else _not_zarr(path, where)
    return found.open(path, where), found


def _head(path: Path, where: str) -> bytes:
    """The first bytes of a file; none for a folder."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        os.listdir(path)  # raises where it may not be read
        return b""
    if not stat.S_ISREG(mode):
        # Opening a pipe would wait for ever.
        raise refuse("not_a_file", "It is neither a file nor a folder", where=where, remedy="Name a file or a folder.")
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _not_zarr(path: Path, where: str) -> DataError:
    suffixes = tuple(suffix for one in all_readers() for suffix in one.suffixes)
    inside = sorted(child.name for child in path.iterdir() if child.suffix.lower() in suffixes)
    remedy = (
        f"Name the files in it, several at once if they belong together: {listing(inside, limit=3)}."
        if inside
        else "A Zarr folder has zarr.json or .zgroup at its top; perhaps the folder above or below is meant, "
        "or the copy is incomplete."
    )
    return refuse("not_zarr", "This folder is no Zarr store (it has no Zarr metadata)", where=where, remedy=remedy)
