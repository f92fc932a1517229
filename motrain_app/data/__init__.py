"""A file becomes a canonical dataset and a list of its problems; the sample dataset; the app's own files.

Names are imported when they are first used: the package itself costs nothing to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# `fingerprint` is the name of a function and of its module: imported here, the name always means the
# function.
from motrain_app.data.fingerprint import fingerprint
from motrain_app.data.problems import DataError, Problem

if TYPE_CHECKING:
    from motrain_app.data.assets import asset_path
    from motrain_app.data.checks import check_dataset
    from motrain_app.data.grids import unstack_grid
    from motrain_app.data.opening import Opened, open_dataset, open_source
    from motrain_app.data.readers import Reader, all_readers, reader
    from motrain_app.data.sample import make_sample, write_sample

__all__ = [
    "DataError",
    "Opened",
    "Problem",
    "Reader",
    "all_readers",
    "asset_path",
    "check_dataset",
    "fingerprint",
    "make_sample",
    "open_dataset",
    "open_source",
    "reader",
    "unstack_grid",
    "write_sample",
]

_MODULES = {
    "Opened": "opening",
    "Reader": "readers",
    "all_readers": "readers",
    "asset_path": "assets",
    "check_dataset": "checks",
    "make_sample": "sample",
    "open_dataset": "opening",
    "open_source": "opening",
    "reader": "readers",
    "unstack_grid": "grids",
    "write_sample": "sample",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
