"""Times of rows, as whoever asks an operator gives them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.errors import OperatorError

_DATE = len("2010-06-01")  # a sign behind it begins a zone


def as_times(time: Any, n: int) -> NDArray[np.datetime64]:
    """Return the times of n rows, datetime64[us] in UTC, shape (n,).

    Parameters
    ----------
    time
        datetime64; or text such as 2010-06-01T12:00, dates or datetimes, without a zone.

    Raises
    ------
    OperatorError
        Where they are plain numbers, which NumPy would take for microseconds since 1970, name a zone, cannot be read,
        or there is not one for each row.
    """
    given = np.asarray(time)
    objects = given.reshape(-1).tolist() if given.dtype.kind == "O" else []
    if given.size and (given.dtype.kind not in "MOU" or any(map(_is_number, objects))):
        raise OperatorError("The times are plain numbers. Pass dates: datetime64, or text such as 2010-06-01.")
    if _have_zones(given, objects):
        raise OperatorError("The times have a zone, such as +02:00. Convert them to UTC, and leave the zone out.")
    try:
        times = np.asarray(given, "datetime64[us]")
    except (TypeError, ValueError) as error:
        raise OperatorError(f"The times cannot be read as dates of the standard calendar ({error}).") from None
    if times.shape != (n,) or np.isnat(times).any():
        raise OperatorError(f"Pass one time for each of the {n} rows, and none missing.")
    return times


def _is_number(one: Any) -> bool:
    return isinstance(one, int | float | np.number)


def _have_zones(given: NDArray[Any], objects: list[Any]) -> bool:
    """Say whether a time names its zone, which NumPy would convert with no more than a warning."""
    texts = given if given.dtype.kind == "U" else np.array([one for one in objects if isinstance(one, str)], str)
    named = [np.char.rfind(texts, sign) >= _DATE for sign in "+-Zz"]
    return bool(np.any(named)) or any(getattr(one, "tzinfo", None) is not None for one in objects)
