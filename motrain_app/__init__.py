"""motrain_app: partition, train, judge and take home machine-learned measurement operators for data assimilation.

Names are imported when they are first used: ``import motrain_app`` itself costs nothing, in a worker as on a login
node.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from motrain_app.data import DataError, open_dataset
    from motrain_app.design import (
        Blocks,
        Design,
        DesignError,
        Filter,
        Learner,
        LeaveBlocksOut,
        LeaveRandomOut,
        LeaveYearsOut,
        Period,
        Region,
        Split,
        box,
        polygon,
        read_regions,
        the_rest,
    )
    from motrain_app.learning import to_keras
    from motrain_app.operators import Operator, OperatorError
    from motrain_app.runs import Run, RunError, resume, train

_ROOM_OF = {
    "DataError": "data",
    "open_dataset": "data",
    "Blocks": "design",
    "Design": "design",
    "DesignError": "design",
    "Filter": "design",
    "LeaveBlocksOut": "design",
    "LeaveRandomOut": "design",
    "LeaveYearsOut": "design",
    "Learner": "design",
    "Period": "design",
    "Region": "design",
    "Split": "design",
    "box": "design",
    "polygon": "design",
    "read_regions": "design",
    "the_rest": "design",
    "to_keras": "learning",
    "Operator": "operators",
    "OperatorError": "operators",
    "Run": "runs",
    "RunError": "runs",
    "resume": "runs",
    "train": "runs",
}
__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'motrain_app' has no attribute {name!r}")
    # Absolute: `panel serve motrain_app` runs this file a second time under another name.
    return getattr(import_module(f"motrain_app.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
