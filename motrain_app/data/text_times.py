"""Times given as text or as date numbers, read only where they can mean one thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from motrain_app.data.problems import refuse, shorten

_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y", "%Y/%m/%d")
# Only digits: told apart by how many.
_COMPACT = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_FORMATS = ("ISO8601", *(day + clock for day in _DAYS for clock in _CLOCKS))
_MISSING = ("", "nat", "nan", "none", "null")

Times = npt.NDArray[np.datetime64]


def parse_text_times(texts: Sequence[str], *, where: str = "") -> tuple[Times, str]:
    """Times from text, in UTC.

    ISO 8601 is always accepted; other forms if exactly one reading fits all of them.

    Returns
    -------
    values
        (n,) datetime64; NaT for empty text.
    form
        The format that was used.

    Raises
    ------
    DataError
        ``ambiguous_times``: day and month could be exchanged; ``unreadable_times``.

    Examples
    --------
    >>> parse_text_times(["2007-01-02T00:00:00Z"])[0]
    array(['2007-01-02T00:00:00.000000000'], dtype='datetime64[ns]')
    >>> parse_text_times(["25/12/2007", "01/02/2008"])[1]
    '%d/%m/%Y'
    """
    # WRF writes 2007-01-02_00:00:00.
    cleaned = [None if t.strip().lower() in _MISSING else t.strip().replace("_", "T") for t in texts]
    given = [text for text in cleaned if text is not None]
    forms = _FORMATS
    lengths = {len(text) for text in given}
    if all(text.isdigit() for text in given) and len(lengths) == 1:
        forms = tuple(_COMPACT[n] for n in lengths if n in _COMPACT)
    readings: dict[str, Times] = {}
    for form in forms:
        values = _read(cleaned, form)
        if values is not None and not any(np.array_equal(values, other, equal_nan=True) for other in readings.values()):
            readings[form] = values
        if form == "ISO8601" and values is not None:
            break
    if len(readings) == 1:
        ((form, values),) = readings.items()
        return values, form
    example = shorten(repr(given[0] if given else ""))
    if readings:
        raise refuse(
            "ambiguous_times",
            f"Its times are text such as {example}, which fits {' and '.join(readings)} alike",
            where=where,
            count=len(texts),
            remedy="Write them as 2007-01-31 (ISO 8601) or as numbers with units 'days since …'.",
        )
    raise refuse(
        "unreadable_times",
        f"Its times are text such as {example}, which is no date that is known here",
        where=where,
        count=len(texts),
        remedy="Write them as 2007-01-31 (ISO 8601) or as numbers with units 'days since …'.",
    )


def parse_date_numbers(values: npt.NDArray[Any]) -> tuple[Times, str] | None:
    """Times from numbers such as 20070102 (20070102.25: a quarter of the day on); None if any is no date.

    Examples
    --------
    >>> parse_date_numbers(np.array([20070102.25]))[0]
    array(['2007-01-02T06:00:00.000000000'], dtype='datetime64[ns]')
    >>> parse_date_numbers(np.array([0.0, 1.0])) is None
    True
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not numbers.size or not np.isfinite(numbers).all() or numbers.min() < 16780101 or numbers.max() >= 22620101:
        return None
    days = _read([str(int(number)) for number in numbers], "%Y%m%d")
    if days is None:
        return None
    # Eight digits before the point leave about a second of precision after it.
    seconds = np.round((numbers - np.floor(numbers)) * 86400).astype("timedelta64[s]")
    return days + seconds, "%Y%m%d"


def _read(texts: Sequence[str | None], form: str) -> Times | None:
    try:
        moments = pd.to_datetime(np.array(texts, dtype=object), format=form, utc=True)
    except (ValueError, OverflowError, TypeError):
        return None
    values: Times = moments.tz_convert(None).to_numpy(dtype="datetime64[ns]")
    return values
