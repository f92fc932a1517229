"""Plain JSON values: what a design holds, so that it equals itself after it was saved and loaded."""

import json
from typing import Any

from motrain_app.design.errors import DesignError


def plain(value: Any, what: str) -> Any:
    """Return a copy of a value with tuples and arrays as lists, and NumPy's numbers as Python's.

    Raises
    ------
    DesignError
        Where JSON has no such value; `what` says of what it is a part.

    Examples
    --------
    >>> plain({"hidden": (8, 8)}, "learner")
    {'hidden': [8, 8]}
    """
    try:
        return json.loads(json.dumps(value, default=lambda array: array.tolist()))
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise DesignError(
            f"The {what} holds what JSON cannot hold. Use numbers, text, lists and dictionaries."
        ) from None
