"""Runs: staging, blocks, driver, store, resume. The run folder is the truth and outlives everything else.

Names are imported when they are first used: a worker needs few of them, and starts in half the time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder

if TYPE_CHECKING:
    from motrain_app.runs.launch import create_run, drive_run, resume, start_driver, train
    from motrain_app.runs.run import Run

__all__ = ["Run", "RunError", "RunFolder", "create_run", "drive_run", "resume", "start_driver", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "run" if name == "Run" else "launch"
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
