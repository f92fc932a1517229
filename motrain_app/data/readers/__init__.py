"""File formats: a registry of readers, recognised by content.

A new format is one function with the decorator `reader`, in a new file of this folder: it is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from motrain_app.data.problems import Problem


@dataclass(frozen=True, slots=True)
class Raw:
    """What a reader hands over.

    Parameters
    ----------
    dataset
        The file as it is stored: lazy, not chunked, not decoded (attributes such as ``scale_factor``,
        ``_FillValue`` and the ``units`` of times still in place).
    problems
        Findings about the file as a whole.
    stored_bytes
        Bytes on disk of a variable, where they tell something that its declared shape does not.
    """

    dataset: xr.Dataset
    problems: tuple[Problem, ...] = ()
    stored_bytes: Callable[[str], int | None] = lambda name: None


@dataclass(frozen=True, slots=True)
class Reader:
    """One file format.

    Parameters
    ----------
    name
        What people call it.
    suffixes
        Customary endings, for file dialogs; recognition goes by content.
    recognise
        Tells the format by path and first bytes (no bytes for a folder). Must not open the file with a
        library.
    open
        Opens a recognised path, given what to call it in messages. Raises `DataError`.
    """

    name: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Path, bytes], bool]
    open: Callable[[Path, str], Raw]


_registry: list[Reader] = []


def reader(
    name: str, *, suffixes: tuple[str, ...], recognise: Callable[[Path, bytes], bool]
) -> Callable[[Callable[[Path, str], Raw]], Callable[[Path, str], Raw]]:
    """Decorator: registers a function that opens a format."""

    def register(function: Callable[[Path, str], Raw]) -> Callable[[Path, str], Raw]:
        _registry.append(Reader(name, suffixes, recognise, function))
        return function

    return register


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def all_readers() -> tuple[Reader, ...]:
    """Every reader, in the order of their names."""
    _import_all()
    return tuple(sorted(_registry, key=lambda one: one.name))


def find_reader(path: Path, head: bytes) -> Reader | None:
    """The reader that recognises this content, or None."""
    return next((one for one in all_readers() if one.recognise(path, head)), None)
