"""Scale, offset, missing values and characters of one stored variable, by xarray's own rules."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

# A dataset with this one variable has no dimension of the same name, so xarray builds no index and reads
# nothing.
_ALONE = "the one variable"


def decode_variable(stored: xr.Variable, *, times: bool | xr.coders.CFDatetimeCoder = False) -> xr.Variable:
    """A stored variable with scale, offset and missing values applied, still lazy.

    Parameters
    ----------
    stored
        As it stands in the file.
    times
        Whether numbers with units such as ``days since 2000-01-01`` become moments, or the coder that does
        it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        Attributes contradict the values.
    """
    for name in ("scale_factor", "add_offset"):
        # xarray would fail only when values are read.
        value = np.asarray(stored.attrs.get(name, 1))
        if value.size != 1 or value.dtype.kind not in "fiu":
            raise ValueError(f"the attribute {name} is not one number but {value}")
    alone = xr.Dataset({_ALONE: xr.Variable(stored.dims, stored._data, dict(stored.attrs), dict(stored.encoding))})
    with warnings.catch_warnings():
        # Two different fill values are legal: both are applied.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        decoded = xr.decode_cf(alone, decode_times=times, decode_timedelta=False, decode_coords=False)
    return decoded[_ALONE].variable
