"""The fixed vocabulary of remedies: changes made on reading, recorded as small JSON-able dicts.

Automatic remedies follow from the file alone, so a design need not record them. Explicit ones are somebody's
choice and stand in the design.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from motrain_app.data.problems import listing, refuse, shorten

Remedy = dict[str, Any]

# code -> what it does, as it is shown to people. Fields of each are listed where it is applied.
AUTOMATIC: dict[str, str] = {
    "append_file_name": "names that occur in several files got the name of their file",
    "concatenate_files": "files over successive times were put one after the other",
    "convert_calendar": "times were converted to the standard calendar",
    "decode_months": "times given in months or years were counted in calendar months",
    "drop_missing_times": "rows without a time were left out",
    "drop_unplaced_cells": "cells without a finite position were left out",
    "parse_times": "times given as text or date numbers were read",
    "radians_to_degrees": "positions in radians were converted to degrees",
    "rename_variable": "a variable had the name of a coordinate",
    "reorder_cells": "a file holds the cells in another order",
    "sort_time": "times were sorted",
    "squeeze": "a dimension of size one was removed",
    "unite_times": "files with different times were put on all of their times",
    "wrap_longitudes": "longitudes were wrapped to −180…180",
}
EXPLICIT: dict[str, str] = {
    "declare_missing": "a value was declared missing",
    "repeated_times": "times that occur several times were kept apart or averaged",
}
REPEATED_TIMES = ("shift", "average")


def check_remedies(remedies: Iterable[Mapping[str, Any]]) -> tuple[Remedy, ...]:
    """The explicit remedies among those given, checked.

    Automatic ones are accepted and skipped, since they are found again from the file: so the `remedies` of an
    `Opened` can be given back as they are.

    Raises
    ------
    DataError
        ``unknown_remedy`` or ``bad_remedy``.

    Examples
    --------
    >>> check_remedies([{"code": "sort_time"}, {"code": "repeated_times", "how": "average"}])
    ({'code': 'repeated_times', 'how': 'average'},)
    """
    return tuple(dict(remedy) for remedy in remedies if _is_explicit(remedy))


def _is_explicit(remedy: Mapping[str, Any]) -> bool:
    code = remedy.get("code") if isinstance(remedy, Mapping) else None
    if code in AUTOMATIC:
        return False
    if code == "declare_missing":
        _check_declare_missing(remedy)
        return True
    if code == "repeated_times":
        if remedy.get("how") not in REPEATED_TIMES:
            raise refuse(
                "bad_remedy",
                f"The remedy repeated_times has how = {shorten(repr(remedy.get('how')))}",
                remedy=f"Choose one of: {listing(REPEATED_TIMES)}.",
            )
        return True
    raise refuse(
        "unknown_remedy",
        f"There is no remedy {shorten(repr(code))}",
        remedy=f"Those a design may carry: {listing(EXPLICIT)}.",
    )


def _check_declare_missing(remedy: Mapping[str, Any]) -> None:
    value = remedy.get("value")
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
    if not number or not isinstance(remedy.get("variable"), str):
        raise refuse(
            "bad_remedy",
            f"The remedy declare_missing is incomplete: {shorten(dict(remedy))}",
            remedy='It needs a variable and a number: {"code": "declare_missing", "variable": "TG1", "value": -999}.',
        )
