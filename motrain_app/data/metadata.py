"""What the attributes of a stored variable say about its values, in the units of the values themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

# They name other variables of the file, which are read, dropped or renamed here.
_REFERENCES = ("coordinates", "grid_mapping", "bounds", "climatology", "cell_measures", "formula_terms")
_RANGES = ("valid_range", "valid_min", "valid_max", "actual_range")


def describe(stored: xr.Variable, decoded: xr.Variable) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and encoding for the canonical variable.

    Parameters
    ----------
    stored
        As it stands in the file.
    decoded
        After scale, offset and missing values were applied.

    Returns
    -------
    attributes
        Those of the file, without references to other variables; ``valid_min`` and ``valid_max`` in decoded
        units, where the file gives a valid range.
    encoding
        ``packed_bits`` and ``packed_step`` of values that are stored as scaled integers. Nothing that a
        writer of files would act on: a canonical variable may have got missing values that its packing cannot
        hold.
    """
    attributes = {key: value for key, value in decoded.attrs.items() if key not in (*_REFERENCES, *_RANGES)}
    low, high = _valid_range(stored)
    if low is not None:
        attributes["valid_min"] = low
    if high is not None:
        attributes["valid_max"] = high
    encoding: dict[str, Any] = {}
    step = number_or_none(stored.attrs.get("scale_factor"))
    if step and stored.dtype.kind in "iu":
        encoding = {"packed_bits": 8 * stored.dtype.itemsize, "packed_step": abs(step)}
    return attributes, encoding


def _valid_range(stored: xr.Variable) -> tuple[float | None, float | None]:
    attributes: Mapping[str, Any] = stored.attrs
    if "_Unsigned" in attributes:
        return None, None  # the range may be written signed or unsigned: no telling which
    pair = np.atleast_1d(attributes.get("valid_range", ()))
    limits = list(pair) if pair.size == 2 else [attributes.get("valid_min"), attributes.get("valid_max")]
    low, high = (_unpacked(limit, stored) for limit in limits)
    return (low, high) if low is None or high is None or low < high else (None, None)


def _unpacked(limit: Any, stored: xr.Variable) -> float | None:
    """A limit in decoded units. NUG: it is packed like the values unless its type is that of the scale."""
    number = number_or_none(limit)
    step, offset = (stored.attrs.get(key) for key in ("scale_factor", "add_offset"))
    if number is None or (step is None and offset is None):
        return number
    scale_type = np.result_type(*(np.asarray(part).dtype for part in (step, offset) if part is not None))
    if np.asarray(limit).dtype == scale_type and scale_type.itemsize > stored.dtype.itemsize:
        return number
    factor, shift = (
        number_or_none(1 if step is None else step),
        number_or_none(0 if offset is None else offset),
    )
    return None if factor is None or shift is None or factor < 0 else number * factor + shift


def number_or_none(value: Any) -> float | None:
    """A finite number from an attribute, or None: attributes may hold anything."""
    try:
        number = float(np.asarray(value).reshape(()).item())
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
