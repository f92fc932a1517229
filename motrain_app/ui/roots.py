"""Which files the screen may touch: those under the roots that whoever started the app named, and no others.

What counts is where a path leads, not how it is written: links and ``..`` are followed first, then compared.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from motrain_app.data import DataError, all_readers
from motrain_app.data.problems import listing, refuse, shorten
from motrain_app.data.readers import find_reader

LONGEST_PATH = 4096
LONGEST_NAME = 255
SCANNED_AT_MOST = 20_000
LISTED_AT_MOST = 1000
DESIGN_HEAD_BYTES = 4096

EntryKind = Literal["folder", "data", "design", "run"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder that the app can open.

    Attributes
    ----------
    name
        As it stands in the folder; text from outside, to be shown through `motrain_app.ui.escape.safe_text`.
    path
        Where it really lies.
    kind
        folder, data (NetCDF, Zarr), design or run.
    """

    name: str
    path: Path
    kind: EntryKind


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    folder
        Where it really lies; None for the list of the roots themselves.
    parent
        The folder above, where that is under the roots too.
    entries
        Folders first, then the rest, each by name.
    left_out
        Links that lead out of the roots.
    cut
        Whether there is more than is listed.
    """

    folder: Path | None
    parent: Path | None
    entries: tuple[Entry, ...]
    left_out: int = 0
    cut: bool = False


class Roots:
    """The folders, and single files, below which everything may be read.

    Parameters
    ----------
    paths
        They may be links themselves, and need not exist yet.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        real = (Path(os.path.realpath(os.path.expanduser(path))) for path in paths)
        self.paths = tuple(dict.fromkeys(real))

    def __repr__(self) -> str:
        return f"Roots({[str(path) for path in self.paths]})"

    def resolve(self, text: str | Path) -> Path:
        """Return where a path really leads.

        Parameters
        ----------
        text
            Absolute, or relative to one of the roots; the first root in which it exists counts.

        Raises
        ------
        DataError
            ``no_source``, ``address``, ``name_unusable``, or ``outside_roots``. Whether anything exists outside the
            roots is not told.
        """
        written = _checked(os.fspath(text))
        # Joining leaves an absolute path as it is.
        candidates = dict.fromkeys(os.path.join(root, written) for root in self.paths)
        inside = [path for path in map(_real, candidates) if self._holds(path)]
        if not inside:
            raise self._outside(written)
        return next((path for path in inside if os.path.exists(path)), inside[0])

    def resolve_tree(self, text: str | Path) -> Path:
        """Return where a path really leads, having looked at every link in the folder that it may be.

        A Zarr store is a folder of many files, and any of them may be a link to somewhere else.
        """
        path = self.resolve(text)
        for link in _links(path):
            if not self._holds(_real(link)):
                raise self._outside(link)
        return path

    def listing(self, folder: str | Path | None = None) -> Listing:
        """List what the app can open in a folder, without hidden files.

        Parameters
        ----------
        folder
            None for the roots themselves.

        Raises
        ------
        DataError
            As `resolve`; ``no_permission`` or ``missing_file`` where the folder cannot be read.
        """
        if folder is None:
            roots = [Entry(str(path), path, kind) for path in self.paths if (kind := _kind(path))]
            return Listing(None, None, tuple(roots))
        path = self.resolve(folder)
        try:
            with os.scandir(path) as scan:
                names = [one.name for one in islice(scan, SCANNED_AT_MOST + 1)]
        except OSError as error:
            code = "no_permission" if isinstance(error, PermissionError) else "missing_file"
            raise refuse(
                code,
                f"The folder cannot be listed: {shorten(error.strerror or error)}",
                where=str(path),
                remedy="Choose another folder.",
            ) from None
        shown = sorted((name for name in names if not name.startswith(".")), key=lambda name: (name.casefold(), name))
        found = [(name, _real(os.path.join(path, name))) for name in shown]
        inside = [(name, real) for name, real in found if self._holds(real)]
        entries = [Entry(name, real, kind) for name, real in inside if (kind := _kind(real))]
        entries.sort(key=lambda entry: entry.kind != "folder")
        return Listing(
            path,
            path.parent if self._holds(path.parent) else None,
            tuple(entries[:LISTED_AT_MOST]),
            left_out=len(found) - len(inside),
            cut=len(names) > SCANNED_AT_MOST or len(entries) > LISTED_AT_MOST,
        )

    def _holds(self, real: Path) -> bool:
        return any(real == root or root in real.parents for root in self.paths)

    def _outside(self, path: str) -> DataError:
        return refuse(
            "outside_roots",
            f"It lies outside the folders that may be read here ({listing(self.paths, limit=3) or 'there are none'})",
            where=path,
            remedy="Copy it there, or start the app with --root and its folder.",
        )


def _checked(text: str) -> str:
    if not text.strip():
        raise refuse("no_source", "No file was named", remedy="Name a NetCDF file or a Zarr folder.")
    if "\0" in text or len(text) > LONGEST_PATH or any(len(os.fsencode(n)) > LONGEST_NAME for n in text.split(os.sep)):
        raise refuse("name_unusable", "This can be the name of no file", where=shorten(text), remedy="Check the path.")
    if "://" in text:
        raise refuse(
            "address",
            "Addresses on a network are not opened",
            where=shorten(text),
            remedy="Download the file and open the copy.",
        )
    return os.path.expanduser(text)


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _links(path: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            if os.path.islink(file := os.path.join(folder, name)):
                yield file


def _kind(path: Path) -> EntryKind | None:
    """Say what a path is to the app, at the cost of a few looks; only opening it tells for sure."""
    try:
        if path.is_dir():
            if (path / "run.json").is_file():
                return "run"
            return "data" if find_reader(path, b"") else "folder"
        if not path.is_file():
            return None
        if path.suffix.lower() == ".json":
            return "design" if _looks_like_design(path) else None
        suffixes = {suffix for one in all_readers() for suffix in one.suffixes}
        return "data" if path.suffix.lower() in suffixes else None
    except OSError:
        return None


def _looks_like_design(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(DESIGN_HEAD_BYTES)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"schema"' in head and b'"inputs"' in head
